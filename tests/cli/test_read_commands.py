"""Commands that look: what they print of executions in a real database."""

import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from core.domain.reasons import Reason
from core.domain.records import LogStream
from core.domain.states import AttemptState, ExecutionState, TaskState
from tests.support.cli import SCRIPT, Inside, environment, mission, on_a_terminal, start
from tests.support.old_format import back_to_format_1
from tests.support.staged import Stage, a_failed_execution, staged
from tests.support.waiting import wait_until_open


async def a_running_execution(stage: Stage) -> None:
    """`fetch` runs; no runner holds a lease, as after a crash of its machine."""
    await stage.create()
    await stage.execution(ExecutionState.RUNNING, Reason.STARTED, None)
    await stage.start("fetch")


async def a_created_execution(stage: Stage) -> None:
    """Nothing has happened yet."""
    await stage.create()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    staged(folder, a_failed_execution)
    return folder


@pytest.fixture
def look(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Inside:
    return Inside(home, monkeypatch, capfd)


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    return Inside(tmp_path, monkeypatch, capfd)


def test_without_a_database_the_list_is_empty_and_a_reference_is_not_found(inside: Inside) -> None:
    ran = inside("ls")
    assert (ran.code, ran.out) == (0, "")
    assert "mission run FILE" in ran.err
    assert inside("ls", "--json").json == []
    ran = inside("show", "@last", "--json")
    assert ran.code == 4
    assert ran.json["error"]["code"] == "NOT_FOUND"


def test_the_list_shows_state_in_words_and_why(look: Inside) -> None:
    head, line = look("ls").out.splitlines()
    assert head.split()[:3] == ["RUN", "ID", "STATE"]
    assert "release#1" in line
    assert "✗ failed" in line
    assert "1 done, 1 failed, 1 skipped" in line
    assert "`build` failed  STEP_FAILED" in line
    (one,) = look("ls", "--json").json
    assert one["counts"] == {"SUCCESS": 1, "FAILED": 1, "SKIPPED": 1}
    assert one["log_entry_count"] == 7
    assert look("ls", "--state", "SUCCESS", "--json").json == []
    ran = look("ls", "releas", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (4, "NOT_FOUND")
    assert ran.json["error"]["hint"] == "did you mean `release`?"
    assert len(look("ls", "release", "--state", "failed", "--json").json) == 1


def test_show_tells_at_a_glance_why_it_failed(look: Inside) -> None:
    ran = look("show", "@last")
    assert ran.code == 0
    for told in (
        "`build` failed  STEP_FAILED",
        "✗ build: exit 2: stop (2 attempts failed)  RETRIES_EXHAUSTED",
        "│ make: *** no rule to make target",
        "mission logs",
        "`build` failed  UPSTREAM_FAILED",
    ):
        assert told in ran.out


@pytest.mark.parametrize("how", ["full", "prefix", "@last", "@last-failed", "release"])
def test_an_execution_is_found_by_every_kind_of_reference(how: str, look: Inside) -> None:
    (one,) = look("ls", "--json").json
    reference = {"full": one["execution_id"], "prefix": one["execution_id"][:10]}.get(how, how)
    assert look("show", reference, "--json").json["execution_id"] == one["execution_id"]


def test_show_json_has_everything_an_inspector_needs(look: Inside) -> None:
    found = look("show", "@last", "--json").json
    build = found["task_runs"][1]
    assert build["task_id"] == "build"
    assert build["error"]["exit_code"] == 2
    assert [one["exit_code"] for one in build["attempts"]] == [75, 2]
    assert [one["log_entry_count"] for one in build["attempts"]] == [1, 3]
    assert build["state_changes"][-1]["reason_code"] == "RETRIES_EXHAUSTED"
    assert build["inputs"] == {"message": "no rule"}
    assert found["state_changes"][0]["to_state"] == "PENDING"
    assert found["audit_events"][-1]["event_type"] == "execution.finalized"


def test_show_of_a_step_lists_attempts_inputs_outputs_and_history(look: Inside) -> None:
    ran = look("show", "@last", "build")
    for title in ("Error (ProcessFailed, exit 2)", "Attempts", "Inputs", "Outputs", "History"):
        assert title in ran.out
    assert "RUNNING → WAITING  BACKOFF" in ran.out
    assert look("show", "@last", "build", "--json").json["task_id"] == "build"


def test_an_unknown_step_is_not_found_and_the_near_one_is_named(look: Inside) -> None:
    for name in ("show", "logs", "why"):
        ran = look(name, "@last", "biuld")
        assert ran.code == 4
        assert "build" in ran.err


def test_logs_of_a_step_are_the_text_it_wrote_and_nothing_else(look: Inside) -> None:
    assert look("logs", "@last", "fetch").out == "one\ntwo [red]not markup[/]\n\ufffd bin\n"
    assert look("logs", "@last", "build/1").out == "first try\n"
    both = look("logs", "@last", "build").out
    assert both == "first try\nsecond try\nno rule\n\x1b]52;c;cm0=\x07\x1b[31mstop\n"


def test_logs_of_all_steps_name_step_and_attempt(look: Inside) -> None:
    lines = look("logs", "@last").out.splitlines()
    assert lines[0] == "fetch#1 │ one"
    assert lines[-1] == "build#2 err │ stop"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--stream", "err"], ["first try", "no rule", "stop"]),
        (["--level", "warn"], ["first try", "no rule", "stop"]),
        (["--search", "TRY"], ["first try", "second try"]),
        (["-n", "2"], ["no rule", "stop"]),
        (["-n", "0"], []),
        (["--since", "1h", "--stream", "out"], ["second try"]),
        (["--since", "2999-01-01T00:00:00Z"], []),
        (["--search", "try", "-n", "1"], ["second try"]),
    ],
)
def test_logs_are_filtered_over_all_lines_also_when_followed(
    options: list[str], lines: list[str], look: Inside
) -> None:
    for follow in ([], ["-f"]):
        found = look("logs", "@last", "build", "--json", *options, *follow).ndjson
        assert [re.sub(r"\x1b.*m", "", one["message"]) for one in found] == lines
        assert {one["task_id"] for one in found} <= {"build"}


@pytest.mark.parametrize("step", ["build/0", "build/-1", "/1", "build/"])
def test_a_wrong_attempt_is_usage(step: str, look: Inside) -> None:
    assert look("logs", "@last", step).code == 2


def test_nothing_a_step_wrote_reaches_a_terminal_as_a_command(home: Path) -> None:
    for arguments in (["logs", "@last", "build"], ["logs", "@last"], ["show", "@last"]):
        drawn = on_a_terminal(home, *arguments).out
        assert "stop" in drawn
        assert "\x1b]" not in drawn
        assert "\x07" not in drawn
    assert (
        "\x1b[31mstop" not in on_a_terminal(home, "logs", "@last", "build", "--color", "never").out
    )


def test_a_terminal_gets_colour_and_its_own_width(home: Path) -> None:
    drawn = on_a_terminal(home, "ls", columns=60).out
    assert "\x1b[31m" in drawn
    plain = re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    assert max(map(len, plain.splitlines())) <= 60


def test_events_are_ndjson_that_can_be_resumed(look: Inside) -> None:
    everything = look("events").ndjson
    assert [one["seq"] for one in everything] == list(range(1, len(everything) + 1))
    assert {"v", "seq", "ts", "type", "execution_id"} <= set(everything[1])
    rest = look("events", "@last", "--since", "10").ndjson
    assert rest == [one for one in everything if one["seq"] > 10]
    ended = look("events", "@last", "-f").ndjson
    assert ended[-1]["type"] == "execution.finalized"


def test_watch_of_what_has_ended_prints_every_change_and_its_outcome(look: Inside) -> None:
    ran = look("watch", "@last")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[0].endswith("▶ running")
    assert any(
        line.endswith("✗ failed     build  exit 2: stop (2 attempts failed)  RETRIES_EXHAUSTED")
        for line in lines
    )
    assert any("↻ retrying   build" in line for line in lines)


def test_a_follower_in_another_process_sees_what_is_written_and_ends_with_it(
    tmp_path: Path,
) -> None:
    staged(tmp_path, a_created_execution)
    child = start(tmp_path, "logs", "@last", "-f", "--json")
    other = start(tmp_path, "watch", "@last")
    events = start(tmp_path, "events", "@last", "-f")

    async def the_rest(stage: Stage) -> None:
        await stage.adopt()
        await stage.execution(ExecutionState.RUNNING, Reason.STARTED, None)
        await stage.start("fetch")
        await stage.log("fetch", LogStream.STDOUT, [b"hello"])
        await stage.end("fetch", AttemptState.SUCCESS, 0)
        await stage.task("fetch", TaskState.SUCCESS, Reason.EXIT_ZERO)
        await stage.execution(ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE, None)

    time.sleep(0.5)
    staged(tmp_path, the_rest)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (0, b"")
    assert b'"message": "hello"' in out
    assert other.communicate(timeout=20)[0].count(b"done") >= 2
    assert other.returncode == 0
    assert b"execution.finalized" in events.communicate(timeout=20)[0]


def test_waiting_for_an_execution_gives_up_after_the_timeout(inside: Inside) -> None:
    staged(inside.home, a_created_execution)
    ran = inside("watch", "@last", "--timeout", "200ms")
    assert ran.code == 6
    assert "WAIT_TIMEOUT" in ran.err


def test_a_runner_that_is_gone_is_noticed_by_the_next_look(inside: Inside) -> None:
    staged(inside.home, a_running_execution)
    ran = inside("ls", "--json")
    (one,) = ran.json
    assert (one["state"], one["reason_code"]) == ("PAUSED", "RUNNER_LOST")
    assert "mission resume" in ran.err
    found = inside("show", "@last", "fetch", "--json").json
    assert found["attempts"][0]["state"] == "LOST"
    again = inside("ls", "--json")
    assert again.err == ""


def test_a_reader_of_a_pipe_may_leave_early(home: Path) -> None:
    child = start(home, "events")
    assert child.stdout is not None
    child.stdout.close()
    assert child.wait(20) in {0, 141}
    assert child.stderr is not None
    with child.stderr as stderr:
        assert stderr.read() == b""


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "missions.db").write_bytes(b"not a database at all" * 100)
    ran = mission(tmp_path, "ls", "--json")
    assert ran.code == 9
    assert ran.json["error"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize("command", [["logs", "@last", "-f"], ["watch", "@last"], ["events", "-f"]])
def test_ctrl_c_ends_a_follower_without_a_word(command: list[str], tmp_path: Path) -> None:
    staged(tmp_path, a_created_execution)
    child = start(tmp_path, *command)
    wait_until_open(child.pid, tmp_path / "missions.db")
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (130, b"")


def test_a_full_disk_behind_stdout_is_said(home: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPT, "ls"], stdout=full, stderr=subprocess.PIPE, env=environment(home), check=False
        )
    assert done.returncode == 9
    assert b"No space left on device" in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_closed_streams_are_no_bug(home: Path) -> None:
    command = f"exec '{SCRIPT}' ls >&- 2>&- <&-"
    assert subprocess.run(["sh", "-c", command], env=environment(home), check=False).returncode == 0


def test_a_database_of_an_older_version_is_migrated_by_whoever_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    staged(tmp_path, a_failed_execution)
    database = tmp_path / "missions.db"
    with closing(sqlite3.connect(database)) as connection:
        back_to_format_1(connection)
    look = Inside(tmp_path, monkeypatch, capfd)
    refused = look("audit", "verify")
    assert refused.code == 9
    assert "older version" in refused.err
    assert "mission ls" in refused.err
    listed = look("ls")
    assert listed.code == 0
    assert "was migrated to the current version" in listed.err
    assert len(list(tmp_path.glob("missions.db.format1-*.backup"))) == 1
    assert look("ls").err == ""
