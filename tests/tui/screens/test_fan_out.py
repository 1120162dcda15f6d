"""A fan-out on the screen: one row with a bar, its failures below, opened by key and mouse."""

from core.domain.states import TaskState
from tests.support.tui import FakeBackend, running, screen_text, wait_for_text, wait_until
from tests.tools.fan_out_world import a_fleet
from tui.screens.execution import ExecutionScreen
from tui.widgets.steps.step_list import StepList


def row_of(steps: StepList, text: str) -> int:
    """Return the line of the window in which the list shows a text."""
    screen = screen_text(steps.app).split("\n")[steps.region.y : steps.region.bottom]
    return next(y for y, line in enumerate(screen) if text in line)


async def test_which_of_300_items_failed_and_why_is_seen_at_once_and_opened() -> None:
    backend, run = a_fleet()
    async with running(backend, start=run, size=(140, 40)) as pilot:
        await wait_for_text(pilot, "▸ renew ×300", "━", "✗ ▸ ×31 exit 1: ConnectionError: …:8443")
        await wait_for_text(
            pilot, "[61] web-062", "OSError", "[116] web-117", "usually 40s, now 2m"
        )
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        steps = screen.query_one("#list", StepList)
        assert "[10] web-011" not in screen_text(pilot.app), "it is one of the 31"
        await pilot.press("g", "j", "enter")
        await wait_for_text(pilot, "▾ ×31", "[10] web-011", "[17] web-018")
        await pilot.press("space")
        await wait_until(pilot, lambda: "[10] web-011" not in screen_text(pilot.app))
        await pilot.click(steps, offset=(3, row_of(steps, "renew")))
        await wait_for_text(pilot, "▾ renew", "[214] web-215", "others 600ms, now 3s")
        await wait_for_text(pilot, "▸ 81 items pending", "▸ 181 items done")
        await pilot.click(steps, offset=(5, row_of(steps, "81 items")))
        await wait_for_text(pilot, "▾ 81 items pending", "[219] web-220")
        selected = screen.selected
        backend.world.run_step(run, "renew[219]")
        await wait_for_text(pilot, "▾ 80 items pending", "182✓")
        assert screen.selected == selected, "what moves is not the selection"
        await pilot.press("slash", *"web-299", "enter")
        await wait_for_text(pilot, "renew[298] web-299", "1 match")
        await pilot.press("escape", "e")
        await wait_for_text(pilot, "error 1/33: renew[3]", "✗ [3] web-004")
        # the Gantt chart has one row for it, too, with the items that failed, and opens it
        await pilot.press("4")
        await wait_for_text(pilot, "▸ renew ×300 ", "▌✗   renew[3] web-004", "  renew[61] web-062")
        assert "  renew[1] " not in screen_text(pilot.app)
        await pilot.press("space")
        await wait_for_text(pilot, "▾ renew ×300 ", "✓   renew[1] web-002")
        assert screen.selected == "renew"


async def test_a_fan_out_that_has_ended_well_is_one_row_and_one_of_few_steps() -> None:
    backend, run = a_fleet()
    world = backend.world
    tasks = world.runs[run].snapshot.tasks
    for task_id, task in list(tasks.items()):
        if task.parent_task_id and task.state is TaskState.FAILED:
            world.run_step(run, task_id)
    async with running(FakeBackend(world), start=run, size=(60, 20)) as pilot:
        await wait_for_text(pilot, "▸ renew ×300", "214✓ 5▶ 81○")
        assert "✗" not in screen_text(pilot.app).split("\n", 2)[2]
