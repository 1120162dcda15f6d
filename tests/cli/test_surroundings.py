"""Odd surroundings: no home, no name, a home that is no text, a working directory that is gone."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import UnavailableError, UsageError
from tests.support.cli import SCRIPT, Inside, environment
from tui.host.actor import actor_name
from tui.host.places import find_paths
from tui.host.scheduling.systemd_timer import installed

MISSION = """
version: "1.0"
name: m
steps: [{id: a, step_type: noop}]
"""
INTERRUPTED_IMPORT = """
import signal, sys
from tui.cli.main import entry

class Interrupting:
    name = sys.argv[1]

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv[1:] = ["ls"]
entry()
"""


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without HOME and without an entry in the list of users, as in many containers."""

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DATA", "CONFIG", "STATE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)


def test_a_user_without_a_home_is_told_to_set_one(nameless: None) -> None:
    with pytest.raises(UnavailableError, match="no home folder") as caught:
        find_paths({})
    assert "MISSION_HOME" in (caught.value.hint or "")


def test_a_user_without_a_home_has_no_timers_and_is_told_so(nameless: None) -> None:
    with pytest.raises(UnavailableError, match="no home folder"):
        installed({})
    assert installed({"XDG_CONFIG_HOME": "/nowhere"}) == []


def test_a_user_without_a_name_acts_by_number(nameless: None) -> None:
    assert actor_name({}).startswith(f"uid:{os.getuid()}@")
    assert actor_name({"MISSION_ACTOR": "ci"}) == "ci"


def test_a_home_that_cannot_be_one_is_refused_by_name(tmp_path: Path, nameless: None) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="MISSION_HOME is not a folder"):
        find_paths({"MISSION_HOME": str(tmp_path / "file")})
    with pytest.raises(UsageError, match="MISSION_HOME ~nobody"):
        find_paths({"MISSION_HOME": "~nobody-of-that-name/x"})
    with pytest.raises(UsageError, match="the database ~nobody"):
        find_paths({"MISSION_HOME": str(tmp_path)}, database="~nobody-of-that-name/x.db")


def test_an_error_about_the_home_itself_is_words_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    inside = Inside(tmp_path, monkeypatch, capfd)
    monkeypatch.setenv("MISSION_HOME", "~nobody-of-that-name")
    ran = inside("ls")
    assert (ran.code, ran.out) == (2, "")
    assert "error[USAGE]: MISSION_HOME" in ran.err


def test_a_home_whose_name_is_no_text_works(tmp_path: Path) -> None:
    home = tmp_path / os.fsdecode(b"h\xff\xfe")
    (tmp_path / "m.yaml").write_text(MISSION, encoding="utf-8")
    for arguments in (["run", "m.yaml"], ["run", "m.yaml", "--detach"], ["ls"], ["db", "check"]):
        done = subprocess.run(
            [SCRIPT, *arguments],
            cwd=tmp_path,
            env=environment(home),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("ls", 0),
        ("init", 9),
        ("validate m.yaml", 4),
        ("run --detach {file}", 0),
        ("ls --db relative.db", 2),
    ],
)
def test_a_working_directory_that_is_gone_is_no_bug(
    command: str, code: int, tmp_path: Path
) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(MISSION, encoding="utf-8")
    (tmp_path / "gone").mkdir()
    script = f"cd gone; rmdir ../gone; exec '{SCRIPT}' {command.format(file=file)}"
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["click", "tui.cli.frame", "tui.cli.commands.ls"])
def test_ctrl_c_while_the_program_is_being_imported_ends_it_without_a_word(
    module: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, module],
        env=environment(tmp_path),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, b"")


def test_a_project_file_that_may_not_be_looked_for_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def forbidden(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    inside = Inside(tmp_path, monkeypatch, capfd)
    monkeypatch.setattr("tui.host.settings.Path.is_file", forbidden)
    assert inside("ls").code == 0
