"""Sends a request to a runner and prints its outcome."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.errors import ConflictError
from core.explain.request_text import DONE
from core.ports.control import RequestKind
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.words.run_label import full_argument, full_label
from tui.words.safe_text import safe_line

if TYPE_CHECKING:  # completion of a command that sends one loads neither this nor asyncio
    from core.operations.request import Asked


def send_request(
    invocation: Invocation,
    reader: Reader,
    execution: Execution,
    kind: RequestKind,
    *,
    task_id: str | None = None,
    arguments: Mapping[str, Any] = EMPTY,
) -> "Asked":
    """Store a request and wait for the runner's answer; see `core.operations.request`."""
    import asyncio

    invocation.console.best_effort()
    return asyncio.run(
        ask_runner(invocation, reader, execution, kind, task_id=task_id, arguments=arguments)
    )


async def ask_runner(
    invocation: Invocation,
    reader: Reader,
    execution: Execution,
    kind: RequestKind,
    *,
    task_id: str | None = None,
    arguments: Mapping[str, Any] = EMPTY,
) -> "Asked":
    """Do the same within an event loop, where others may be asked meanwhile."""
    from core.operations.request import request

    asked = await request(
        invocation.site, reader, execution, kind, task_id=task_id, arguments=arguments
    )
    if asked.warning is not None:
        invocation.console.say(f"warning: policy: {safe_line(asked.warning)}, but only warns")
    return asked


def require_queued(execution: Execution) -> None:
    """Raise `ConflictError` for an execution that does not wait in a concurrency group."""
    if execution.reason_code is not Reason.QUEUED:
        label = full_label(execution)
        raise ConflictError(
            f"{label} does not wait in a concurrency group: it is {execution.state}",
            hint="`mission pause` and `mission resume` are for executions that run",
        )


def request_json(asked: "Asked") -> dict[str, Any]:
    """Return a request and its outcome as JSON data."""
    return {
        "execution_id": asked.execution.execution_id,
        "task_id": asked.task_id,
        "request": asked.kind.value,
        "request_id": asked.request_id,
        "owned": asked.owned,
        "settled": asked.settled,
    }


def outcome_words(asked: "Asked") -> str:
    """Return what came of a request: done, or requested alone."""
    return DONE[asked.kind] if asked.settled else f"{asked.kind.value.replace('_', ' ')} requested"


def print_request(invocation: Invocation, asked: "Asked") -> None:
    """Print the request and its outcome, or how to start a runner if there is none."""
    label, task_id = safe_line(full_label(asked.execution)), asked.task_id
    if invocation.json:
        invocation.console.out_json(request_json(asked))
        return
    subject = label if task_id is None else f"{label} {safe_line(task_id)}"
    invocation.console.say(f"{subject}: {outcome_words(asked)}")
    if not asked.owned:
        invocation.console.say(
            "this execution has no runner: the request waits for the next one, "
            f"`mission resume {safe_line(full_argument(asked.to_resume))}`"
        )
