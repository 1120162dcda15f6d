"""Finds the approval step of an execution that waits for an answer."""

from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import TaskState
from core.errors import AmbiguousError, ConflictError
from core.launch.run_label import full_argument, full_label
from core.ports.reader import Reader


def waiting_approval(reader: Reader, execution: Execution) -> str:
    """Return the id of the only step of an execution that waits for an approval.

    Raises `ConflictError` when none waits, `AmbiguousError` when several do.
    """
    _, tasks = reader.task_states(execution.execution_id)
    waiting = [
        task.task_id
        for task in tasks
        if task.state is TaskState.WAITING and task.reason_code is Reason.AWAITING_APPROVAL
    ]
    if not waiting:
        raise ConflictError(
            f"no step of {full_label(execution)} waits for an approval",
            hint=f"`mission why {full_argument(execution)}` explains its state",
        )
    if len(waiting) > 1:
        raise AmbiguousError(
            f"several steps wait for an approval: {', '.join(waiting)}", hint="name one of them"
        )
    return waiting[0]
