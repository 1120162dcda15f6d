"""The panes of home are resized by key and by mouse, and the sizes are remembered."""

from tests.support.tui import FakeBackend, busy_world, nightly, running, wait_for_text, wait_until
from tui.screens.home.home_layout import LIST_SIZE, MIN_MISSION_CELLS, MISSIONS_SIZE
from tui.widgets.steps.execution_list import ExecutionList
from tui.widgets.steps.mission_list import MissionList


async def test_sizes_follow_key_and_mouse_and_come_back_in_the_next_session() -> None:
    world, _run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, size=(120, 40)) as pilot:
        await wait_for_text(pilot, "nightly-etl#7", "steps")
        missions = pilot.app.screen.query_one(MissionList)
        runs = pilot.app.screen.query_one(ExecutionList)
        wide, tall = missions.size.width, runs.size.height
        await pilot.press("ctrl+right", "ctrl+down")
        await wait_until(
            pilot, lambda: (missions.size.width, runs.size.height) == (wide + 2, tall + 1)
        )
        await pilot.mouse_down("#pane-divider", offset=(0, 5))
        await pilot.hover("#panes", offset=(30, 5))
        await pilot.mouse_up("#panes", offset=(30, 5))
        await wait_until(pilot, lambda: missions.size.width == 30)
        for _ in range(10):
            await pilot.press("ctrl+left")
        await wait_until(pilot, lambda: missions.size.width == MIN_MISSION_CELLS)
        await wait_until(
            pilot,
            lambda: backend.memory.kept == {MISSIONS_SIZE: MIN_MISSION_CELLS, LIST_SIZE: tall + 1},
        )
    async with running(backend, size=(120, 40)) as pilot:
        await wait_for_text(pilot, "nightly-etl#7", "steps")
        missions = pilot.app.screen.query_one(MissionList)
        runs = pilot.app.screen.query_one(ExecutionList)
        await wait_until(
            pilot, lambda: (missions.size.width, runs.size.height) == (MIN_MISSION_CELLS, tall + 1)
        )
        await pilot.press("equals_sign")
        await wait_until(pilot, lambda: (missions.size.width, runs.size.height) == (wide, tall))
        await pilot.resize_terminal(80, 24)
        await wait_until(pilot, lambda: runs.size.width == 80)
        await pilot.press("1")
        await wait_for_text(pilot, "Nightly extract")
        await pilot.press("2")
        await wait_for_text(pilot, "RUNNING 1", "running now")
