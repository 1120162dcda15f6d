"""Watching to the end, and the exit code of an outcome: one for every command that has one."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import ExecutionState, TaskState
from tests.support.cli import SCRIPT, Inside, environment, mission, on_a_terminal, start
from tests.support.terminal import Terminal
from tui.cli.following.outcome import exit_code

GATED = """
version: "1.0"
name: gated
steps:
  - {id: wait, step_type: command,
     parameters: {command: sh, args: ["-c", "until test -e go; do sleep 0.05; done; exit 3"]}}
"""
OUTCOMES = {
    "succeeded": (ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE, (), 0),
    "failed": (ExecutionState.FAILED, Reason.STEP_FAILED, (Reason.EXIT_NONZERO,), 1),
    "in time": (ExecutionState.FAILED, Reason.MISSION_TIMEOUT, (Reason.MISSION_TIMEOUT,), 1),
    "cancelled": (ExecutionState.CANCELLED, Reason.USER_CANCELLED, (), 5),
    "rejected": (ExecutionState.FAILED, Reason.STEP_FAILED, (Reason.REJECTED,), 5),
    "rejected and more": (
        ExecutionState.FAILED,
        Reason.STEP_FAILED,
        (Reason.REJECTED, Reason.TIMEOUT),
        1,
    ),
    "policy": (ExecutionState.FAILED, Reason.POLICY_VIOLATION, (Reason.POLICY_VIOLATION,), 5),
    "security": (ExecutionState.FAILED, Reason.SECURITY_VIOLATION, (), 5),
    "runs": (ExecutionState.RUNNING, Reason.STARTED, (Reason.EXIT_NONZERO,), 6),
    "paused": (ExecutionState.PAUSED, Reason.USER_PAUSED, (), 6),
    "lost": (ExecutionState.PAUSED, Reason.RUNNER_LOST, (), 9),
}


def a_failure(reason: Reason) -> TaskRun:
    return TaskRun(
        task_id="a",
        execution_id="e",
        state=TaskState.FAILED,
        reason_code=reason,
        position=0,
        updated_at=0,
    )


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_outcome_has_one_exit_code(outcome: str) -> None:
    state, reason, failed, code = OUTCOMES[outcome]
    assert exit_code(state, reason, [a_failure(one) for one in failed]) == code


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An execution whose only step fails once there is a file `go`; its home and id."""
    (tmp_path / "m.yaml").write_text(GATED, encoding="utf-8")
    home = tmp_path / "home"
    ran = mission(home, "run", "m.yaml", "--detach", cwd=tmp_path)
    yield home, ran.out.strip()
    (tmp_path / "go").touch()
    mission(home, "cancel", ran.out.strip(), "--wait")


def on_screen(home: Path, *arguments: str) -> Terminal:
    return Terminal([str(SCRIPT), *arguments], environment(home), home.parent, columns=80, rows=24)


def test_a_screen_that_watches_closes_with_the_run_and_exits_with_its_code(
    gated: tuple[Path, str],
) -> None:
    home, execution_id = gated
    terminal = on_screen(home, "watch", execution_id)
    try:
        terminal.wait_for("slots")
        (home.parent / "go").touch()
        assert terminal.wait_for_end() == 1
        assert "again: mission retry" in terminal.text
    finally:
        terminal.kill()
    ended = on_a_terminal(home, "watch", execution_id)
    assert ended.code == 1
    assert "failed" in ended.out
    assert "\x1b[?1049h" not in ended.out  # no screen opens for what has ended


def test_one_key_ends_the_watching_and_the_code_says_that_the_run_goes_on(
    gated: tuple[Path, str],
) -> None:
    home, execution_id = gated
    terminal = on_screen(home, "watch", execution_id)
    try:
        terminal.wait_for("slots")
        terminal.send("q")
        assert terminal.wait_for_end() == 6
        assert "it is still running" in terminal.text
    finally:
        terminal.kill()


def test_a_screen_that_was_opened_stays(gated: tuple[Path, str]) -> None:
    home, execution_id = gated
    terminals = [on_screen(home, "open", execution_id), on_screen(home, "watch", "--stay", "@last")]
    try:
        for terminal in terminals:
            terminal.wait_for("slots")
        (home.parent / "go").touch()
        for terminal in terminals:
            terminal.wait_for("✗ failed")
            terminal.send("q")
            terminal.wait_for("Executions")
    finally:
        for terminal in terminals:
            terminal.kill()


def test_a_watcher_whose_reader_leaves_ends_quietly(gated: tuple[Path, str]) -> None:
    home, execution_id = gated
    watcher = start(home, "watch", execution_id)
    assert watcher.stdout is not None
    assert watcher.stderr is not None
    watcher.stdout.readline()
    watcher.stdout.close()
    (home.parent / "go").touch()
    assert watcher.wait(20) == 141
    with watcher.stderr as said:
        assert said.read() == b""


ENDS = """
version: "1.0"
name: ends
params: {code: {type: string, default: "0"}}
steps:
  - {id: gate, step_type: approval, parameters: {prompt: "Go on?"}}
  - {id: work, step_type: command, depends_on: [gate],
     parameters: {command: sh, args: ["-c", "exit $CODE"]}, env: {CODE: "{{ params.code }}"}}
"""


@pytest.mark.parametrize(
    ("act", "exit_of_work", "code"),
    [("approve", "0", 0), ("approve", "3", 1), ("reject", "0", 5), ("cancel", "0", 5)],
)
def test_every_command_that_knows_the_outcome_exits_with_its_code(
    act: str,
    exit_of_work: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    inside = Inside(tmp_path / "home", monkeypatch, capfd)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(ENDS, encoding="utf-8")
    key = ("m.yaml", "-p", f"code={exit_of_work}", "--run-id", "K")
    running = start(tmp_path / "home", "run", *key, cwd=tmp_path)
    end = time.monotonic() + 30
    while inside(act, "@last").code and time.monotonic() < end:
        time.sleep(0.05)
    running.communicate(timeout=30)
    assert running.returncode == code
    assert inside("watch", "@last").code == code
    assert inside("watch", "@last", "--json").code == code
    assert inside("run", *key).code == code
    assert inside("run", *key, "--json").code == code


def test_a_command_at_the_end_is_told_what_ended_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mission.yaml"
    file.write_text('version: "1.0"\nname: ends\nsteps: [{id: a, run: "echo no >&2; exit 3"}]\n')
    home = tmp_path / "home"
    assert mission(home, "run", str(file)).code == 1
    told = tmp_path / "told"
    names = ("RUN", "EXECUTION_STATE", "EXIT_CODE", "EXECUTION_MESSAGE")
    text = " ".join(f'"$MISSION_{name}"' for name in names)
    done = mission(home, "watch", "@last", "--on-end", f"printf '%s|' {text} > {told}; exit 4")
    assert done.code == 1
    assert "warning: --on-end ended with exit code 4" in done.err
    run, state, code, message = told.read_text().split("|")[:4]
    assert (run, state, code) == ("ends#1", "FAILED", "1")
    assert "a" in message
    as_json = mission(home, "watch", "@last", "--json", "--on-end", "true", "--notify")
    assert (as_json.code, as_json.err) == (1, "")
    ran = mission(home, "run", str(file), "--notify", "--on-end", f"printf $MISSION_RUN > {told}")
    assert (ran.code, told.read_text()) == (1, "ends#2")
    assert "\a" not in ran.out + ran.err  # neither is a terminal
    refused = mission(home, "run", str(file), "--detach", "--notify")
    assert (refused.code, "--detach" in refused.err) == (2, True)
    misplaced = mission(home, "--read-only", "ls")
    assert (misplaced.code, "about the screen" in misplaced.err) == (2, True)


def test_a_command_at_the_end_does_not_run_before_it(
    gated: tuple[Path, str], tmp_path: Path
) -> None:
    home, execution_id = gated
    told = tmp_path / "told"
    done = mission(home, "watch", execution_id, "--timeout", "0.2", "--on-end", f"touch {told}")
    assert done.code == 6
    assert not told.exists()
