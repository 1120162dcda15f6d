"""Answers an approval step: shared by `mission approve` and `mission reject`."""

from collections.abc import Sequence
from typing import Any

from core.domain.approval_question import asked_inputs
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import TaskState
from core.mission_file.keys.param_values import resolve_values
from core.operations.mission_order import parse_pairs
from core.operations.waiting_approval import waiting_approval
from core.ports.control import RequestKind
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.cli.runner_request import print_request, send_request


def answer(
    invocation: Invocation,
    reference: str,
    step: str | None,
    kind: RequestKind,
    comment: str,
    inputs: Sequence[str] = (),
) -> None:
    """Send the answer to the runner and print the outcome.

    `inputs` are `NAME=VALUE`. Raises `ConflictError` when no step waits or the runner refuses,
    `AmbiguousError` when several steps wait and none is named, `UsageError` for values that the
    step does not ask for or that do not fit.
    """
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, reference)
        task_id = waiting_approval(reader, found) if step is None else step
        arguments: dict[str, Any] = {"comment": comment}
        if kind is RequestKind.APPROVE:
            arguments |= _inputs(reader, found, task_id, inputs)
        asked = send_request(invocation, reader, found, kind, task_id=task_id, arguments=arguments)
    print_request(invocation, asked)


def _inputs(
    reader: Reader, execution: Execution, task_id: str, pairs: Sequence[str]
) -> dict[str, Any]:
    """Return the argument with the values of an approval, of the types that the step asks for."""
    task = reader.task_run(execution.execution_id, task_id)
    is_open = task.state is TaskState.WAITING and task.reason_code is Reason.AWAITING_APPROVAL
    given = parse_pairs(pairs, option="--input", what="input")
    if not is_open:  # the runner says that, too, and knows it better
        return {"inputs": given} if given else {}
    wanted = asked_inputs(task.inputs or {})
    if not wanted and not given:
        return {}
    return {"inputs": resolve_values(wanted, given, of=f"the approval `{task_id}`")}
