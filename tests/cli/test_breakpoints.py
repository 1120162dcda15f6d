"""`run --break`: what is refused, what every view says of the pause, and a runner killed in it."""

import sqlite3
from pathlib import Path

import pytest

from tests.support.cli import Inside, mission
from tests.support.waiting import kill_and_wait, wait_until

MISSION = """\
version: "1.0"
name: nightly
steps:
  - {id: load, step_type: noop}
  - {id: deploy, depends_on: load, run: 'echo deployed >>ran'}
  - {id: sub, step_type: mission, parameters: {file: inner.yaml}, depends_on: deploy}
  - id: group
    depends_on: sub
    steps:
      - {id: x, step_type: noop}
handlers:
  always:
    - {id: tidy, step_type: noop}
"""
INNER = """\
version: "1.0"
name: inner
steps:
  - {id: one, step_type: noop}
  - {id: two, step_type: noop, depends_on: one}
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MISSION)
    (tmp_path / "inner.yaml").write_text(INNER)
    return Inside(tmp_path / "home", monkeypatch, capfd)


@pytest.mark.parametrize(
    ("code", "options", "told"),
    [
        (4, ["deplyo"], "did you mean `deploy`?"),
        (4, ["sub/tow"], "did you mean `two`?"),
        (4, ["group/y"], "the mission has no step `y`"),
        (4, ["deploy/x"], "`deploy` runs no mission"),
        (2, ["tidy"], "handlers have no breakpoints"),
        (2, ["deploy", "--skip", "deploy"], "`deploy` is not started in this run"),
    ],
)
def test_a_breakpoint_that_could_stop_nothing_is_refused(
    inside: Inside, code: int, options: list[str], told: str
) -> None:
    ran = inside("run", "m.yaml", "--break", *options)
    assert ran.code == code
    assert told in ran.err
    assert inside("ls", "--json").json == []


def state_of(inside: Inside, run: str) -> str:
    shown = inside("show", run, "--json")
    return str(shown.json["state"]) if shown.code == 0 else ""


def kill_runner(inside: Inside) -> None:
    with sqlite3.connect(inside.home / "missions.db") as database:
        [(pid,)] = database.execute("SELECT pid FROM lease")
    kill_and_wait(pid)


@pytest.mark.slow
def test_every_view_tells_of_the_pause_which_outlives_its_runner(
    inside: Inside, tmp_path: Path
) -> None:
    started = mission(
        inside.home,
        *("run", "m.yaml", "--detach", "--break", "deploy", "--break", "sub/two"),
        *("--break", "group/x"),
    )
    assert started.code == 0, started.err
    wait_until(lambda: state_of(inside, "nightly#1") == "PAUSED", "the pause")
    told = "paused at the breakpoint before deploy"
    shown = inside("show", "nightly#1", "--json").json
    assert (shown["reason_code"], shown["message"]) == ("BREAKPOINT", told)
    assert shown["breakpoints"] == ["sub/two", "group/x"]
    for command in (
        ["show", "nightly#1"],
        ["ls"],
        ["why", "nightly#1"],
        ["why", "nightly#1", "deploy"],
    ):
        assert told in inside(*command).out, command
    assert "pauses before sub/two" in inside("show", "nightly#1").out
    assert not (tmp_path / "ran").exists()

    kill_runner(inside)
    assert inside("show", "nightly#1", "--json").json["reason_code"] == "BREAKPOINT"
    assert inside("resume", "nightly#1").code == 0
    wait_until(lambda: state_of(inside, "inner#1") == "PAUSED", "the pause of the sub-mission")
    assert (tmp_path / "ran").read_text() == "deployed\n"
    below = "inner#1, a sub-mission of it, is paused at the breakpoint before two: `mission resume"
    for command in (["show", "nightly#1"], ["why", "nightly#1"], ["why", "nightly#1", "sub"]):
        assert f"{below} inner#1`" in inside(*command).out, command
    shown_text = inside("show", "nightly#1").out
    assert "pauses before group/x" in shown_text, "the other one was reached"
    assert "go on: mission resume inner#1" in inside("show", "inner#1").out
    assert inside("resume", "inner#1").code == 0
    wait_until(lambda: inside("ls", "--all").out.count("paused at") == 1, "the pause of the group")
    assert inside("cancel", "nightly#1").code == 0
    wait_until(lambda: state_of(inside, "nightly#1") == "CANCELLED", "the end")
    assert inside("audit", "verify").code == 0

    again = inside("rerun", "nightly#1", "--watch", "--json")
    assert again.json["state"] == "SUCCESS", "a rerun takes no breakpoints over"
