"""The first page of the inspector: one screen that says what an operator needs at three."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pytest

from core.domain.mission import MissionStep
from core.domain.records import LogStream, TaskError
from core.operations.history.runnable_command import RunnableCommand
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    screen_text,
    wait_for_text,
    wait_until,
)
from tui.live.deck import Deck
from tui.terminal.step_shell import introduction, open_shell


def a_command(step_id: str, *depends_on: str, **fields: Any) -> MissionStep:
    parameters = {"command": "load", "args": ["--to", "production"]}
    return MissionStep(
        id=step_id,
        name=step_id,
        step_type="command",
        depends_on=depends_on,
        parameters=parameters,
        **fields,
    )


async def test_the_page_of_a_failed_step_says_it_all_on_one_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = FakeWorld()
    mission = mission_of("nightly", a_command("load", env={"MODE": "fast"}), a_command("z", "load"))
    first = world.launch(mission)
    world.begin(first, "load", command="load", args=["--to", "production"])
    world.end(first, "load")
    run = world.launch(mission)
    world.begin(run, "load", command="load", args=["--to", "nowhere"])
    world.say(run, "load", "connecting")
    world.say(run, "load", "Error: no such host", stream=LogStream.STDERR)
    error = TaskError(
        message="load: exit 3", kind="ExitCode", stack_trace="Error: no such host", exit_code=3
    )
    world.end(run, "load", exit_code=3, error=error)
    async with running(FakeBackend(world, mission), start=run, size=(80, 24)) as pilot:
        await wait_for_text(pilot, "nightly", "1 List")
        await pilot.press("enter")
        await wait_for_text(
            pilot,
            "✗ failed  exit 3: Error: no such host",
            "Last 1 line of stderr, 2 lines of output in all",
            "last succeeded in nightly#1",
            "changed: input `args`",
            "load --to nowhere",
            "env MODE=fast",
            "Blocks 1 step: z",
            "r retry",
            "c copy command  ! shell",
        )
        opened: list[str] = []
        monkeypatch.setattr(
            "tui.terminal.step_shell.open_shell",
            lambda deck, command, name, suspend: opened.append(command.text),
        )
        copied: list[str] = []
        monkeypatch.setattr(pilot.app, "copy", lambda text, what: copied.append(text))
        await pilot.press("c", "exclamation_mark")
        await wait_until(pilot, lambda: bool(opened))
        assert copied == opened
        assert "load --to nowhere" in copied[0]


async def test_the_page_of_a_step_that_runs_is_true_while_it_changes() -> None:
    world = FakeWorld()
    mission = mission_of("m", a_command("a"), a_command("b", "a"))
    run = world.launch(mission)
    world.begin(run, "a")
    async with running(FakeBackend(world, mission), start=run, size=(100, 30)) as pilot:
        await wait_for_text(pilot, "1 List")
        await pilot.press("enter")
        await wait_for_text(pilot, "▶ running", "x cancel step", "no success of it is recorded")
        assert "r retry" not in screen_text(pilot.app)
        world.end(run, "a")
        await wait_for_text(pilot, "✓ done", "attempt 1 of 1")
        await wait_until(pilot, lambda: "x cancel step" not in screen_text(pilot.app))
        assert "Blocks" not in screen_text(pilot.app)


class Told:
    """The part of the application that a shell needs."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def show_problem(self, text: str) -> None:
        self.complaints.append(text)


def test_a_shell_opens_in_the_folder_with_the_environment_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\npwd\necho "mode $MODE"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("SHELL", str(shell))
    told = Told()
    command = RunnableCommand(
        words=("load", "it"),
        folder=str(tmp_path),
        env={"MODE": "fast"},
        left_out=("the secrets T",),
    )
    # The shell calls no more of the protocol than this class has.
    open_shell(cast("Deck", told), command, "load", nullcontext)
    out = capfd.readouterr().out
    assert f"{tmp_path}\nmode fast\n" in out
    text = introduction(command, "load")
    assert "Left out: the secrets T." in text
    assert "MISSION_EXECUTION_ID" not in text
    gone = RunnableCommand(words=("x",), folder=str(tmp_path / "gone"), env={})
    open_shell(cast("Deck", told), gone, "load", nullcontext)
    monkeypatch.setenv("SHELL", str(tmp_path / "no shell"))
    open_shell(cast("Deck", told), command, "load", nullcontext)
    assert "is not there any more" in told.complaints[0]
    assert "did not start" in told.complaints[1]
