"""What a running step uses now stands beside it as long as it is known to be true."""

from core.domain.mission import MissionStep
from core.domain.process_policy import StopPolicy
from core.ports.control import RequestKind
from core.ports.executor import JobUsage, job_key
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
from tui.words.cancel_text import stopping_text

USAGE = JobUsage(processes=3, cpu_share=1.37, memory_bytes=84 << 20)
TOLD = "CPU 137%, memory 84.0 MiB, 3 processes"
NAP = MissionStep(
    id="a", name="a", step_type="command", parameters={"command": "sleep", "args": ["60"]}
)


def one_that_runs(*steps: MissionStep) -> tuple[FakeWorld, FakeBackend, str]:
    """Return an execution in which the step `a` runs and uses something."""
    world = FakeWorld()
    mission = mission_of("m", *steps)
    run = world.launch(mission)
    world.begin(run, "a")
    backend = FakeBackend(world, mission)
    backend.usage[job_key(run, "a", 1)] = USAGE
    return world, backend, run


async def test_the_usage_of_the_step_under_the_cursor_is_shown_while_it_runs() -> None:
    world, backend, run = one_that_runs(step("a"), step("b", "a"))
    async with running(backend, start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, "uses now", TOLD)
        await pilot.press("enter")
        await wait_for_text(pilot, "1 Overview", TOLD)

        world.end(run, "a")

        await wait_until(pilot, lambda: "uses now" not in screen_text(pilot.app))


async def test_nothing_is_said_where_nothing_is_known_any_more() -> None:
    _, backend, run = one_that_runs(step("a"))
    async with running(backend, start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, TOLD)

        backend.usage.clear()

        await wait_until(pilot, lambda: "uses now" not in screen_text(pilot.app))


async def test_the_usage_of_a_step_without_a_runner_is_not_shown() -> None:
    world, backend, run = one_that_runs(step("a"))
    async with running(backend, start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, TOLD)

        world.orphan(run)

        await wait_for_text(pilot, "the runner of this execution is gone")
        await wait_until(pilot, lambda: "uses now" not in screen_text(pilot.app))


async def test_a_cancel_tells_what_remains_and_when_it_is_killed() -> None:
    _, backend, run = one_that_runs(NAP)
    async with running(backend, start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, "uses now", TOLD)
        assert "stopping" not in screen_text(pilot.app)
        assert "X cancel run" in screen_text(pilot.app)
        assert "kill now" not in screen_text(pilot.app)

        backend.request(run, RequestKind.CANCEL)

        await wait_for_text(pilot, "SIGTERM", "3 processes remain, SIGKILL in", "K kill now")
        assert "cancel run" not in screen_text(pilot.app)


async def test_a_step_that_is_cancelled_alone_tells_it_too_and_the_same_key_kills_it() -> None:
    world, backend, run = one_that_runs(NAP)
    async with running(backend, start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, "uses now", TOLD, "x cancel step")
        world.cancels = {run: {"a": world.clock.now()}}
        world.commit()
        await wait_for_text(pilot, "SIGTERM", "3 processes remain, SIGKILL in", "x kill step")
        await pilot.press("x")
        await wait_for_text(pilot, "Kill step a?", "what runs of it gets SIGKILL")
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: bool(backend.asked))
        assert backend.asked == [(run, RequestKind.CANCEL_STEP, "a", {"force": True})]


def test_the_end_of_a_step_is_told_by_its_own_rules() -> None:
    step = MissionStep(id="a", name="a", step_type="command", stop=StopPolicy(grace=10.0))
    mission = mission_of("m", step)
    text = stopping_text(step, mission, 1, since_seconds=4.0)
    assert text == "SIGTERM 4s ago, 1 process remains, SIGKILL in 6s"
    text = stopping_text(step, mission, None, since_seconds=12.0)
    assert text == "SIGTERM 12s ago, SIGKILL is due"
    assert stopping_text(None, None, 1, since_seconds=1.0) is None
