"""How an execution ends, from how its steps and handlers ended."""

from collections.abc import Sequence

from msgspec import Struct

from core.domain.fold import Snapshot
from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from core.explain.failure_line import step_failure
from core.planning.stop import HALTING, Stop

_LEAVING_IT_TO_THE_STEPS = frozenset({Reason.FAIL_FAST, Reason.FINISHED})
"""Stops after which the failures of the steps decide how the execution ends."""


class Ending(Struct, frozen=True):
    """How the execution ends."""

    state: ExecutionState
    reason: Reason
    message: str | None


def ending_of_steps(snapshot: Snapshot, stop: Stop | None, failures: Sequence[str]) -> Ending:
    """Return how the steps have ended.

    `stop` is the stop that ended at least one of them; `failures` are the task runs that failed
    without being tolerated, in order of time.
    """
    if stop is not None and stop.reason is Reason.PRECONDITION_UNMET:
        return Ending(ExecutionState.SUCCESS, stop.reason, stop.message)
    if stop is not None and stop.reason not in _LEAVING_IT_TO_THE_STEPS:
        is_cancelled = stop.reason in (Reason.USER_CANCELLED, Reason.GROUP_TAKEN)
        state = ExecutionState.CANCELLED if is_cancelled else ExecutionState.FAILED
        return Ending(state, stop.reason, stop.message)
    if not failures and stop is not None and stop.reason is Reason.FINISHED:
        return Ending(ExecutionState.SUCCESS, stop.reason, stop.message)
    if not failures:
        return Ending(ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE, None)
    halting = (name for name in failures if snapshot.tasks[name].reason_code in HALTING)
    task = snapshot.tasks[next(halting, failures[0])]
    # A fan-out step fails because its items did: it is not counted beside them.
    with_items = {snapshot.tasks[name].parent_task_id for name in failures}
    more = sum(name not in with_items for name in failures) - 1
    message = step_failure(task)
    if more:
        message += f" and {more} more"
    reason = task.reason_code if task.reason_code in HALTING else Reason.STEP_FAILED
    return Ending(ExecutionState.FAILED, reason, message)
