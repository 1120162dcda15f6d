"""The cancel dialog names what a cancel would do now, as long as it is open."""

from core.domain.mission import Handlers
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from tests.support.tui import FakeBackend, FakeWorld, mission_of, running, step, wait_for_text


async def test_the_scope_follows_the_run_while_the_dialog_is_open() -> None:
    world = FakeWorld()
    gate = step("gate", step_type="approval")
    mission = mission_of(
        "m",
        *(step("a"), step("b"), gate, step("c", "a")),
        handlers=Handlers(on_cancel=(step("tidy"),), on_failure=(step("page"),)),
    )
    run = world.launch(mission)
    world.begin(run, "a")
    world.begin(run, "b")
    world.begin(run, "gate")
    world.task(run, "gate", TaskState.WAITING, Reason.AWAITING_APPROVAL)
    async with running(FakeBackend(world, mission), start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, "slots 2/8")
        await pilot.press("X")
        await wait_for_text(pilot, "2 running steps get SIGTERM, 1 approval")
        await wait_for_text(pilot, "withdrawn, 1 step that has not started", "`tidy` runs")
        world.end(run, "a")
        await wait_for_text(pilot, "1 running step gets SIGTERM")
        world.end(run, "b")
        world.end(run, "gate")
        world.run_step(run, "c")
        world.execution(run, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
        await wait_for_text(pilot, "has ended: there is nothing left to cancel")
        await pilot.press("right", "enter")
        await wait_for_text(pilot, "nothing was cancelled: run")
