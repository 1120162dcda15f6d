"""Executions whose runners are killed: what a test does to them, and what it reads afterwards."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.support.cli import mission

STEP_SECONDS = 30.0
"""How long a step may take to what is waited for."""
GONE_SECONDS = 15.0
"""How long the processes of a killed runner may take to end: their grace, and a slow machine."""


class Victim(StrEnum):
    """What is killed with SIGKILL."""

    RUNNER = "runner"
    SUPERVISOR = "supervisor"
    BOTH = "both"


class KilledRuns:
    """One database, and the processes that belong to its executions.

    `token` is in the environment of every step, as `STORM`: the missions put it there.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.home = folder / "home"
        self.folder = folder
        self.chance = random.Random(seed)
        self.token = f"storm-{os.getpid()}-{seed}"

    def tasks(self, name: str) -> dict[str, Any]:
        """Return the task runs of the newest execution of a mission by id, as JSON data."""
        shown = mission(self.home, "show", name, "--json").json
        return {task["task_id"]: task for task in shown["task_runs"]}

    def wait_for(self, name: str, reasons: Mapping[str, str]) -> None:
        """Wait until these steps of it have these reasons."""
        end = time.monotonic() + STEP_SECONDS
        while True:
            tasks = self.tasks(name)
            found = {task_id: tasks[task_id]["reason_code"] for task_id in reasons}
            if found == reasons:
                return
            assert time.monotonic() < end, found
            time.sleep(0.05)

    def kill(self, execution_id: str, victim: Victim = Victim.RUNNER) -> bool:
        """Kill what drives the execution; tell whether there was something to kill.

        Returns when the processes of its steps are gone, except after `BOTH`: then nobody is left
        to end them, and the next command does.
        """
        lease = self.rows(
            "SELECT pid FROM lease WHERE execution_id = ? AND owner IS NOT NULL", execution_id
        )
        if not lease or self.has_ended(execution_id):
            return False
        runner = lease[0][0]
        victims = [] if victim is Victim.SUPERVISOR else [runner]
        if victim is not Victim.RUNNER:
            victims += _supervisors(runner)
        killed = 0
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        if not killed:
            return False
        if victim is Victim.RUNNER:
            self.wait_until_nothing_is_left()
        return True

    def wait_until_nothing_is_left(self) -> None:
        """Fail unless every process of a step ends within `GONE_SECONDS`."""
        end = time.monotonic() + GONE_SECONDS
        while left := self.processes_of_steps():
            assert time.monotonic() < end, f"still alive: {[_command(pid) for pid in left]}"
            time.sleep(0.02)

    def stop(self) -> None:
        """End what a test that failed left running."""
        for pid in {*self._carrying(f"MISSION_HOME={self.home}"), *self.processes_of_steps()}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes_of_steps(self) -> list[int]:
        """Return the processes of steps, told by what the mission puts into their environment."""
        return self._carrying(f"STORM={self.token}")

    def has_ended(self, execution_id: str) -> bool:
        """Tell whether the execution is in a terminal state."""
        rows = self.rows(
            "SELECT state IN ('SUCCESS', 'FAILED', 'CANCELLED') FROM execution"
            " WHERE execution_id = ?",
            execution_id,
        )
        return bool(rows and rows[0][0])

    def launch(self, file: str) -> str:
        """Start a runner for a mission file of the folder; return the execution's id."""
        started = mission(self.home, "run", "--detach", str(self.folder / file))
        assert started.code == 0, started.err
        return started.out.strip()

    def resume(self, execution_id: str) -> None:
        """Start a new runner, unless the execution ended meanwhile."""
        resumed = mission(self.home, "resume", execution_id)
        assert resumed.code == 0 or self.has_ended(execution_id), resumed.err

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Return what a query of the database finds."""
        with closing(sqlite3.connect(self.home / "missions.db", timeout=10)) as database:
            return database.execute(sql, values).fetchall()

    def _carrying(self, variable: str) -> list[int]:
        wanted = variable.encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if wanted in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found


def _supervisors(runner: int) -> list[int]:
    """Return the children of a runner that are isolated Pythons: its supervisor."""
    try:
        children = Path(f"/proc/{runner}/task/{runner}/children").read_text("ascii").split()
    except OSError:
        return []
    return [int(pid) for pid in children if " -I " in _command(int(pid))]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
