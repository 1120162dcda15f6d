"""Answers of queries that arrive late, in another order, or not at all: what is selected counts."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from core.domain.mission import Mission
from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from core.errors import UnavailableError
from core.ports.reader import Reader
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    screen_text,
    step,
    wait_for_text,
    wait_until,
)
from tui.app import MissionDeckApp
from tui.live.lookup import Lookup
from tui.live.messages import Delta
from tui.screens.execution import ExecutionScreen
from tui.screens.home.home_screen import HomeScreen
from tui.screens.inspector import InspectorScreen
from tui.screens.report.comparison_screen import ComparisonScreen
from tui.widgets.steps.run_preview_pane import RunPreviewPane
from tui.widgets.steps.step_list import StepList
from tui.widgets.steps.step_views import StepViews

Result = TypeVar("Result")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.execution_selection.DEBOUNCE_SECONDS", 0.0)


class Answers:
    """The answers of a lookup, which a test may hold back and let arrive in any order."""

    def __init__(self, lookup: Lookup, patch: pytest.MonkeyPatch) -> None:
        self._read = lookup.read
        self.held: list[asyncio.Future[None]] = []
        self.is_holding = False
        self.fails = False
        patch.setattr(lookup, "read", self.read)

    async def read(self, query: Callable[[Reader], Result]) -> Result:
        if self.fails:
            raise UnavailableError("the disk is gone")
        found = await self._read(query)
        if self.is_holding:
            arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.held.append(arrival)
            await arrival
        return found

    def arrive(self) -> None:
        """Let all arrive that were held back, and all that follow at once."""
        self.is_holding = False
        held, self.held = self.held, []
        for arrival in held:
            if not arrival.done():
                arrival.set_result(None)


def three_steps() -> Mission:
    return mission_of("etl", step("one"), step("two"), step("three"))


def failed_run(world: FakeWorld, mission: Mission) -> str:
    """A run whose first two steps have failed, each with a line of its own."""
    run = world.launch(mission)
    world.run_step(run, "one", "this is of one", exit_code=1)
    world.run_step(run, "two", "this is of two", exit_code=2)
    world.run_step(run, "three", "this is of three")
    return run


def execution_screen(app: MissionDeckApp) -> ExecutionScreen:
    screen = app.screen
    assert isinstance(screen, ExecutionScreen)
    return screen


def log_title(app: MissionDeckApp) -> str:
    return next(line for line in screen_text(app).split("\n") if " Logs " in line)


async def test_panes_name_what_they_show_and_show_what_is_selected_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = FakeWorld()
    run = failed_run(world, three_steps())
    async with running(FakeBackend(world, three_steps()), start=run) as pilot:
        await wait_for_text(pilot, "this is of one", "exit 1")
        app = pilot.app
        assert isinstance(app, MissionDeckApp)
        screen, answers = execution_screen(app), Answers(app.lookup, monkeypatch)

        # the answer about the step before arrives when another one is selected
        answers.is_holding = True
        screen.select("two")
        await wait_until(pilot, lambda: bool(answers.held))
        screen.select("three")
        await pilot.pause()
        text = screen_text(app)
        assert "Step one" in text  # what the summary is about until it is told anew
        assert "Logs one" in log_title(app)
        answers.arrive()
        await wait_for_text(pilot, "Step three", "this is of three")
        assert "Logs three" in log_title(app)
        assert "this is of two" not in screen_text(app)

        # an attempt that was asked for before the attempts were read
        screen.select("two")
        screen.action_show_attempt(1)
        screen._bottom.show_single()
        await wait_for_text(pilot, "this is of two")

        # nothing could be read while the step was selected
        answers.fails = True
        screen.select("one")
        await wait_until(pilot, lambda: screen._has_missed)
        answers.fails = False
        world.say(run, "three", "and another line")
        await wait_for_text(pilot, "Step one", "this is of one")

        # what was read of another run that was on top of this one
        assert screen.board is not None
        before = screen.board.lease
        screen.deliver(Delta(execution_id="another", lease=None, lease_read=True))
        assert screen.board.lease is before is not None

        # the way to the past is given up before it was found
        answers.is_holding = True
        await pilot.press("<")
        await wait_until(pilot, lambda: bool(answers.held))
        await pilot.press(".")
        answers.arrive()
        await pilot.pause(0.05)
        assert not screen.shows_past
        assert not screen._past_bar.display

        # attempts that were read for now arrive at a moment of the past
        taken: list[int] = []
        monkeypatch.setattr(screen._left, "take_attempts", lambda found: taken.append(len(found)))
        monkeypatch.setattr(StepViews, "wants_attempts", True)
        answers.is_holding = True
        screen._attempt_reader.request()
        await wait_until(pilot, lambda: bool(answers.held))
        monkeypatch.setattr(screen, "attempts_shown", list)
        answers.arrive()
        await wait_until(pilot, lambda: bool(taken))
        assert taken[0] == 0


async def test_what_a_person_chose_is_not_moved_by_what_comes_in_before_it_is_handled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, mission = FakeWorld(), mission_of("etl", *(step(f"s{n}") for n in range(6)))
    run = world.launch(mission)
    world.begin(run, "s0")
    async with running(FakeBackend(world, mission)) as pilot:
        await wait_for_text(pilot, "etl#1")
        app = pilot.app
        assert isinstance(app, MissionDeckApp)
        answers = Answers(app.lookup, monkeypatch)
        answers.is_holding = True
        app.open_execution(run)
        await wait_until(pilot, lambda: isinstance(app.screen, ExecutionScreen))
        screen = execution_screen(app)
        await wait_until(pilot, lambda: screen.board is not None and bool(answers.held))
        steps = screen.query_one("#list", StepList)

        # the mission has been read: the screen would go to what deserves attention
        answers.arrive()
        steps.steer_to(2)
        chosen = steps.pointed
        await pilot.pause(0.05)
        assert screen.selected == chosen != "s0"

        # a step fails in the same turn of the loop
        screen._user_selected = False
        steps.steer_to(3)
        chosen = steps.pointed
        world.end(run, "s0", exit_code=1)
        snapshot = world.runs[run].snapshot
        screen.deliver(
            Delta(
                execution_id=run,
                execution=world.runs[run].execution(),
                tasks={"s0": snapshot.tasks["s0"]},
            )
        )
        await pilot.pause()
        assert screen.selected == chosen != "s0"


async def test_inspector_and_comparison_show_what_was_asked_for_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, runs = FakeWorld(), []
    for _ in range(4):
        runs.append(failed_run(world, three_steps()))
        world.execution(runs[-1], ExecutionState.FAILED, Reason.STEP_FAILED)
    async with running(FakeBackend(world, three_steps()), start=runs[3]) as pilot:
        await wait_for_text(pilot, "etl#4", "this is of one")
        app = pilot.app
        assert isinstance(app, MissionDeckApp)
        answers = Answers(app.lookup, monkeypatch)

        await pilot.press("enter")
        await wait_for_text(pilot, "one", "exit 1")
        inspector = app.screen
        assert isinstance(inspector, InspectorScreen)
        answers.is_holding = True
        inspector.action_failure(1)
        await pilot.pause()
        assert "reading …" in screen_text(app)
        assert "exit 1" not in screen_text(app)
        answers.arrive()
        await wait_for_text(pilot, "exit 2")
        answers.fails = True
        inspector.action_failure(1)
        await wait_for_text(pilot, "the disk is gone")
        answers.fails = False
        inspector.deliver(Delta(execution_id=runs[3]))
        await wait_for_text(pilot, "exit 1")
        await wait_until(pilot, lambda: "the disk is gone" not in screen_text(app))
        await pilot.press("escape")

        comparison = ComparisonScreen(runs[3], runs[2])
        app.push_screen(comparison)
        await wait_for_text(pilot, "compared with etl#3")
        comparison.action_base(1)
        comparison.action_base(1)
        await wait_for_text(pilot, "compared with etl#1")
        answers.fails = True
        comparison.action_base(-1)
        await wait_until(pilot, lambda: "the disk is gone" in app.problem)
        answers.fails = False


async def test_an_answer_that_arrives_while_its_screen_is_removed_reaches_no_widget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = FakeWorld()
    failed_run(world, three_steps())
    held: list[Answers] = []
    monkeypatch.setattr(RunPreviewPane, "on_unmount", lambda _self: held[0].arrive(), raising=False)
    async with running(FakeBackend(world, three_steps())) as pilot:
        await wait_for_text(pilot, "etl#1", "this is of one")
        app = pilot.app
        assert isinstance(app, MissionDeckApp)
        held.append(Answers(app.lookup, monkeypatch))
        held[0].is_holding = True
        home = app.screen
        assert isinstance(home, HomeScreen)
        home.preview_appeared()
        await wait_until(pilot, lambda: bool(held[0].held))
