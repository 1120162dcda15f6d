"""The missions of home: their last outcomes, a launch with the values of last time, templates."""

from core.domain.mission import Param
from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    step,
    type_in,
    wait_for_text,
    wait_until,
)


async def test_a_mission_shows_its_last_outcomes_and_is_launched_with_the_values_of_last_time() -> (
    None
):
    world = FakeWorld()
    mission = mission_of("release", step("ship"), params=(Param(name="tag", default="v1"),))
    for number in range(22):
        run = world.launch(mission, params={"tag": f"v{number}", "gone": "x"})
        failed = number in (3, 21)
        world.run_step(run, "ship", exit_code=int(failed))
        state = ExecutionState.FAILED if failed else ExecutionState.SUCCESS
        world.execution(run, state, Reason.STEP_FAILED if failed else Reason.ALL_STEPS_DONE)
    backend = FakeBackend(world, mission)
    async with running(backend, size=(130, 34)) as pilot:
        await wait_for_text(pilot, "● release", "✓✗" + "✓" * 17 + "✗", "given  tag=v21")
        await pilot.press("1", "n")
        await wait_for_text(pilot, "with the values of release#22", "v21")
        await pilot.press("ctrl+r")
        await wait_until(pilot, lambda: bool(backend.calls))
        assert backend.calls[0][1] == ("/missions/release.yaml", {"tag": "v21"})


async def test_a_new_mission_is_made_from_a_template_and_what_is_refused_is_said() -> None:
    backend = FakeBackend(FakeWorld())
    async with running(backend, size=(120, 30)) as pilot:
        await wait_for_text(pilot, "No mission files", "i makes one")
        await pilot.press("i")
        await wait_for_text(pilot, "New mission from a template", "nightly: a schedule")
        await pilot.press("shift+tab")
        await type_in(pilot, "mine")
        await pilot.press("enter", "right")
        await wait_for_text(pilot, "mine")
        backend.refuse = "mine.yaml exists already"
        await pilot.press("enter")
        await wait_for_text(pilot, "mine.yaml exists already")
        backend.refuse = ""
        await pilot.press("i")
        await wait_for_text(pilot, "New mission from a template")
        await pilot.press("shift+tab")
        await type_in(pilot, "mine")
        await pilot.press("enter", "right", "enter")
        await wait_for_text(pilot, "● mine", "1 step")
        assert backend.calls == [("new_mission", ("pipeline", "mine"))]
