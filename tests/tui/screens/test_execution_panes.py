"""The panes of an execution are resized by key and by mouse, and the sizes are remembered."""

from textual.pilot import Pilot

from tests.support.tui import (
    FakeBackend,
    busy_world,
    nightly,
    running,
    screen_text,
    wait_for_text,
    wait_until,
)
from tui.screens.execution_layout import (
    CANVAS_SIDE_SIZE,
    MIN_LOG_ROWS,
    MIN_SIDE_CELLS,
    MIN_VIEW_ROWS,
    SIDE_SIZE,
)
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.log.step_log import LOG_SIZE, StepLog
from tui.widgets.steps.step_views import StepViews


async def drag(
    pilot: Pilot[object], handle: str, start: tuple[int, int], end: tuple[int, int]
) -> None:
    """Drag from a place in a handle to a place on the screen."""
    await pilot.mouse_down(handle, offset=start)
    await pilot.hover(None, offset=end)
    await pilot.mouse_up(None, offset=end)


async def test_sizes_follow_key_and_mouse_and_come_back_in_the_next_session() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, size=(120, 40), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        screen = pilot.app.screen
        views, log = screen.query_one(StepViews), screen.query_one(StepLog)
        side = screen.query_one("#side")
        wide, tall = side.outer_size.width, log.outer_size.height
        await pilot.press("ctrl+right", "ctrl+right", "ctrl+up")
        await wait_until(
            pilot,
            lambda: (side.outer_size.width, log.outer_size.height) == (wide - 4, tall + 1),
        )
        await drag(pilot, "#side-divider", (0, 5), (60, 5))
        await wait_until(pilot, lambda: views.outer_size.width == 60)
        await drag(pilot, "#log-title", (20, 0), (20, 12))
        await wait_until(pilot, lambda: log.region.y == 12)
        dragged = log.outer_size.height
        # beside the graph the pane has a width of its own, with limits that keep both readable
        await pilot.press("2")
        await wait_until(pilot, lambda: side.outer_size.width == 38)
        await drag(pilot, "#side-divider", (0, 5), (118, 5))
        await wait_until(pilot, lambda: side.outer_size.width == MIN_SIDE_CELLS)
        await wait_until(
            pilot,
            lambda: (
                backend.memory.kept
                == {SIDE_SIZE: 60, CANVAS_SIDE_SIZE: MIN_SIDE_CELLS, LOG_SIZE: dragged}
            ),
        )
        # a click on a switch of the log's title is still one
        title = screen_text(pilot.app).splitlines()[log.region.y]
        was_following = log.pane.following
        await pilot.click("#log-title", offset=(title.index("follow"), 0))
        await wait_until(pilot, lambda: log.pane.following != was_following)
    async with running(backend, size=(120, 40), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        screen = pilot.app.screen
        side, log = screen.query_one("#side"), screen.query_one(StepLog)
        await wait_until(
            pilot, lambda: (side.outer_size.width, log.outer_size.height) == (60, dragged)
        )
        # in a smaller terminal neither pane nor the keys are covered
        await pilot.resize_terminal(80, 24)
        await wait_until(
            pilot, lambda: screen.query_one("#main").outer_size.height == MIN_VIEW_ROWS
        )
        assert screen.query_one(KeyBar).region.bottom == 24
        assert log.region.bottom <= screen.query_one(KeyBar).region.y
        await drag(pilot, "#log-title", (20, 0), (20, 22))
        await wait_until(pilot, lambda: log.outer_size.height == MIN_LOG_ROWS)
        await pilot.resize_terminal(120, 40)
        await pilot.press("vertical_line")
        await wait_until(
            pilot, lambda: (side.outer_size.width, log.outer_size.height) == (wide, tall)
        )
        assert not any(backend.memory.kept.values())
