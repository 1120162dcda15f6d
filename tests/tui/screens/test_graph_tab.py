"""Sub-missions that open in place: in the graph, with handlers behind its end, list and Gantt."""

import asyncio

from core.domain.mission import Handlers
from core.domain.reasons import Reason
from core.domain.records import LogStream
from core.domain.states import ExecutionState
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
from tui.live.steps.step_path import joined
from tui.screens.execution import ExecutionScreen


def a_release() -> tuple[FakeWorld, FakeBackend, str, str, str]:
    """A run with a sub-mission that runs another, and one that has not started."""
    world = FakeWorld()
    tests = mission_of("testing", step("unit"), step("lint", "unit"))
    shipping = mission_of(
        "shipping",
        step("pack"),
        step("test", "pack", step_type="mission", parameters={"file": "testing.yaml"}),
        step("send", "test"),
    )
    release = mission_of(
        "release",
        step("build"),
        step("ship", "build", step_type="mission", parameters={"file": "shipping.yaml"}),
        step("publish", "ship"),
        step("later", "publish", step_type="mission", parameters={"file": "testing.yaml"}),
        handlers=Handlers(on_failure=(step("tell", step_type="log"),)),
    )
    run = world.launch(release, source_path="/missions/release.yaml")
    world.run_step(run, "build")
    world.begin(run, "ship")
    part = world.launch(
        shipping,
        parent_execution_id=run,
        parent_task_id="ship",
        parent_attempt=1,
        source_path="/missions/shipping.yaml",
    )
    world.run_step(part, "pack")
    world.begin(part, "test")
    deep = world.launch(tests, parent_execution_id=part, parent_task_id="test", parent_attempt=1)
    return world, FakeBackend(world, tests, shipping, release), run, part, deep


async def test_a_sub_mission_opens_in_place_two_deep_and_folds_again() -> None:
    world, backend, run, part, deep = a_release()
    async with running(backend, size=(150, 40), start=run) as pilot:
        # the list opens them below the step that runs each
        await wait_for_text(pilot, "▶ ▸ ship", "○ ▸ later", "⏎ open in place")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        await pilot.press("enter")
        await wait_for_text(
            pilot, "▶ ▾ ship", "   shipping#1  running  1✓ 1▶ 1○", "   ▶ ▸ test", "   ✓ pack"
        )
        await pilot.press("j", "j", "space")
        await wait_for_text(pilot, "  ▶ ▾ test", "     testing#1  running  2○", "     ○ unit")
        world.execution(part, ExecutionState.PAUSED, Reason.USER_PAUSED)
        await wait_for_text(pilot, "   shipping#1  paused", "s  shipping#1 paused  1✓")
        assert screen._left.path == joined("ship", "test"), "the cursor stays where it is"
        assert screen.selected == "ship", "the selection is a step of the run"
        world.execution(part, ExecutionState.RUNNING, Reason.USER_RESUMED)
        await pilot.press("escape", "k", "space")
        await wait_until(pilot, lambda: "shipping#1" not in screen_text(pilot.app))
        assert screen._left.path == "ship"
        # so does the graph, between the steps
        await pilot.press("2")
        await wait_for_text(pilot, "▶ ship ▸", "┃", "○ tell")
        await pilot.press("enter")
        await wait_for_text(pilot, "▶ ship ▾", "┌╌ shipping#1 ╌", "✓ pack", "▶ test ▸", "○ send")
        await wait_for_text(pilot, "⏎ fold it")
        await pilot.press("right", "right", "enter")
        await wait_for_text(pilot, "▶ test ▾", "┌╌ testing#1 ╌", "○ unit", "○ lint")
        assert screen.selected == "ship", "the panes beside it stay with the step of the run"
        # what is committed in either of them is seen
        world.begin(deep, "unit")
        await wait_for_text(pilot, "▶ unit")
        world.say(deep, "unit", "boom on stderr", stream=LogStream.STDERR)
        world.end(deep, "unit", exit_code=2)
        await wait_for_text(pilot, "✗ unit")
        await pilot.press("right")
        await wait_for_text(pilot, "Logs ship ▸ test ▸ unit", "boom on stderr", "⏎ inspect")
        # e finds a failure within, o draws what is around it, 0 all again
        await pilot.press("e")
        await pilot.press("o")
        await wait_for_text(pilot, "within 1 hop of unit")
        assert "✓ build ─" not in screen_text(pilot.app)
        await pilot.press("0")
        await wait_for_text(pilot, "✓ build ─")
        # keys act on the step under the cursor: enter inspects it, O opens its run on top, at it
        assert screen.acted_on is not None
        assert screen.acted_on[0].execution.execution_id == deep
        await pilot.press("enter")
        await wait_for_text(pilot, "testing#1 ▸ unit", "boom on stderr", "✗ failed")
        await pilot.press("escape", "O")
        await wait_for_text(pilot, "sub-mission of step test", "✗ unit")
        assert isinstance(pilot.app.screen, ExecutionScreen)
        assert pilot.app.screen.selected == "unit"
        await pilot.press("escape")
        await wait_for_text(pilot, "┌╌ testing#1 ╌")
        # escape folds what the cursor is in, one after the other, then leaves nothing else
        await pilot.press("escape")
        await wait_until(pilot, lambda: "testing#1" not in screen_text(pilot.app))
        assert "▶ test ▸" in screen_text(pilot.app)
        await pilot.press("O")
        await wait_for_text(pilot, "sub-mission of step test")
        await pilot.press("escape", "escape")
        await wait_until(pilot, lambda: "shipping#1" not in screen_text(pilot.app))
        assert "▶ ship ▸" in screen_text(pilot.app)
        # what has not started shows the plan of its file, until it has
        screen.select("later")
        await pilot.press("enter")
        await wait_for_text(pilot, "later ▾", "not started: testing.yaml as it is now", "○ unit")
        world.end(run, "ship")
        world.run_step(run, "publish")
        world.begin(run, "later")
        begun = world.launch(
            backend.known["/missions/testing.yaml"],
            parent_execution_id=run,
            parent_task_id="later",
            parent_attempt=1,
        )
        world.run_step(begun, "unit")
        await wait_for_text(pilot, "╌ testing#2 ╌", "✓ unit")
        await pilot.resize_terminal(80, 24)
        await wait_for_text(pilot, "later ▾", "testing#2", "╎ unit  done", "╎ lint")


async def test_open_sub_missions_go_back_with_the_run() -> None:
    world, backend, run, part, _deep = a_release()
    world.clock.forward(5)
    world.end(part, "test")
    world.run_step(part, "send")
    world.run_step(run, "publish")
    async with running(backend, size=(150, 40), start=run) as pilot:
        await wait_for_text(pilot, "release", "ship")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        screen.select("ship")
        await pilot.press("2", "enter")
        await wait_for_text(pilot, "┌╌ shipping#1 ╌", "✓ send")
        await pilot.press(*"<<<<<")
        await wait_for_text(pilot, "THE PAST", "not started: shipping.yaml as it is now", "○ pack")
        assert "✓ send" not in screen_text(pilot.app)
        await pilot.press(".")
        await wait_for_text(pilot, "┌╌ shipping#1 ╌", "✓ send")
        # the Gantt chart has the same steps open, below the one that runs them
        await pilot.press("4")
        await wait_for_text(pilot, "▶ ship", "✓   pack", "✓   send", "⏎ fold it")
        await pilot.press(*"<<<<<")
        await wait_until(pilot, lambda: "send" not in screen_text(pilot.app).split("Logs")[0])
        await pilot.press(".")
        await wait_for_text(pilot, "✓   send")
        await pilot.press("escape")
        await wait_until(pilot, lambda: "✓   pack" not in screen_text(pilot.app))
        assert screen.is_current
        # and so has the list, where they go back with the run as well
        await pilot.press("1", "enter")
        await wait_for_text(pilot, "▾ ship", "   shipping#1  running  3✓", "   ✓ pack", "⏎ fold it")
        await pilot.press(*"<<<<<")
        await wait_for_text(pilot, "   not started: shipping.yaml as it is now", "   ○ send")
        await pilot.press(".")
        await wait_for_text(pilot, "   shipping#1  running  3✓")
        # a view that is left while it is being created stays hidden
        screen.action_tab("tree")
        await asyncio.sleep(0)
        screen.action_tab("list")
        views = screen.query_one("#views")
        await wait_until(pilot, lambda: len(views.children) == 5)
        await wait_until(pilot, lambda: [one.id for one in views.displayed_children] == ["list"])
