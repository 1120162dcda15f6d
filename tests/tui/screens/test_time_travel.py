"""Time travel: the screen as it was at any event, what acts is refused, and the way back."""

from core.domain.events import StepExpanded
from core.domain.reasons import Reason
from core.domain.states import TaskState
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    busy_world,
    mission_of,
    nightly,
    running,
    screen_text,
    step,
    wait_for_text,
    wait_until,
)
from tui.keys.key_bindings import KEYS
from tui.screens.execution import ExecutionScreen


async def test_the_whole_screen_goes_back_along_the_events_and_returns() -> None:
    world = FakeWorld()
    run = world.launch(mission_of("etl", step("fetch"), step("other"), step("load", "fetch")))
    world.clock.forward(60)
    world.begin(run, "fetch")
    world.say(run, "fetch", "opening")
    world.clock.forward(2)
    world.run_step(run, "other")
    world.clock.forward(10)
    world.say(run, "fetch", "fetched 3 files")
    world.end(run, "fetch")
    world.begin(run, "load")
    world.clock.forward(5)
    world.end(run, "load", exit_code=3)
    backend = FakeBackend(world)
    async with running(backend, size=(160, 40), start=run) as pilot:
        await wait_for_text(pilot, "etl", "✗ load", "exit 3")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        total = len(world.runs[run].events)
        await pilot.press("<")
        await wait_for_text(pilot, "THE PAST", f"event {total - 1} of {total}", "▶ load")
        assert "2✓ 1▶" in screen_text(pilot.app)
        assert "saw attempt 1 end" in screen_text(pilot.app)
        await pilot.press(*"<<<<<")
        await wait_for_text(pilot, f"event {total - 6} of {total}", "▶ fetch", "○ load")
        screen.select("fetch")
        await wait_for_text(pilot, "opening")
        assert "fetched 3 files" not in screen_text(pilot.app)
        # acting keys are refused, every one of them
        for key in (key for key in KEYS["execution"] if key.group == "Acting"):
            await pilot.press(key.keys)
        await wait_for_text(pilot, "this is the past")
        assert backend.asked == []
        assert screen.is_current, "no dialog was opened"
        # what is committed meanwhile is seen after the return only
        world.task(run, "load", TaskState.READY, Reason.USER_RETRY)
        await pilot.pause(0.3)
        assert f"event {total - 6} of " in screen_text(pilot.app)
        await pilot.press("2")
        await wait_for_text(pilot, "▶ fetch")
        await pilot.press("4")
        await wait_for_text(pilot, "▶ fetch", "elapsed")
        assert "✗ load" not in screen_text(pilot.app)
        await pilot.press("1", ")", ")")
        await wait_for_text(pilot, f"event {total - 4} of {total + 1}", "fetched 3 files", "exit 0")
        await pilot.press("escape")
        await wait_until(pilot, lambda: "THE PAST" not in screen_text(pilot.app))
        await wait_for_text(pilot, "◌ load")
        assert screen.board is not None
        assert screen.board.tasks["load"].state is TaskState.READY
        world.begin(run, "load")
        await wait_for_text(pilot, "▶ load")


async def test_items_are_gone_before_they_were_there_and_the_end_leads_back_to_now() -> None:
    world = FakeWorld()
    run = world.launch(mission_of("etl", step("load", foreach="{{ 2 }}")))
    world.task(run, "load", TaskState.READY, Reason.DEPS_MET)
    world.commit(
        StepExpanded(
            at=world.clock.now(),
            execution_id=run,
            task_id="load",
            items=("eu", "us"),
            from_state=TaskState.READY,
        )
    )
    world.run_step(run, "load[1]")
    async with running(FakeBackend(world), size=(160, 40), start=run) as pilot:
        await wait_for_text(pilot, "etl", "load")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        assert screen.board is not None
        await pilot.press("<")
        await wait_for_text(pilot, "event 7 of 8")
        screen.select("load[1]")
        await pilot.press(*"((<<")
        await wait_for_text(pilot, "event 3 of 8")
        assert list(screen.board.tasks) == ["load"]
        assert screen.selected == "load"
        await pilot.press(">")
        await wait_for_text(pilot, "event 4 of 8")
        assert list(screen.board.tasks) == ["load", "load[0]", "load[1]"]
        await pilot.press(*[">"] * 5)
        await wait_until(pilot, lambda: not screen.shows_past)
        assert screen.board.tasks["load[1]"].state is TaskState.SUCCESS


async def test_the_past_is_played_and_the_events_lead_into_it() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=(160, 40), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        await pilot.press("5", "g", "j", "j", "j")
        await pilot.pause(0.2)
        await pilot.press("<")
        await wait_for_text(pilot, "THE PAST", "event 4 of ")
        await pilot.press("P")
        await wait_for_text(pilot, "playing ×")
        await wait_until(pilot, lambda: screen.clock.now() > world.runs[run].events[4][1].at)
        await pilot.press(".")
        await wait_until(pilot, lambda: not screen.shows_past)


async def test_the_inspector_shows_the_step_as_it_was_and_refuses_to_act() -> None:
    world = FakeWorld()
    mission = mission_of("etl", step("fetch"), step("load", "fetch"), step("other"))
    run = world.launch(mission)
    world.begin(run, "fetch", command="curl")
    world.say(run, "fetch", "first try")
    world.end(run, "fetch", exit_code=7, retry_in=3)
    world.clock.forward(5)
    world.begin(run, "fetch")
    world.say(run, "fetch", "second try")
    world.clock.forward(5)
    world.run_step(run, "other")
    world.say(run, "fetch", "last words")
    world.end(run, "fetch", outputs={"rows": 12})
    backend = FakeBackend(world, mission)
    async with running(backend, size=(120, 40), start=run) as pilot:
        await wait_for_text(pilot, "etl", "✓ fetch")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        screen.select("fetch")
        await pilot.press("<", "<")
        await wait_for_text(pilot, "THE PAST", "▶ fetch")
        # w explains the state of that moment
        await pilot.press("w")
        await wait_for_text(
            pilot, "THE PAST", "attempt 2 of", "second try", "compared with now only"
        )
        text = screen_text(pilot.app)
        assert "✓" not in text
        assert "retry" not in text.splitlines()[-1]
        await pilot.press("3")
        await wait_for_text(pilot, "Not known at that moment: the attempt had not ended")
        await pilot.press("5")
        await wait_for_text(pilot, "exit 7")
        await pilot.press("6")
        await wait_for_text(pilot, "queued → ▶ running   #8")
        assert "done" not in screen_text(pilot.app)
        await pilot.press("7")
        await wait_for_text(pilot, "second try")
        assert "last words" not in screen_text(pilot.app)
        assert " live " not in screen_text(pilot.app)
        for key in ("r", "R", "F", "x", "a"):
            await pilot.press(key)
        await wait_for_text(pilot, "this is the past")
        assert backend.asked == []
        # back to the same moment, and to now
        await pilot.press("escape")
        await wait_until(pilot, lambda: screen.is_current)
        assert screen.shows_past
        await pilot.press(".", "enter")
        await wait_for_text(pilot, "✓ done")
        assert "THE PAST" not in screen_text(pilot.app)
