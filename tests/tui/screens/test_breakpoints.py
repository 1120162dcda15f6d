"""The key of breakpoints, and what the screen says of a run that is paused at one."""

from core.domain.events import BreakpointChange, BreakpointChanged, ExecutionStateChanged
from core.domain.reasons import Reason
from core.domain.state_word import breakpoint_message
from core.domain.states import ExecutionState, TaskState
from core.ports.control import RequestKind
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


async def test_a_key_sets_and_clears_it_and_list_header_and_home_tell_of_it() -> None:
    world = FakeWorld()
    mission = mission_of("m", step("load"), step("deploy", "load"))
    run = world.launch(mission)
    world.begin(run, "load")
    backend = FakeBackend(world, mission)

    def change(change: BreakpointChange) -> BreakpointChanged:
        at = world.clock.now()
        return BreakpointChanged(at=at, execution_id=run, task_id="deploy", change=change)

    def asked() -> list[tuple[RequestKind, str | None]]:
        return [(kind, task_id) for _, kind, task_id, _ in backend.asked]

    async with running(backend, start=run, size=(140, 40)) as pilot:
        await wait_for_text(pilot, "slots 1/8")
        await pilot.press("b")
        await wait_for_text(pilot, "no breakpoint: load has started")
        await pilot.press("G", "b")
        await wait_until(pilot, lambda: len(backend.asked) == 1)
        await wait_for_text(pilot, "deploy: has a breakpoint now")
        world.commit(change(BreakpointChange.SET))
        await wait_for_text(pilot, "breakpoint: pauses before it")
        await pilot.press("b")
        await wait_until(pilot, lambda: len(backend.asked) == 2)
        assert asked() == [
            (RequestKind.SET_BREAKPOINT, "deploy"),
            (RequestKind.CLEAR_BREAKPOINT, "deploy"),
        ]

        world.end(run, "load")
        world.task(run, "deploy", TaskState.READY, Reason.DEPS_MET)
        paused = ExecutionStateChanged(
            at=world.clock.now(),
            execution_id=run,
            from_state=ExecutionState.RUNNING,
            to_state=ExecutionState.PAUSED,
            reason_code=Reason.BREAKPOINT,
            message=breakpoint_message("deploy"),
        )
        world.commit(change(BreakpointChange.REACHED), paused)
        await wait_for_text(pilot, "paused at its breakpoint")
        head = screen_text(pilot.app).splitlines()[0]
        assert "paused" in head
        assert "at the breakpoint before deploy" in head
        await wait_for_text(pilot, "p resume")
        await pilot.press("q")
        await wait_for_text(pilot, "NEEDS YOU", "paused at the breakpoint before deploy")
