"""Answers an approval step: shared by `mission approve` and `mission reject`."""

from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import TaskState
from core.errors import AmbiguousError, ConflictError
from core.ports.control import RequestKind
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.cli.runner_request import print_request, send_request
from tui.words.run_label import full_argument, full_label


def answer(
    invocation: Invocation, reference: str, step: str | None, kind: RequestKind, comment: str
) -> None:
    """Send the answer to the runner and print the outcome.

    Raises `ConflictError` when no step waits or the runner refuses, `AmbiguousError` when several
    steps wait and none is named.
    """
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, reference)
        task_id = _waiting(reader, found) if step is None else step
        asked = send_request(
            invocation, reader, found, kind, task_id=task_id, arguments={"comment": comment}
        )
    print_request(invocation, asked)


def _waiting(reader: Reader, found: Execution) -> str:
    _, tasks = reader.task_states(found.execution_id)
    waiting = [
        task.task_id
        for task in tasks
        if task.state is TaskState.WAITING and task.reason_code is Reason.AWAITING_APPROVAL
    ]
    if not waiting:
        raise ConflictError(
            f"no step of {full_label(found)} waits for an approval",
            hint=f"`mission why {full_argument(found)}` explains its state",
        )
    if len(waiting) > 1:
        raise AmbiguousError(
            f"several steps wait for an approval: {', '.join(waiting)}", hint="name one of them"
        )
    return waiting[0]
