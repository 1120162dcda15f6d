"""Answers an approval step: shared by `mission approve` and `mission reject`."""

from core.operations.waiting_approval import waiting_approval
from core.ports.control import RequestKind
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.cli.runner_request import print_request, send_request


def answer(
    invocation: Invocation, reference: str, step: str | None, kind: RequestKind, comment: str
) -> None:
    """Send the answer to the runner and print the outcome.

    Raises `ConflictError` when no step waits or the runner refuses, `AmbiguousError` when several
    steps wait and none is named.
    """
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, reference)
        task_id = waiting_approval(reader, found) if step is None else step
        asked = send_request(
            invocation, reader, found, kind, task_id=task_id, arguments={"comment": comment}
        )
    print_request(invocation, asked)
