"""A benchmark session: its folder, its level, and the tools it compares with."""

import json
import shutil
import sqlite3
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, MeasureError, measure, surroundings
from benchmarks.peers import PEERS
from benchmarks.report import Figure
from benchmarks.workload import Workload

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".bench"
"""Scratch files and results. It is in the repository, so that commits reach a real disk."""

PEERS_FOLDER = FOLDER / "peers"
"""Tools to compare with, each in a virtual environment of its own."""

Benchmark = Callable[["Bench"], Iterator[Figure]]


@dataclass(frozen=True)
class Bench:
    """One benchmark session. `level` is 0 for quick, 1 for default, 2 for full."""

    work: Path
    level: int
    rounds: int

    def pick(self, *by_level: Any) -> Any:
        """Return what belongs to this session's level; the last one for all above it."""
        return by_level[min(self.level, len(by_level) - 1)]

    @cached_property
    def mission(self) -> str:
        """The console script beside this Python; `MeasureError` when there is none."""
        script = Path(sys.executable).with_name("mission")
        if not script.exists():
            raise MeasureError(f"there is no {script}: `make setup` installs it")
        return str(script)

    @cached_property
    def peers(self) -> dict[str, str]:
        """The paths of the other tools that are here, by name; ninja is fetched from PyPI."""
        found = {name: peer.find(PEERS_FOLDER) for name, peer in PEERS.items()}
        found["ninja"] = found["ninja"] or _installed_ninja()
        return {name: path for name, path in found.items() if path is not None}

    def fresh(self, name: str) -> Path:
        """Return an empty folder."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def mission_file(self, load: Workload, kind: str, suffix: str = "yaml", limit: int = 4) -> Path:
        """Return the mission file of a workload, written on first use."""
        path = self.work / f"{load.name}-{kind}-{limit}.{suffix}"
        return path if path.exists() else load.write_mission(path, kind, parallel_limit=limit)

    def run_mission(self, file: Path, home: Path) -> Cost:
        """Measure `mission run` of a file with `home` as MISSION_HOME."""
        return measure([self.mission, "run", str(file)], cwd=home, env=environment(home))

    def probe(self, module: str, *arguments: object) -> dict[str, Any]:
        """Run `python -m benchmarks.MODULE` in a process of its own; return the JSON it prints."""
        found = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)],
            cwd=ROOT,
            env={**surroundings(), **environment(self.work)},
            check=False,
            capture_output=True,
            text=True,
        )
        if found.returncode:
            raise MeasureError(f"{module}: exit {found.returncode}\n{found.stderr[-1200:]}")
        result: dict[str, Any] = json.loads(found.stdout)
        return result


def environment(home: Path) -> dict[str, str]:
    """Return the environment for a mission process with `home` as MISSION_HOME."""
    return {"MISSION_HOME": str(home), "MISSION_DB": str(home / "missions.db"), "NO_COLOR": "1"}


def newest(home: Path, columns: str) -> tuple[Any, ...]:
    """Return columns of the newest execution of `home`, an empty tuple while there is none."""
    path = home / "missions.db"
    if not path.exists():
        return ()
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        row = database.execute(
            f"SELECT {columns} FROM execution ORDER BY id DESC LIMIT 1"
        ).fetchone()
    except sqlite3.OperationalError:  # the database is still being created
        return ()
    finally:
        database.close()
    return row or ()


def events_of(home: Path) -> int:
    """Return the number of audit events in the database of `home`."""
    database = sqlite3.connect(f"file:{home / 'missions.db'}?mode=ro", uri=True)
    try:
        return int(database.execute("SELECT max(seq) FROM event").fetchone()[0])
    finally:
        database.close()


def engine_seconds(home: Path) -> float:
    """Return how long the newest execution of `home` took, from RUNNING to its end."""
    return float(newest(home, "ended_at - started_at")[0]) / 1e9


def python_command(code: str) -> Sequence[str]:
    """Return the command that runs a line of Python in our environment."""
    return [sys.executable, "-c", code]


def _installed_ninja() -> str | None:
    place = PEERS_FOLDER / "ninja"
    binary = place / "bin" / "ninja"
    if binary.exists():
        return str(binary)
    try:
        venv.create(place, with_pip=True)
        subprocess.run(
            [place / "bin" / "python", "-m", "pip", "install", "--quiet", "ninja"],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return str(binary) if binary.exists() else None
