"""The missions that `run`, `plan` and `validate` take: a file, a name, or the folder's own."""

from pathlib import Path

import pytest

from tests.support.cli import mission

MISSION = """
version: "1.0"
name: {name}
steps:
  - {{id: say, name: say, step_type: command, parameters: {{command: echo, args: [{name}]}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "project"
    found.mkdir()
    return found


def write(path: Path, name: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(MISSION.format(name=name), "utf-8")


@pytest.mark.parametrize("file", ["mission.yaml", "mission.yml"])
def test_without_an_argument_the_mission_of_the_folder_is_taken(folder: Path, file: str) -> None:
    write(folder / file, "own")
    write(folder / "other.yaml", "other")
    for words in (("run", "-v"), ("plan",), ("validate",)):
        ran = mission(folder / "home", *words, cwd=folder)
        assert ran.code == 0, ran.err
        assert "own" in ran.out or file in ran.out


def test_without_a_mission_in_the_folder_what_was_found_is_said(folder: Path) -> None:
    write(folder / "missions" / "ship.yaml", "release")
    for command in ("run", "plan", "validate"):
        ran = mission(folder / "home", command, cwd=folder)
        assert ran.code == 4
        assert "there is no mission.yaml" in ran.err
        assert "release (missions/ship.yaml)" in ran.err


def test_a_mission_is_found_by_its_name(folder: Path) -> None:
    write(folder / "missions" / "ship.yaml", "release")
    ran = mission(folder / "home", "run", "release", "--json", cwd=folder)
    assert ran.code == 0, ran.err
    shown = mission(folder / "home", "show", "release", "--json", cwd=folder).json
    assert Path(shown["source_path"]) == folder / "missions" / "ship.yaml"
    assert mission(folder / "home", "validate", "release", cwd=folder).code == 0
    assert "say" in mission(folder / "home", "plan", "release", cwd=folder).out


def test_a_mission_is_found_by_its_name_in_the_folders_of_the_settings(folder: Path) -> None:
    write(folder / "elsewhere" / "ship.yaml", "release")
    (folder / "home").mkdir(mode=0o700)
    (folder / "home" / "config.toml").write_text(f'missions = ["{folder / "elsewhere"}"]\n')
    assert mission(folder / "home", "run", "release", cwd=folder).code == 0


def test_a_folder_of_the_same_name_does_not_hide_a_mission(folder: Path) -> None:
    write(folder / "ship.yaml", "release")
    (folder / "release").mkdir()
    assert mission(folder / "home", "run", "release", cwd=folder).code == 0
    ran = mission(folder / "home", "run", "release/", cwd=folder)
    assert ran.code == 3
    assert "is a folder" in ran.err


def test_a_misspelt_name_is_answered_with_the_right_one(folder: Path) -> None:
    write(folder / "ship.yaml", "release")
    ran = mission(folder / "home", "run", "relase", cwd=folder)
    assert ran.code == 4
    assert "did you mean `release`?" in ran.err


def test_a_name_of_two_missions_is_refused_with_both_files(folder: Path) -> None:
    write(folder / "ship.yaml", "release")
    write(folder / "missions" / "ship.yaml", "release")
    ran = mission(folder / "home", "run", "release", cwd=folder)
    assert ran.code == 4
    assert "AMBIGUOUS" in ran.err
    assert "ship.yaml, missions/ship.yaml" in ran.err


def test_what_looks_like_a_file_is_no_name(folder: Path) -> None:
    write(folder / "ship.yaml", "release.yaml")
    ran = mission(folder / "home", "run", "release.yaml", cwd=folder)
    assert ran.code == 4
    assert "release.yaml" in ran.err
