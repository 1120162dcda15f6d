"""The columns of the step list follow the content and the room."""

import pytest

from tests.support.tui import FakeBackend, FakeWorld, mission_of, running, step, wait_for_text
from tui.widgets.steps.step_columns import (
    MIN_NAME_CELLS,
    MIN_REASON_CELLS,
    REASON_FROM_CELLS,
    StepColumns,
    step_columns,
)


@pytest.mark.parametrize("longest", [3, 20, 55, 100])
def test_every_row_is_exactly_filled_and_a_wide_one_always_says_why(longest: int) -> None:
    for width in range(30, 240):
        for needed in (True, False):
            found = step_columns(width, longest, waits=needed, retries=needed)
            behind = found.why + 1 if found.why else 0
            filled = 3 + found.name + behind + found.state + 6 * found.tries + 8 * found.time
            assert filled == width
            assert found.state == (15 if needed else 10)
            assert needed or not found.tries
            if width >= REASON_FROM_CELLS:
                assert found.why >= MIN_REASON_CELLS
                assert found.name >= MIN_NAME_CELLS


def test_a_name_gets_what_it_needs_where_there_is_room_and_no_more() -> None:
    assert step_columns(160, 55).name == 55
    assert step_columns(160, 14).name == 14
    assert step_columns(70, 55) == StepColumns(18, 19, 15, tries=True, time=True, row=70)
    assert step_columns(50, 55) == StepColumns(15, 16, 15, tries=False, time=False, row=50)


def test_the_reason_gets_the_room_that_no_step_of_the_run_needs() -> None:
    assert step_columns(71, 8).why + 11 == step_columns(71, 8, waits=False, retries=False).why


async def test_a_long_id_does_not_take_the_reason_away_from_all_rows() -> None:
    name = "extract-customer-orders-from-legacy-warehouse-eu-west-1"
    world = FakeWorld()
    mission = mission_of("m", step(name), step("b"))
    run = world.launch(mission)
    world.run_step(run, "b", exit_code=4)
    async with running(FakeBackend(world, mission), start=run, size=(100, 30)) as pilot:
        await wait_for_text(pilot, "EXIT_NONZERO", "failed", "extract-cus…west-1")
