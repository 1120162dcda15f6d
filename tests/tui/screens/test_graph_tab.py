"""The graph tab of an execution: handlers behind the end, and sub-missions opened from it."""

from core.domain.mission import Handlers
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    step,
    wait_for_text,
)
from tui.screens.execution import ExecutionScreen


async def test_enter_in_the_graph_opens_a_sub_mission_and_escape_leads_back() -> None:
    world = FakeWorld()
    tell = step("tell", step_type="log")
    parent = mission_of(
        "release",
        step("build"),
        step("ship", "build", step_type="mission"),
        handlers=Handlers(on_failure=(tell,)),
    )
    child = mission_of("shipping", step("pack"), step("send", "pack"))
    run = world.launch(parent)
    world.run_step(run, "build")
    world.begin(run, "ship")
    part = world.launch(child, parent_execution_id=run, parent_task_id="ship", parent_attempt=1)
    world.run_step(part, "pack")
    async with running(FakeBackend(world), size=(150, 40), start=run) as pilot:
        await wait_for_text(pilot, "release", "ship")
        await pilot.press("2")
        await wait_for_text(pilot, "▶ ship", "┃", "○ tell")
        assert isinstance(pilot.app.screen, ExecutionScreen)
        assert pilot.app.screen.selected == "ship"
        await pilot.press("enter")
        await wait_for_text(pilot, "sub-mission of step ship", "✓ pack", "○ send")
        world.begin(part, "send")
        await wait_for_text(pilot, "▶ send")
        await pilot.press("enter")
        await wait_for_text(pilot, "Overview")
        await pilot.press("escape")
        await wait_for_text(pilot, "sub-mission of step ship")
        await pilot.press("escape")
        await wait_for_text(pilot, "release", "✓ build")
        world.end(run, "ship", exit_code=1)
        await wait_for_text(pilot, "✗ ship")
