"""Comparison and history: from an execution and from home."""

import pytest

from core.domain.reasons import Reason
from core.domain.states import ExecutionState
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
from tui.screens.execution import ExecutionScreen
from tui.screens.report.report_screen import ReportScreen


def three_runs() -> tuple[FakeWorld, list[str]]:
    """Two successes and a failure of one mission, the last two with the same parameters."""
    world = FakeWorld()
    runs = []
    for number, (target, code) in enumerate([("eu", 0), ("us", 0), ("us", 1)]):
        run = world.launch(
            mission_of("etl", step("fetch"), step("load", "fetch")), params={"target": target}
        )
        world.run_step(run, "fetch", "connected", outputs={"rows": 10 + number})
        world.begin(run, "load")
        world.clock.forward(1 + 9 * number)
        world.say(run, "load", "loading", *(["refused by the server"] if code else []))
        world.end(run, "load", exit_code=code)
        state = ExecutionState.FAILED if code else ExecutionState.SUCCESS
        world.execution(run, state, Reason.STEP_FAILED if code else Reason.ALL_STEPS_DONE)
        runs.append(run)
    return world, runs


async def test_a_run_is_compared_with_the_last_success_and_with_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.screens.report.report_screen.REFRESH_SECONDS", 0.05)
    world, runs = three_runs()
    async with running(FakeBackend(world), size=(120, 45), start=runs[2]) as pilot:
        await wait_for_text(pilot, "etl#3", "load")
        await pilot.press("D")
        await wait_for_text(
            pilot, "etl#3 (failed) compared with etl#2 (done", "load: done → failed"
        )
        text = screen_text(pilot.app)
        assert "nothing that is recorded of what they were given differs" in text
        assert "fetch: output `rows`: 11 → 12" in text
        assert "+ refused by the server" in text
        assert "10s" in text
        assert "19s" in text
        await pilot.press("[")
        await wait_for_text(pilot, "etl#3 (failed) compared with etl#1", "`target`: eu → us")
        await pilot.press("[")
        await wait_for_text(pilot, "no other run that way")
        await pilot.press("]")
        await wait_for_text(pilot, "compared with etl#2")
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, ExecutionScreen))
        await pilot.press("H")
        await wait_for_text(pilot, "step load", "mission etl", "succeeded in 2 of 3 decided runs")
        text = screen_text(pilot.app)
        assert " as of " in text.split("\n")[0]
        await pilot.press("j", "enter")  # the second of the runs of the step
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, ExecutionScreen))
        await wait_for_text(pilot, "etl#2", "✓ done", "▌✓ load")
        await pilot.press("escape")
        await wait_for_text(pilot, "history of etl")
        text = screen_text(pilot.app)
        assert next(line for line in text.split("\n") if "▌" in line).startswith("▌etl#2")
        assert "flaky: with the same file and parameters 1 of 1 repetition ended otherwise" in text
        assert "target" in text
        await pilot.press("q", "q")
        await wait_for_text(pilot, "etl#1", "etl#2")
        await pilot.press("H")
        await wait_for_text(pilot, "history of etl")
        assert isinstance(pilot.app.screen, ReportScreen)
        begun = world.launch(mission_of("etl", step("fetch")))
        await wait_for_text(pilot, "etl#4", "running")
        world.run_step(begun, "fetch")
        world.execution(begun, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
        await wait_for_text(pilot, "succeeded in 3 of 4 decided runs")


async def test_a_first_run_says_that_there_is_nothing_to_compare_with() -> None:
    world, runs = three_runs()
    async with running(FakeBackend(world), size=(100, 30), start=runs[0]) as pilot:
        await wait_for_text(pilot, "etl#1", "load")
        await pilot.press("D")
        await wait_for_text(pilot, "nothing to compare with", "no earlier run of this mission")
