"""Several executions at once: marked with the space bar, one dialog that names its scope."""

from core.domain.reasons import Reason
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
from tui.lines.marked_confirmation import (
    MAX_NAMED_RUNS,
    cancel_scope_of,
    report_of,
    retry_scope_of,
)

NIGHTLY = mission_of("nightly", step("extract"), step("load", "extract"))


def several(failed: int, live: int) -> tuple[FakeWorld, list[str]]:
    world = FakeWorld()
    runs = []
    for _ in range(failed):
        runs.append(world.launch(NIGHTLY))
        world.run_step(runs[-1], "extract", exit_code=3)
        world.task(runs[-1], "load", TaskState.SKIPPED, Reason.UPSTREAM_FAILED)
        world.execution(runs[-1], ExecutionState.FAILED, Reason.STEP_FAILED)
    for _ in range(live):
        runs.append(world.launch(NIGHTLY))
        world.begin(runs[-1], "extract")
    return world, runs


async def test_marked_runs_are_retried_run_again_and_cancelled_with_one_dialog_each() -> None:
    world, runs = several(2, 2)
    backend = FakeBackend(world, NIGHTLY)
    async with running(backend, size=(130, 34)) as pilot:
        await wait_for_text(pilot, "NEEDS YOU 2", "RUNNING 2", "F retry what failed")
        await pilot.press("2", "space", "space", "space")
        await wait_for_text(pilot, "3 marked", "* nightly#2", "* nightly#1", "* nightly#4")
        await pilot.press("F")
        await wait_for_text(
            pilot, "Retry what failed in 2 runs?", "1 failed step", "nightly#4 has nothing to retry"
        )
        await pilot.press("tab", "tab", "escape")
        await wait_until(pilot, lambda: "Retry what failed" not in screen_text(pilot.app))
        assert backend.calls == []
        await pilot.press("F")
        await wait_for_text(pilot, "Retry what failed in 2 runs?")
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: len(backend.calls) == 2)
        assert backend.calls == [
            ("retry_failed", (runs[1], "")),
            ("retry_failed", (runs[0], "")),
        ]
        await wait_for_text(pilot, "2 runs retried", "ENDED 2")
        assert "3 marked" not in screen_text(pilot.app)
        await pilot.press("g", "space", "space", "X")
        await wait_for_text(pilot, "Cancel 2 runs?", "SIGTERM", "cannot be undone")
        backend.refuse = "its runner does not answer"
        await pilot.press("right", "enter")
        await wait_for_text(pilot, "0 runs asked to cancel; 2 refusals", "does not answer")
        backend.refuse = ""
        await pilot.press("g", "space", "X", "right", "enter")
        await wait_until(pilot, lambda: len(backend.asked) == 1)
        assert backend.asked[0][1] is RequestKind.CANCEL
        await pilot.press("space", "escape")
        await wait_until(pilot, lambda: "1 marked" not in screen_text(pilot.app))


async def test_an_approval_is_answered_and_a_failure_set_aside_from_home() -> None:
    world, runs = several(1, 0)
    deploy = mission_of("deploy", step("promote", step_type="approval"))
    asks = world.launch(deploy)
    world.begin(asks, "promote")
    world.task(asks, "promote", TaskState.WAITING, Reason.AWAITING_APPROVAL, "Promote?")
    backend = FakeBackend(world, NIGHTLY, deploy)
    async with running(backend, size=(130, 34)) as pilot:
        await wait_for_text(pilot, "NEEDS YOU 2", "a approve or reject")
        await pilot.press("2", "a")
        await wait_for_text(pilot, "Approve promote?", "Promote?")
        await pilot.press("tab", "enter")
        await wait_until(pilot, lambda: len(backend.asked) == 1)
        assert backend.asked[0][:3] == (asks, RequestKind.APPROVE, "promote")
        await pilot.press("j", "d")
        await wait_for_text(pilot, "NEEDS YOU 1", "ENDED 1")
        await wait_until(pilot, lambda: runs[0] in backend.memory.seen)


def test_a_dialog_names_a_few_and_counts_the_rest() -> None:
    world, runs = several(1, MAX_NAMED_RUNS + 3)
    every = [world.runs[run].execution() for run in runs]
    scope = cancel_scope_of(every)
    assert scope.title == "Cancel 11 runs?"
    assert "  … and 3 more" in scope.lines
    assert "Left alone: nightly#1 has ended" in scope.lines
    assert len(scope.chosen) == MAX_NAMED_RUNS + 3
    assert retry_scope_of(every[:1]).title == "Retry what failed in nightly#1?"
    assert report_of(3, "retried", []) == "3 runs retried"
    assert report_of(1, "retried", ["a#1: no"]) == "1 run retried; 1 refusal: a#1: no"
