"""Leave a request for whoever drives an execution, and see what comes of it."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.domain.mission import EMPTY
from core.domain.records import Execution
from core.domain.states import is_terminal
from core.errors import ConflictError, LeaseHeldError, WaitTimeoutError
from core.explain.request_word import DONE
from core.machine.ownership import is_owned
from core.operations.ancestry import resumed_with
from core.ports.control import RequestKind
from core.ports.reader import Reader
from tui.cli.following.follow import rounds
from tui.cli.invocation import Invocation
from tui.output.text import safe_line
from tui.words.run_label import full_argument, full_label

PATIENCE = 5.0
"""Seconds to wait for a runner to take a request; it looks five times a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that is on disk.

    `owned`: a live runner drives the execution. `settled`: it has done what was asked.
    """

    request_id: int
    kind: RequestKind
    execution: Execution
    task_id: str | None
    owned: bool
    settled: bool = False
    resumed_with: str = ""
    """The execution to resume so that somebody takes the request."""


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
    import asyncio

    from core.machine.clock import SystemClock
    from tui.host.session import open_session

    execution_id = execution.execution_id
    if is_terminal(execution.state):
        raise ConflictError(f"{full_label(execution)} has ended: {execution.state}")
    if task_id is not None:
        reader.task_run(execution_id, task_id)
    owned = is_owned(reader.lease(execution_id), invocation.now)

    async def leave() -> int:
        async with open_session(invocation.paths, SystemClock()) as store:
            return await store.control.request(
                execution_id, kind, actor=invocation.actor, task_id=task_id, arguments=arguments
            )

    request_id = asyncio.run(leave())
    if kind is RequestKind.CANCEL and not owned:
        with contextlib.suppress(LeaseHeldError):  # one has come in the meantime: it takes it, too
            asyncio.run(invocation.site.start_runner(execution_id))
        owned = True
    return Asked(
        request_id=request_id,
        kind=kind,
        execution=execution,
        task_id=task_id,
        owned=owned,
        resumed_with=safe_line(full_argument(resumed_with(reader, execution))),
    )


def ask_and_wait(
    invocation: Invocation,
    reader: Reader,
    execution: Execution,
    kind: RequestKind,
    *,
    task_id: str | None = None,
    arguments: Mapping[str, Any] = EMPTY,
) -> Asked:
    """Leave a request and wait until the runner has taken it, for `PATIENCE` seconds at most.

    Raises `ConflictError` as `ask` does, and when the runner refuses.
    """
    from dataclasses import replace

    invocation.console.best_effort()
    asked = ask(invocation, reader, execution, kind, task_id=task_id, arguments=arguments)
    if not asked.owned:
        return asked
    try:
        for _ in rounds(reader, timeout=PATIENCE):
            outcome = reader.request_outcome(asked.request_id)
            if outcome is None:
                continue
            if not outcome.done:
                raise ConflictError(f"the runner refused: {outcome.why}")
            return replace(asked, settled=True)
    except WaitTimeoutError:
        pass
    return asked


def asked_json(asked: Asked) -> dict[str, Any]:
    """Return a request and what is known of it as JSON data."""
    return {
        "execution_id": asked.execution.execution_id,
        "task_id": asked.task_id,
        "request": asked.kind.value,
        "request_id": asked.request_id,
        "owned": asked.owned,
        "settled": asked.settled,
    }


def tell(invocation: Invocation, asked: Asked) -> None:
    """Say what was asked and done, and what to do when nobody is there to hear it."""
    label, task_id = safe_line(full_label(asked.execution)), asked.task_id
    if invocation.json:
        invocation.console.out_json(asked_json(asked))
        return
    subject = label if task_id is None else f"{label} {safe_line(task_id)}"
    told = DONE[asked.kind] if asked.settled else f"{asked.kind.value.replace('_', ' ')} requested"
    invocation.console.say(f"{subject}: {told}")
    if not asked.owned:
        invocation.console.say(
            "no runner drives this execution: the request waits for the next one, "
            f"`mission resume {asked.resumed_with}`"
        )
