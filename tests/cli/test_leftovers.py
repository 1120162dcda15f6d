"""What a step leaves running is told by every command that tells of the step."""

import re
from pathlib import Path

import pytest

from core.executors.local import HAS_LINUX_WAYS
from tests.support.cli import Inside

pytestmark = pytest.mark.skipif(not HAS_LINUX_WAYS, reason="needs a child subreaper")

LEAVING = """\
version: "1.0"
name: leaving
steps:
  - id: server
    name: Server
    step_type: script
    leftovers: {leftovers}
    parameters:
      script: |
        sleep {seconds} </dev/null >/dev/null 2>&1 &
        until grep -q sleep /proc/$!/comm; do :; done  # until then it bears the name of the shell
"""
SECONDS = "54.25"


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path / "home", monkeypatch, capfd)


def write(leftovers: str, seconds: str = SECONDS) -> None:
    Path("leaving.yaml").write_text(LEAVING.format(leftovers=leftovers, seconds=seconds))


def test_what_ends_with_the_execution_is_named_by_every_command(inside: Inside) -> None:
    write("execution")

    ran = inside("run", "leaving.yaml")

    assert ran.code == 0
    name = rf"sleep {SECONDS} \(pid \d+\)"
    assert re.search(rf"left running +server +{name}\n", ran.out)
    assert re.search(rf"leftovers ended +1 process, 0 survivors: {name}\n", ran.out)
    left = rf"left running: {name}, ended with the execution at the latest\n"
    shown = inside("show", "@last", "server").out
    assert re.search(left, shown)
    assert re.search(r"CPU \S+, peak \S+ MiB\n", shown)
    assert re.search(left, inside("why", "@last", "server").out)
    assert re.search(rf"left running +server +{name}\n", inside("watch", "@last").out)
    [event] = [one for one in inside("events", "@last").ndjson if one["type"] == "leftovers.ended"]
    assert re.fullmatch(f"1 process, 0 survivors: {name}", event["message"])


def test_what_ends_with_the_step_is_named_as_ended(inside: Inside) -> None:
    write("step")

    ran = inside("run", "leaving.yaml")

    assert ran.code == 0
    assert "left running" not in ran.out
    shown = inside("show", "@last", "server").out
    assert re.search(rf"ended: 1 process, 0 survivors: sleep {SECONDS} \(pid \d+\)\n", shown)
    assert "left running" not in inside("why", "@last", "server").out


def test_what_is_kept_is_said_to_be_kept(inside: Inside) -> None:
    write("keep", "0.3")

    ran = inside("run", "leaving.yaml")

    assert ran.code == 0
    assert "leftovers ended" not in ran.out
    shown = inside("show", "@last", "server").out
    assert re.search(r"left running: sleep 0\.3 \(pid \d+\), kept on purpose\n", shown)


@pytest.mark.parametrize(("leftovers", "has_start"), [("execution", True), ("keep", False)])
def test_what_is_to_be_ended_is_recorded_so_that_a_later_command_knows_it(
    inside: Inside, leftovers: str, has_start: bool
) -> None:
    write(leftovers, "0.25")

    assert inside("run", "leaving.yaml").code == 0

    attempts = inside("show", "@last", "server", "--json").json["attempts"]
    [left] = attempts[0]["census"]["left"]
    assert ("start" in left) is has_start
