"""The selection has one owner: views report what a person did, and follow without a word."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot

from core.domain.mission import Mission
from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    screen_text,
    step,
    type_in,
    wait_for_text,
    wait_until,
)
from tui.app import MissionDeckApp
from tui.live.messages import StepSelected
from tui.screens.execution import ExecutionScreen
from tui.widgets.base.line_view import LineView
from tui.widgets.graph.graph_view import GraphView
from tui.widgets.steps.step_list import StepList


def build_mission() -> Mission:
    """Two hundred rows: builds, matrix steps behind them, and one report."""
    builds = [step(f"build-{n:03d}") for n in range(100)]
    cells = [step(f"matrix-{n:03d}", f"build-{n:03d}") for n in range(99)]
    return mission_of("kitchen", *builds, *cells, step("report", *(one.id for one in cells)))


def ended_run(world: FakeWorld, mission: Mission) -> str:
    """A run of it that ended with one failure."""
    run = world.launch(mission)
    for one in mission.steps:
        world.run_step(run, one.id, exit_code=int(one.id == "build-050"))
    world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
    return run


class Heard:
    """Counts what passes through the message queues, once a message."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._kept: list[Message] = []
        self.counts: Counter[str] = Counter()

    def __call__(self, message: Message) -> None:
        if isinstance(message, StepSelected | LineView.Moved) and id(message) not in self._seen:
            self._seen.add(id(message))
            self._kept.append(message)  # or its id would be another's
            self.counts[type(message).__name__] += 1


@asynccontextmanager
async def listening(
    world: FakeWorld, mission: Mission, run: str, heard: Heard
) -> AsyncIterator[Pilot[Any]]:
    app = MissionDeckApp(FakeBackend(world, mission), start=run, clock=world.clock)
    async with app.run_test(size=(120, 40), message_hook=heard) as pilot:
        await wait_for_text(pilot, "kitchen", "List")
        yield pilot


def selections(pilot: Pilot[Any]) -> set[str | None]:
    """What the screen and the list in sight take for the selection, and where the cursor is."""
    screen = pilot.app.screen
    assert isinstance(screen, ExecutionScreen)
    lists = [one for one in screen.query(StepList) if one.is_on_screen]
    return {screen.selected, *(one.selected for one in lists), *(one.pointed for one in lists)}


@pytest.mark.parametrize("tab", ["2", "3", "4"])
async def test_a_filter_typed_in_another_tab_moves_the_selection_once(tab: str) -> None:
    world, mission = FakeWorld(), build_mission()
    run, heard = ended_run(world, mission), Heard()
    async with listening(world, mission, run, heard) as pilot:
        await wait_until(pilot, lambda: "build-050" in selections(pilot))
        for key in (tab, "1", "g", tab):
            pilot.app.simulate_key(key)
        await pilot.pause(0.3)
        heard.counts.clear()
        await type_in(pilot, "/matrix")
        await wait_for_text(pilot, "/matrix", "99 match")
        await wait_until(pilot, lambda: selections(pilot) == {"matrix-000"})
        assert heard.counts["StepSelected"] == 0  # nobody chose a row: the screen moved it
        assert heard.counts["Moved"] == 0
        await pilot.press("enter", "j", "j", "j")
        await wait_until(pilot, lambda: selections(pilot) == {"matrix-003"})
        assert 1 <= heard.counts["StepSelected"] <= 3  # at most one a key


async def test_a_burst_of_keys_ends_where_the_last_of_them_went() -> None:
    world, mission = FakeWorld(), build_mission()
    run, heard = ended_run(world, mission), Heard()
    async with listening(world, mission, run, heard) as pilot:
        await wait_until(pilot, lambda: "build-050" in selections(pilot))
        await pilot.press("slash", *"build", "enter", "G")
        await wait_until(pilot, lambda: selections(pilot) == {"build-099"})
        heard.counts.clear()
        await type_in(pilot, "kkkkkkke")  # `e` comes before what the moves have reported
        await wait_until(pilot, lambda: selections(pilot) == {"build-050"})
        await pilot.pause(0.2)
        assert selections(pilot) == {"build-050"}
        assert heard.counts["StepSelected"] <= 7


async def test_a_step_that_leaves_the_filter_hands_the_selection_to_the_one_in_its_place() -> None:
    world = FakeWorld()
    mission = mission_of("kitchen", *(step(f"s{n}") for n in range(9)))
    run, heard = world.launch(mission), Heard()
    for n in range(5):
        world.begin(run, f"s{n}")
    async with listening(world, mission, run, heard) as pilot:
        await pilot.press("slash", *"state:running", "enter", "j", "j")
        await wait_until(pilot, lambda: selections(pilot) == {"s2"})
        heard.counts.clear()
        world.end(run, "s2")
        await wait_until(pilot, lambda: selections(pilot) == {"s3"})
        world.end(run, "s4")
        world.end(run, "s3")
        await wait_until(pilot, lambda: selections(pilot) == {"s1"})
        assert heard.counts["StepSelected"] == 0


async def test_the_cursor_stays_on_a_fold_while_rows_move() -> None:
    world = FakeWorld()
    mission = mission_of("kitchen", *(step(f"s{n}") for n in range(20)))
    run, heard = world.launch(mission), Heard()
    for n in range(14):
        world.run_step(run, f"s{n}")
    async with listening(world, mission, run, heard) as pilot:
        await wait_for_text(pilot, "▸ 14 steps done")
        await pilot.press("g")
        await wait_until(pilot, lambda: selections(pilot) == {"s14"})
        await pilot.press("G")
        steps = pilot.app.screen.query_one("#list", StepList)
        assert steps.pointed is None
        world.run_step(run, "s14")
        await wait_for_text(pilot, "▸ 15 steps done")
        assert steps.pointed is None
        await pilot.press("space", "j")
        await wait_until(pilot, lambda: selections(pilot) >= {"s0"})
        await pilot.press("space")  # folds it away: the cursor is on the fold, not on another step
        assert steps.pointed is None
        await pilot.press("k")
        await wait_until(pilot, lambda: steps.selected == "s19")


async def test_the_next_error_is_shown_also_when_the_filter_leaves_it_out() -> None:
    world, mission = FakeWorld(), build_mission()
    run, heard = ended_run(world, mission), Heard()
    async with listening(world, mission, run, heard) as pilot:
        await pilot.press("slash", *"matrix", "enter")
        await wait_until(pilot, lambda: selections(pilot) == {"matrix-000"})
        await pilot.press("e")
        await wait_until(pilot, lambda: selections(pilot) == {"build-050"})
        assert pilot.app.screen.query_one("#list", StepList).filter_text == ""


@pytest.mark.parametrize("tab", ["1", "2", "3", "4"])
async def test_a_key_is_about_the_step_that_the_key_before_it_went_to(tab: str) -> None:
    world = FakeWorld()
    mission = mission_of("kitchen", *(step(f"s{n}") for n in range(4)))
    run, heard = world.launch(mission), Heard()
    for n in range(4):
        world.begin(run, f"s{n}")
    async with listening(world, mission, run, heard) as pilot:
        await pilot.press(tab)
        drawn = 1 if tab == "1" else 2  # in the view, and in the list beside it
        await wait_until(pilot, lambda: screen_text(pilot.app).count("▶ s3 ") >= drawn)
        await pilot.press("g")
        await wait_until(pilot, lambda: "s0" in selections(pilot))
        await type_in(pilot, "jx")
        await wait_for_text(pilot, "Cancel step s1?")


async def test_a_graph_that_gets_its_steps_while_it_is_mounted_draws_them() -> None:
    class Bare(App[None]):
        def compose(self) -> ComposeResult:
            view = GraphView()
            view.set_graph(["first", "second"], [[], [0]])  # as a mission that is read meanwhile
            yield view

    app = Bare()
    async with app.run_test(size=(120, 30)) as pilot:
        await wait_for_text(pilot, "first", "second")
