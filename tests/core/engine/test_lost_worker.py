"""Attempts that an executor has lost: repeated where that is safe, and not without end."""

from core.domain.mission import RetryPolicy
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.engine.settlement import MAX_LOST_IN_A_ROW
from core.ports.executor import Outcome, OutcomeKind
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan

LOST = Act(outcome=Outcome(kind=OutcomeKind.LOST, message="the supervisor was killed"))
BAD = Act(exit_code=3)


def states(rig: Rig) -> list[AttemptState]:
    return [attempt.state for attempt in rig.snapshot.attempts["a"]]


def test_a_lost_attempt_is_repeated_without_a_retry_policy() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": [LOST, LOST, Act()]})

    assert rig.run().state is ExecutionState.SUCCESS
    assert states(rig) == [AttemptState.LOST, AttemptState.LOST, AttemptState.SUCCESS]


def test_a_lost_attempt_does_not_use_up_the_attempts_of_a_policy() -> None:
    step = a_command("a", retry=RetryPolicy(max_attempts=2))
    rig = Rig(a_plan(step), {"a": [LOST, BAD, LOST, Act()]})

    assert rig.run().state is ExecutionState.SUCCESS
    assert len(states(rig)) == 4


def test_a_step_that_is_not_idempotent_is_not_repeated_without_being_asked() -> None:
    rig = Rig(a_plan(a_command("a", idempotent=False)), {"a": [LOST, Act()]})

    assert rig.run().state is ExecutionState.FAILED
    assert states(rig) == [AttemptState.LOST]
    assert rig.state("a") is TaskState.FAILED
    assert rig.reason("a") is Reason.WORKER_LOST
    assert "not idempotent" in (rig.snapshot.tasks["a"].message or "")


def test_attempts_that_are_lost_one_after_another_end_at_last() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": [LOST] * 20})

    assert rig.run().state is ExecutionState.FAILED
    assert states(rig) == [AttemptState.LOST] * MAX_LOST_IN_A_ROW
    assert rig.reason("a") is Reason.WORKER_LOST
