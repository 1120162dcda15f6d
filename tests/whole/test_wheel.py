"""The wheel holds all that running needs: built here, it runs a mission far from the repository."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.shared import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    subprocess.run([*pip, *build], check=True, capture_output=True, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_runs_a_mission_outside_of_the_repository(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    home = tmp_path / "home"
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(installed),
        "MISSION_HOME": str(home),
    }

    def mission(*arguments: str) -> str:
        code = "from tui.cli.main import entry; import tui; print(tui.__file__); entry()"
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        where, _, rest = done.stdout.partition("\n")
        assert Path(where).is_relative_to(installed)
        return rest

    mission("examples", "hello", "--copy", "copied")
    result = json.loads(mission("run", "copied/hello.yaml", "--json"))
    assert result["state"] == "SUCCESS"
    assert json.loads(mission("audit", "verify", "--json"))["verdict"] == "INTACT"
    detached = json.loads(mission("run", "copied/hello.yaml", "--detach", "--json"))
    mission("watch", detached["execution_id"])


def test_the_wheel_holds_licence_types_migrations_and_styles(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"core/py.typed", "storage/py.typed", "tui/py.typed", "tui/deck.tcss"} <= set(names)
    assert "storage/migrations/0001_initial.sql" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for page in ("mission.1", "mission-run.1", "mission-audit-verify.1"):
        assert any(name.endswith(f"share/man/man1/{page}") for name in names)
    assert any(name.endswith("share/doc/missiondeck/coming-from.md") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]
