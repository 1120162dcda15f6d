"""Finds the approval step of an execution that waits for an answer."""

from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import TaskState
from core.errors import AmbiguousError, ConflictError
from core.launch.run_label import full_argument, full_label
from core.operations.ancestry import descendants
from core.ports.reader import Reader


def waiting_approval(reader: Reader, execution: Execution) -> str:
    """Return the id of the only step of an execution that waits for an approval.

    Raises `ConflictError` when none waits, `AmbiguousError` when several do.
    """
    waiting = _waiting(reader, execution)
    if not waiting:
        below = _waiting_below(reader, execution)
        hint = f"`mission why {full_argument(execution)}` explains its state"
        if below is not None:
            hint = f"a step of {full_label(below)} below it does: name `{full_argument(below)}`"
        raise ConflictError(f"no step of {full_label(execution)} waits for an approval", hint=hint)
    if len(waiting) > 1:
        raise AmbiguousError(
            f"several steps wait for an approval: {', '.join(waiting)}", hint="name one of them"
        )
    return waiting[0]


def _waiting(reader: Reader, execution: Execution) -> list[str]:
    _, tasks = reader.task_states(execution.execution_id)
    return [
        task.task_id
        for task in tasks
        if task.state is TaskState.WAITING and task.reason_code is Reason.AWAITING_APPROVAL
    ]


def _waiting_below(reader: Reader, execution: Execution) -> Execution | None:
    """Return the first sub-mission with such a step, at any depth."""
    below = descendants(reader, execution.execution_id, live=True)
    return next((child for child in below if _waiting(reader, child)), None)
