"""The time of an attempt is the attempt's own; what a step waited for between is told apart."""

import pytest

from core.domain.reasons import Reason
from core.domain.states import TaskState
from tests.support.tui import FakeWorld, mission_of, step
from tui.lines.step.step_overview import overview_lines
from tui.live.board import Board
from tui.live.execution_queries import StepRecords
from tui.live.node_status import status_of
from tui.output.ansi_colours import Palette
from tui.output.execution_details import step_text


def a_step_retried_by_hand() -> tuple[FakeWorld, str]:
    """An attempt of 3 s fails, somebody reads for 60 s, the next attempt takes 10 ms."""
    world = FakeWorld()
    run = world.launch(mission_of("m", step("bad"), step("other")))
    world.begin(run, "bad")
    world.clock.forward(3)
    world.end(run, "bad", exit_code=1)
    world.clock.forward(60)
    world.task(run, "bad", TaskState.READY, Reason.USER_RETRY)
    world.begin(run, "bad")
    world.clock.forward(0.01)
    world.end(run, "bad")
    return world, run


def test_a_step_that_succeeded_at_its_second_attempt_took_what_that_took() -> None:
    world, run = a_step_retried_by_hand()
    snapshot = world.runs[run].snapshot
    task = snapshot.tasks["bad"]
    spent = task.worked_ms
    assert spent is not None
    assert 10 <= spent < 11
    assert status_of(task).seconds(world.clock.at) == pytest.approx(spent / 1000, abs=1e-6)
    board = Board(world.runs[run].execution(), snapshot.tasks.values())
    facts = StepRecords(task, snapshot.attempts["bad"])
    lines = ["".join(text for text, _ in line) for line in overview_lines(board, facts, 0)]
    told = {words[0]: " ".join(words[1:]) for line in lines if (words := line.split())}
    assert told["took"] == "10ms"
    assert "done: exit 0 after 10ms, attempt 2" in lines
    assert told["in"].startswith("all 1m03s")
    names = ("first start", "ready", "started", "ended")
    found = [name for line in lines for name in names if line.startswith(f"{name} ")]
    assert found == list(names)
    text = step_text(
        task,
        snapshot.current,
        snapshot.attempts["bad"],
        (),
        Palette(colour=False),
        short="x",
        now=world.clock.at,
    )
    assert "took 10ms" in text[1]


def test_the_time_of_a_step_that_waits_for_its_next_attempt_stands_still() -> None:
    world = FakeWorld()
    run = world.launch(mission_of("m", step("a")))
    world.begin(run, "a")
    world.clock.forward(2)
    world.end(run, "a", exit_code=1, retry_in=50)
    world.clock.forward(30)
    task = world.runs[run].snapshot.tasks["a"]
    assert task.started_at is not None
    spent = status_of(task).seconds(world.clock.at)
    assert spent is not None
    assert 2 <= spent < 2.1
