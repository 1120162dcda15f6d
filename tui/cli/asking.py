"""Leave a request for whoever drives an execution, and say whether anybody does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import ConflictError
from core.model import EMPTY, Execution
from core.ports import Reader, RequestKind
from core.states import is_terminal
from tui.cli.invocation import Invocation
from tui.cli.ownership import is_owned


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that is on disk; `owned` tells whether a live runner will take it."""

    request_id: int
    owned: bool


def ask(
    invocation: Invocation,
    reader: Reader,
    execution: Execution,
    kind: RequestKind,
    *,
    task_id: str | None = None,
    arguments: Mapping[str, Any] = EMPTY,
) -> Asked:
    """Leave a request; durable on return.

    Raises `ConflictError` for an execution that has ended, `NotFoundError` for an unknown step.
    """
    execution_id = execution.execution_id
    if is_terminal(execution.state):
        raise ConflictError(f"execution {execution_id} has ended: {execution.state}")
    if task_id is not None:
        task = reader.task_run(execution_id, task_id)
        if is_terminal(task.state):
            raise ConflictError(f"step {task_id} has ended: {task.state}")
    import asyncio

    from core.clock import SystemClock
    from tui.cli.session import open_session

    owned = is_owned(reader.lease(execution_id), invocation.now)

    async def leave() -> int:
        async with open_session(invocation.paths, SystemClock()) as store:
            return await store.control.request(
                execution_id, kind, actor=invocation.actor, task_id=task_id, arguments=arguments
            )

    return Asked(request_id=asyncio.run(leave()), owned=owned)


def tell(
    invocation: Invocation,
    execution: Execution,
    kind: RequestKind,
    asked: Asked,
    *,
    task_id: str | None = None,
) -> None:
    """Say what was asked, and what to do when nobody is there to hear it."""
    if invocation.json:
        invocation.console.out_json(
            {
                "execution_id": execution.execution_id,
                "task_id": task_id,
                "request": kind.value,
                "request_id": asked.request_id,
                "owned": asked.owned,
            }
        )
        return
    subject = execution.execution_id if task_id is None else f"{execution.execution_id} {task_id}"
    invocation.console.say(f"{subject}: {kind.value.replace('_', ' ')} requested")
    if not asked.owned:
        invocation.console.say(
            "no runner drives this execution: the request waits for the next one, "
            f"`mission resume {execution.execution_id}`"
        )
