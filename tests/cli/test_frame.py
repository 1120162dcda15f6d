"""The frame of every command: exit codes, streams, settings, start-up."""

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from core.errors import BugError, MissionDeckError
from tests.support.cli import SCRIPT, Inside, environment, mission
from tui.cli.command import DeckGroup, command
from tui.cli.exit_code import EXIT_BROKEN_PIPE
from tui.cli.invocation import Invocation
from tui.host.places import find_paths
from tui.host.settings import Setting, load_settings
from tui.host.version import VERSION

ROOT = Path(__file__).parents[2]


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    return Inside(tmp_path, monkeypatch, capfd)


def raising(error: BaseException) -> DeckGroup:
    """A command line whose only command raises `error`."""

    @command("x")
    def x(_invocation: Invocation) -> None:
        raise error

    group = DeckGroup("mission")
    group.add_command(x)
    return group


def all_errors(kind: type[MissionDeckError] = MissionDeckError) -> Iterator[type[MissionDeckError]]:
    if kind.__module__ == "core.errors":
        yield kind
    for child in kind.__subclasses__():
        yield from all_errors(child)


ERRORS = sorted(set(all_errors()), key=lambda kind: kind.__name__)


def test_the_version_is_the_one_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_version_json_says_what_it_runs_on(inside: Inside) -> None:
    found = inside("version", "--json").json
    assert found["version"] == VERSION
    assert found["python"].startswith("3.")


def test_an_unknown_command_is_usage_and_names_the_near_one(inside: Inside) -> None:
    ran = inside("sho")
    assert ran.code == 2
    assert ran.out == ""
    assert "Did you mean `show`" in ran.err
    assert "hint: see `mission --help`" in ran.err


def test_an_error_with_json_is_an_object_on_stdout(inside: Inside) -> None:
    ran = inside("ls", "--json", "--limit", "none")
    assert ran.code == 2
    assert ran.json["error"]["code"] == "USAGE"
    assert ran.err == ""


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_of_ours_ends_with_its_own_exit_code(
    kind: type[MissionDeckError], inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.commands_table.root", raising(kind("it broke", hint="mend it")))
    ran = inside("x")
    assert ran.code == kind.exit_code
    assert f"error[{kind.code}]: it broke" in ran.err
    assert "hint: mend it" in ran.err


def test_the_exit_codes_are_those_of_the_table() -> None:
    codes = {kind.code: kind.exit_code for kind in all_errors()}
    wanted = {
        "USAGE": 2,
        "MISSION_INVALID": 3,
        "NOT_FOUND": 4,
        "AMBIGUOUS": 4,
        "CANCELLED": 5,
        "WAIT_TIMEOUT": 6,
        "CONFLICT": 7,
        "LEASE_HELD": 7,
        "AUDIT": 8,
        "UNAVAILABLE": 9,
        "BUG": 70,
    }
    assert wanted.items() <= codes.items()


def test_a_bug_leaves_a_report_without_the_values_of_the_user(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.commands_table.root", raising(ZeroDivisionError("oh")))
    before = inside("x")
    assert before.code == 70
    (report,) = (inside.home / "logs").glob("bug-*.txt")
    assert str(report) in before.err
    assert report.stat().st_mode & 0o777 == 0o600
    text = report.read_text()
    assert "ZeroDivisionError: oh" in text
    assert VERSION in text
    monkeypatch.setattr("tui.cli.commands_table.root", raising(BugError("again")))
    report.unlink()
    inside("x", "token=hunter2")
    assert "hunter2" not in "".join(p.read_text() for p in (inside.home / "logs").iterdir())


def test_a_refusal_of_the_system_is_unavailable_and_no_bug(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = PermissionError(13, "Permission denied", "/some/file")
    monkeypatch.setattr("tui.cli.commands_table.root", raising(refused))
    ran = inside("x")
    assert ran.code == 9
    assert "/some/file: Permission denied" in ran.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (SystemExit(143), 143),
        (click.exceptions.Exit(5), 5),
    ],
)
def test_ends_that_are_no_errors_keep_their_code(
    error: BaseException, code: int, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.commands_table.root", raising(error))
    ran = inside("x")
    assert ran.code == code
    assert "error" not in ran.err


def test_sigterm_ends_a_command_with_143(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, time; from tui.cli import frame, commands_table;"
        "import tests.cli.test_frame as t;"
        "commands_table.root = t.sleeping(); sys.exit(frame.run(['x']))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=environment(tmp_path),
    )
    assert child.stdout is not None
    with child.stdout as stdout:
        assert stdout.readline() == b"asleep\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 143


def sleeping() -> DeckGroup:
    """A command line whose only command sleeps until it is ended."""

    @command("x")
    def x(_invocation: Invocation) -> None:
        os.write(1, b"asleep\n")
        signal.pause()

    group = DeckGroup("mission")
    group.add_command(x)
    return group


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [SCRIPT, "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
        check=False,
    )
    os.close(writing)
    assert done.returncode == EXIT_BROKEN_PIPE
    assert done.stderr == b""


def test_a_locale_without_the_glyphs_gets_plain_ones(tmp_path: Path) -> None:
    ran = mission(
        tmp_path, "--help", env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    )
    assert ran.code == 0
    assert ran.out.isascii()


def test_the_home_moves_everything_and_db_the_database_alone(tmp_path: Path) -> None:
    paths = find_paths({"MISSION_HOME": str(tmp_path)})
    places = (paths.db, paths.keys, paths.config, paths.logs)
    assert all(place.is_relative_to(tmp_path) for place in places)
    moved = find_paths({"MISSION_HOME": str(tmp_path)}, database="/elsewhere/x.db")
    assert moved.db == Path("/elsewhere/x.db")
    assert moved.keys == paths.keys


def test_without_a_home_the_places_follow_xdg(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    paths = find_paths({})
    assert paths.db == tmp_path / "data" / "missiondeck" / "missions.db"
    assert paths.config == tmp_path / "config" / "missiondeck" / "config.toml"


def test_flags_beat_the_environment_beats_the_project_beats_the_user(tmp_path: Path) -> None:
    project = tmp_path / "project"
    below = project / "a" / "b"
    below.mkdir(parents=True)
    user = tmp_path / "config.toml"
    system = tmp_path / "etc" / "config.toml"
    system.parent.mkdir()

    def settings(
        environ: dict[str, str] | None = None, flag: str | None = None
    ) -> Mapping[str, Setting]:
        return load_settings(
            environ=environ or {},
            cwd=below,
            user_file=user,
            flags={"db": flag},
            system_file=system,
        ).found

    assert "db" not in settings()
    system.write_text("db = '/etc.db'\n[retention]\nexecutions = '1d'\n[safety]\nallow = []\n")
    assert settings()["db"].value == "/etc.db"
    assert settings()["retention"].value == {"executions": 86400.0}
    assert settings()["retention"].origin == str(system)
    user.write_text('db = "user.db"\n')
    assert settings()["db"].value == str(tmp_path / "user.db")
    (project / ".mission.toml").write_text('db = "project.db"\n')
    assert settings()["db"].value == str(project / "project.db")
    assert settings({"MISSION_DB": "env.db"})["db"].value == "env.db"
    flagged = settings({"MISSION_DB": "env.db"}, "flag.db")["db"]
    assert (flagged.value, flagged.origin) == ("flag.db", "--db")


@pytest.mark.parametrize(
    "text", ["db = 3", "color = 'pink'", "missions = 'x'", "not toml", "db = ''"]
)
def test_a_settings_file_with_a_wrong_value_is_refused_by_name(text: str, inside: Inside) -> None:
    (inside.home / "config.toml").write_text(text)
    ran = inside("db", "path")
    assert ran.code == 2
    assert "config.toml" in ran.err


def test_an_unknown_setting_is_only_noted(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("colour = 'x'\n")
    settings = load_settings(environ={}, cwd=tmp_path, user_file=file, flags={})
    assert "unknown setting 'colour'" in settings.notes[0]


def test_db_path_honours_flag_and_environment(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inside("db", "path").out == f"{inside.home / 'missions.db'}\n"
    monkeypatch.setenv("MISSION_DB", "/env/x.db")
    assert inside("db", "path").out == "/env/x.db\n"
    assert inside("db", "path", "--db", "/flag/x.db").out == "/flag/x.db\n"
    assert inside("--db", "/flag/x.db", "db", "path").out == "/flag/x.db\n"


def test_colour_is_for_terminals_unless_it_is_asked_for(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b" not in inside("nonsense").err
    monkeypatch.setenv("MISSION_COLOR", "always")
    assert "\x1b[31;1merror" in inside("nonsense").err
    monkeypatch.setenv("NO_COLOR", "1")
    (inside.home / "config.toml").write_text("color = 'always'\n")
    monkeypatch.delenv("MISSION_COLOR")
    assert "\x1b" not in inside("nonsense").err


def test_every_command_says_what_it_does_and_takes_json(inside: Inside) -> None:
    from tui.cli.commands_table import root

    def commands(
        group: click.Group, path: tuple[str, ...] = ()
    ) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            if isinstance(found, click.Group):
                yield from commands(found, (*path, name))
            else:
                assert found is not None
                yield (*path, name), found

    every = dict(commands(root))
    assert every
    for path, found in every.items():
        assert found.help, path
        assert any("--json" in option.opts for option in found.params), path
        assert inside(*path, "--help").code == 0
