"""A machine that is suspended under a run: what was due meanwhile happens once, in real time."""

import asyncio

from core.domain.mission import RetryPolicy
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.ports.control import RequestKind
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step
from tests.support.virtual_loop import VirtualLoop

HOURS = 3600.0


def suspend(_rig: Rig, hours: float = 2.0) -> None:
    """Let the machine sleep: no timer fires until it wakes."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.jump(hours * HOURS)


def ended_after(rig: Rig) -> float:
    """Return the seconds of real time from the start to the end of the execution."""
    execution = rig.snapshot.current
    assert execution.started_at is not None
    assert execution.ended_at is not None
    return (execution.ended_at - execution.started_at) / 1e9


def test_a_wait_that_was_over_meanwhile_ends_once_at_the_wake_up() -> None:
    step = a_step("nap", step_type="wait", parameters={"seconds": 600})
    rig = Rig(a_plan(step, a_command("next", "nap")))
    assert rig.run((5.0, suspend)).state is ExecutionState.SUCCESS
    assert rig.started() == ["next"]
    assert [one.attempt for one in rig.snapshot.attempts["nap"]] == [1]
    assert 2 * HOURS <= ended_after(rig) < 2 * HOURS + 60


def test_a_timeout_counts_the_time_that_the_machine_slept() -> None:
    rig = Rig(
        a_plan(a_command("long", timeout_seconds=3600.0), fail_fast=False),
        {"long": Act(seconds=100_000)},
    )
    assert rig.run((5.0, suspend)).state is ExecutionState.FAILED
    assert rig.reason("long") is Reason.TIMEOUT
    assert ended_after(rig) < 2 * HOURS + 60


def test_the_deadline_of_a_mission_counts_the_time_that_the_machine_slept() -> None:
    step = a_command("long", timeout_seconds=100_000.0)
    rig = Rig(a_plan(step, timeout_seconds=3600.0), {"long": Act(seconds=50_000)})
    ending = rig.run((5.0, suspend))
    assert ending.reason is Reason.MISSION_TIMEOUT
    assert ended_after(rig) < 2 * HOURS + 60


def test_a_backoff_that_was_over_meanwhile_is_followed_by_one_attempt() -> None:
    policy = RetryPolicy(max_attempts=5, initial_interval=600.0)
    rig = Rig(a_plan(a_command("shaky", retry=policy)), {"shaky": [Act(exit_code=1), Act()]})
    assert rig.run((5.0, suspend)).state is ExecutionState.SUCCESS
    assert rig.started() == ["shaky", "shaky"]
    assert 2 * HOURS <= ended_after(rig) < 2 * HOURS + 60


def test_an_approval_is_answered_after_a_suspend() -> None:
    step = a_step("ask", step_type="approval", parameters={"prompt": "go?"})
    rig = Rig(a_plan(step))

    def answer(rig: Rig) -> None:
        rig.ask(RequestKind.APPROVE, "ask")

    assert rig.run((5.0, suspend), (2 * HOURS + 60, answer)).state is ExecutionState.SUCCESS
    assert rig.state("ask") is TaskState.SUCCESS
