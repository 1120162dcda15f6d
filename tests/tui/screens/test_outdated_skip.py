"""A step skipped for a failure that a retry mends: offered together, and no longer blamed on it."""

from core.domain.reasons import Reason
from core.domain.states import TaskState
from core.explain.execution_facts import CAUSE_RESOLVED, ExecutionFacts
from core.explain.why import explain
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    screen_text,
    step,
    wait_for_text,
)
from tests.support.tui import wait_until as until


def a_live_run_with_a_failure() -> tuple[FakeWorld, str]:
    world = FakeWorld()
    steps = (step("bad"), step("after-bad", "bad"), step("behind", "after-bad"), step("long"))
    run = world.launch(mission_of("live", *steps))
    world.begin(run, "long")
    world.run_step(run, "bad", exit_code=9)
    skipped = "`bad` failed (EXIT_NONZERO)"
    world.task(run, "after-bad", TaskState.SKIPPED, Reason.UPSTREAM_FAILED, skipped)
    world.task(run, "behind", TaskState.SKIPPED, Reason.UPSTREAM_FAILED, "`after-bad` skipped")
    return world, run


def retried(world: FakeWorld, run: str) -> None:
    world.task(run, "bad", TaskState.READY, Reason.USER_RETRY)
    world.run_step(run, "bad")


async def test_a_retry_offers_to_take_along_what_was_skipped_for_the_failure() -> None:
    world, run = a_live_run_with_a_failure()
    backend = FakeBackend(world, world.runs[run].mission)
    async with running(backend, start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, "exit")
        await pilot.press("r")
        await wait_for_text(pilot, "2 downstream steps were skipped", "Retry with downstream")
        await wait_for_text(pilot, "Retry alone")
        await pilot.press("right", "enter")
        await until(pilot, lambda: bool(backend.asked))
        assert backend.asked[0][3] == {"downstream": True, "reason": ""}


async def test_the_list_does_not_say_what_is_no_longer_true() -> None:
    world, run = a_live_run_with_a_failure()
    backend = FakeBackend(world, world.runs[run].mission)
    async with running(backend, start=run, size=(180, 40)) as pilot:
        await wait_for_text(pilot, "⊘ after-bad", "⊘ behind")
        await pilot.press("/", *"state", "colon", *"skipped", "enter")
        await wait_for_text(pilot, "`bad` failed (EXIT_NONZERO)")
        retried(world, run)
        await wait_for_text(pilot, CAUSE_RESOLVED)
        await until(pilot, lambda: "`bad` failed" not in screen_text(pilot.app))


def test_why_says_that_a_skipped_step_runs_when_it_is_retried() -> None:
    world, run = a_live_run_with_a_failure()
    retried(world, run)
    found = world.runs[run]
    facts = ExecutionFacts(
        execution=found.execution(),
        tasks=found.snapshot.tasks,
        now=world.clock.at,
        mission=found.mission,
    )
    assert explain("after-bad", facts)[0] == f"skipped: {CAUSE_RESOLVED}"
    assert explain("behind", facts)[0].startswith("skipped: `after-bad` skipped")
