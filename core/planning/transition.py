"""The planner's decisions as events: one transition of one task run."""

from collections.abc import Callable

from msgspec import Struct

from core.domain.events import TaskStateChanged
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState


class Refusal(Struct, frozen=True):
    """How a step ends without an attempt: SKIPPED, or FAILED when its condition has no value."""

    state: TaskState
    reason: Reason
    message: str


Condition = Callable[[MissionStep], Refusal | None]
"""Evaluates a step's `when`: None to run it, else how it ends without an attempt."""


def transition(
    task: TaskRun, target: TaskState, reason: Reason, message: str | None, at: int
) -> TaskStateChanged:
    """Return the event that takes `task` from its state to `target`; `at` in nanoseconds."""
    return TaskStateChanged(
        at=at,
        execution_id=task.execution_id,
        task_id=task.task_id,
        from_state=task.state,
        to_state=target,
        reason_code=reason,
        message=message,
    )


def start_or_refuse(
    step: MissionStep, task: TaskRun, condition: Condition, at: int
) -> TaskStateChanged:
    """Return the transition of a step whose turn has come: READY, or what its `when` decides."""
    refusal = condition(step) if step.when is not None else None
    if refusal is not None:
        return transition(task, refusal.state, refusal.reason, refusal.message, at)
    return transition(task, TaskState.READY, Reason.DEPS_MET, None, at)
