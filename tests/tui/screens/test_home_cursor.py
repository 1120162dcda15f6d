"""The cursor of home: keys act on the run a person has in view, whatever happens to other runs."""

import pytest

from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    StillClock,
    mission_of,
    running,
    step,
    wait_for_text,
    wait_until,
)
from tui.screens.home import home_screen
from tui.widgets.steps.execution_list import ExecutionList

NIGHTLY = mission_of("nightly", step("extract"))


def test_an_empty_list_has_nowhere_to_go() -> None:
    assert ExecutionList(StillClock()).nearest_row(-1) == 0


async def test_the_cursor_stays_on_a_run_that_moves_and_goes_to_the_one_that_was_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(home_screen, "PREVIEW_SECONDS", 3600.0)
    world = FakeWorld()
    first, second = world.launch(NIGHTLY), world.launch(NIGHTLY)
    async with running(FakeBackend(world, NIGHTLY), size=(120, 40)) as pilot:
        await wait_for_text(pilot, "RUNNING 2", "nightly#2  ▶ running")
        listed = pilot.app.screen.query_one(ExecutionList)

        def current() -> str:
            return "" if listed.current is None else listed.current.execution_id

        assert current() == second
        await pilot.press("2", "g")
        world.execution(second, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
        await wait_for_text(pilot, "ENDED 1", "nightly#2  ✓ done")
        assert current() == second
        await pilot.press("1", "n")
        await wait_for_text(pilot, "Launch")
        pilot.app.open_execution(first)  # type: ignore[attr-defined] # of this application
        await wait_for_text(pilot, "1 List")
        await pilot.press("q")
        await wait_until(pilot, lambda: current() == first)
