"""Evaluates the `when` of a step whose dependencies have ended."""

from core.domain.fold import Snapshot
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.states import TaskState
from core.engine.preparation import RunContext
from core.expression.condition import ConditionError, decide
from core.planning.transition import Refusal


def check_condition(
    run_context: RunContext, snapshot: Snapshot, step: MissionStep
) -> Refusal | None:
    """Return how a step ends without an attempt, None when its condition wants one."""
    if run_context.environ_error is not None:
        reason = Reason.INVALID_PARAMETERS
        return Refusal(TaskState.FAILED, reason, run_context.environ_error)
    task = snapshot.tasks[step.id]
    try:
        wanted = decide(step.when or "true", run_context.context.scope(task))
    except ConditionError as error:
        return Refusal(TaskState.FAILED, Reason.INVALID_PARAMETERS, f"when: {error}")
    if wanted:
        return None
    return Refusal(TaskState.SKIPPED, Reason.CONDITION_FALSE, f"when: {step.when}")
