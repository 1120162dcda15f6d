"""The home folder is out of reach of every file step, whatever exists of it and however named."""

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from core.domain.reasons import Reason
from core.step_type.step_type import StepOutcome
from tests.core.steps.test_file import every_file_step
from tests.support.cli import mission
from tests.support.missions import mission_data
from tests.support.step_run import StepRunner
from tui.host.places import find_paths
from tui.host.session import protected_paths


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "inside").write_text("inside")
    return folder


def a_home(root: Path) -> Path:
    home = root / "home"
    (home / "keys").mkdir(parents=True)
    (home / "missions.db").write_text("database")
    (home / "keys" / "log.pem").write_text("key")
    return home


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def attempts(steps: StepRunner, path: str) -> list[tuple[str, StepOutcome]]:
    """Run every step that could read, write or remove `path`."""
    steps.ok("create_file", path="p/audit-x.vkey", content="planted")
    steps.ok("compress", source="p", destination="p.tar")
    steps.ok("create_file", path="inside", content="inside")
    wanted: list[tuple[str, dict[str, Any]]] = [
        *every_file_step(path),
        ("extract", {"source": "p.tar", "destination": path}),
        ("extract", {"source": "p.tar", "destination": f"{path}/deep/er"}),
        ("compress", {"source": "inside", "destination": path}),
        ("checksum", {"path": path}),
        ("list_directory", {"path": path}),
        ("file_search", {"path": path, "pattern": "*"}),
        ("wait_for", {"file": path, "timeout": 20}),
        ("sql_query", {"query": "CREATE TABLE x (a)", "database_url": f"sqlite:{path}"}),
    ]
    return [(name, steps.run(name, **parameters)) for name, parameters in wanted]


PATHS = [
    "home",
    "home/missions.db",
    "home/missions.db-wal",
    "home/config.toml",
    "home/keys/audit-x.vkey",
    "home/keys/log.pem",
    "home/new/deep/file",
    "home/../home/config.toml",
    "d/../home/config.toml",
    "link/config.toml",
    "link-to-keys/audit-x.vkey",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_file_step_reaches_into_the_home_folder(root: Path, path: str) -> None:
    home = a_home(root)
    (root / "d").mkdir()
    (root / "link").symlink_to("home")
    (root / "link-to-keys").symlink_to(home / "keys")
    os.link(home / "keys" / "log.pem", root / "hard")
    before = contents(home)
    steps = StepRunner(
        root, protected_paths=protected_paths(find_paths({"MISSION_HOME": str(home)}))
    )
    for name, outcome in attempts(steps, path):
        assert outcome.reason_code is Reason.SECURITY_VIOLATION, (name, outcome)
    for name, parameters in every_file_step("hard"):
        outcome = steps.run(name, **parameters)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION, (name, outcome)
    assert contents(home) == before


def test_a_home_in_several_places_is_protected_where_it_does_not_exist_yet(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(root / kind.lower()))
    (root / "data" / "missiondeck").mkdir(parents=True)
    paths = find_paths({}, database=str(root / "db" / "here.db"))
    steps = StepRunner(root, protected_paths=protected_paths(paths))
    for path in (
        paths.config,
        paths.config.parent,
        paths.keys / "audit-x.vkey",
        paths.logs / "runner.log",
        paths.db,
        paths.db.with_name("here.db-wal"),
    ):
        for name, outcome in attempts(steps, str(path.relative_to(root))):
            assert outcome.reason_code is Reason.SECURITY_VIOLATION, (path, name, outcome)
    assert not (root / "config" / "missiondeck").exists()
    assert steps.ok("create_file", path="config/other/x", content="x")["created"]


def test_an_archive_cannot_bring_the_way_to_a_home_that_does_not_exist_yet(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(root / kind.lower()))
    steps = StepRunner(root, protected_paths=protected_paths(find_paths({})))
    (root / "evil").symlink_to("inside")
    for member, source, destination in (
        ("config/missiondeck/config.toml", "inside", "."),
        ("missiondeck/config.toml", "inside", "config"),
        ("config", "evil", "."),
        ("config", "inside", "."),
    ):
        with tarfile.open(root / "x.tar", "w") as archive:
            archive.add(root / source, member)
        outcome = steps.run("extract", source="x.tar", destination=destination)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION, (member, outcome)
        assert not (root / "config").exists()


def test_a_database_outside_the_home_protects_itself_and_not_its_folder(root: Path) -> None:
    (root / "db").mkdir()
    (root / "db" / "real.db").write_text("database")
    (root / "alias.db").symlink_to("db/real.db")
    paths = find_paths({"MISSION_HOME": str(root.parent / "home")}, database=str(root / "alias.db"))
    steps = StepRunner(root, protected_paths=protected_paths(paths))
    for path in ("alias.db", "db/real.db", "db/real.db-wal", "db/real.db-journal"):
        for name, outcome in attempts(steps, path):
            assert outcome.reason_code is Reason.SECURITY_VIOLATION, (path, name, outcome)
    assert steps.ok("create_file", path="db/other.db", content="x")["created"]
    listed = steps.ok("list_directory", path=".", recursive=True)["entries"]
    assert "db/real.db" not in [entry["path"] for entry in listed]


def test_a_link_on_the_way_to_the_home_cannot_be_replaced(root: Path) -> None:
    (root / "real" / "home").mkdir(parents=True)
    (root / "way").symlink_to("real")
    paths = find_paths({"MISSION_HOME": str(root / "way" / "home")})
    steps = StepRunner(root, protected_paths=protected_paths(paths))
    outcome = steps.run("delete_file", path="way")
    assert outcome.reason_code is Reason.SECURITY_VIOLATION
    assert (root / "way").is_symlink()


def test_a_working_directory_within_the_home_serves_no_file_step(root: Path) -> None:
    home = a_home(root)
    protected = protected_paths(find_paths({"MISSION_HOME": str(home)}))
    for folder in (home, home / "keys"):
        outcome = StepRunner(folder, protected_paths=protected).run(
            "create_file", path="x", content=""
        )
        assert outcome.reason_code is Reason.SECURITY_VIOLATION
        assert "is inside" in (outcome.message or "")


def test_what_lists_and_packs_the_folder_above_leaves_the_home_out(
    root: Path, tmp_path: Path
) -> None:
    home = a_home(root)
    steps = StepRunner(
        root, protected_paths=protected_paths(find_paths({"MISSION_HOME": str(home)}))
    )
    listed = steps.ok("list_directory", path=".", recursive=True)
    assert [entry["path"] for entry in listed["entries"]] == ["inside"]
    assert steps.ok("file_search", path=".", pattern="**/*")["matches"] == ["inside"]
    steps.ok("compress", source=".", destination="all.tar", format="tar")
    with tarfile.open(root / "all.tar") as archive:
        assert archive.getnames() == ["inside"]


def test_an_archive_cannot_plant_a_key_from_above(root: Path) -> None:
    home = a_home(root)
    with tarfile.open(root / "x.tar", "w") as archive:
        archive.add(root / "inside", "home/keys/audit-x.vkey")
    before = contents(home)
    steps = StepRunner(
        root, protected_paths=protected_paths(find_paths({"MISSION_HOME": str(home)}))
    )
    outcome = steps.run("extract", source="x.tar", destination=".")
    assert outcome.reason_code is Reason.SECURITY_VIOLATION
    assert contents(home) == before


def test_a_run_cannot_plant_a_configuration_beside_its_database(tmp_path: Path) -> None:
    home = tmp_path / "home"
    file = tmp_path / "m.json"
    step = {
        "id": "plant",
        "step_type": "create_file",
        "parameters": {"path": "home/config.toml", "content": "x"},
    }
    file.write_text(json.dumps(mission_data(step)))
    ran = mission(home, "run", str(file), "--json", cwd=tmp_path)
    assert ran.json["step_results"]["plant"]["reason_code"] == Reason.SECURITY_VIOLATION
    assert not (home / "config.toml").exists()
