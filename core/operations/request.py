"""Stores a request for the runner of an execution and waits for its outcome."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from core.domain.mission import EMPTY
from core.domain.records import Execution
from core.domain.states import is_terminal
from core.errors import ConflictError, LeaseHeldError
from core.launch.run_label import full_label
from core.machine.ownership import is_owned
from core.operations.admission.policy_check import require_request
from core.operations.ancestry import resumed_with
from core.operations.site import Site
from core.ports.control import RequestKind, RequestOutcome
from core.ports.reader import Reader

PATIENCE_SECONDS = 5.0
"""How long to wait for a runner to take a request; it looks five times a second."""
POLL_SECONDS = 0.05


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
    warning: str | None = None
    """Why a policy would deny it that is not enforced."""
    to_resume: Execution
    """The execution to resume so that somebody takes the request."""


async def leave_request(
    site: Site,
    reader: Reader,
    execution: Execution,
    kind: RequestKind,
    *,
    task_id: str | None = None,
    arguments: Mapping[str, Any] = EMPTY,
) -> Asked:
    """Leave a request; durable on return. A cancel that nobody would take gets a runner.

    Raises `ConflictError` for an execution that has ended, `NotFoundError` for an unknown step,
    `PolicyViolationError` and `PolicyFileError` where policies do not allow it.
    """
    execution_id = execution.execution_id
    if is_terminal(execution.state):
        raise ConflictError(f"{full_label(execution)} has ended: {execution.state}")
    if task_id is not None:
        reader.task_run(execution_id, task_id)
    verdict = await require_request(site, execution, kind, task_id)
    owned = is_owned(reader.lease(execution_id), site.clock.now())
    async with site.open_store() as store:
        request_id = await store.control.request(
            execution_id, kind, actor=site.actor, task_id=task_id, arguments=arguments
        )
    if kind is RequestKind.CANCEL and not owned:
        with suppress(LeaseHeldError):  # one has come in the meantime: it takes it, too
            await site.start_runner(execution_id)
        owned = True
    return Asked(
        request_id=request_id,
        kind=kind,
        execution=execution,
        task_id=task_id,
        owned=owned,
        warning=None if verdict is None else verdict.sentence,
        to_resume=resumed_with(reader, execution),
    )


async def request(
    site: Site,
    reader: Reader,
    execution: Execution,
    kind: RequestKind,
    *,
    task_id: str | None = None,
    arguments: Mapping[str, Any] = EMPTY,
) -> Asked:
    """Leave a request and wait until the runner has taken it, `PATIENCE_SECONDS` at most.

    Raises `ConflictError` as `leave_request` does, and when the runner refuses.
    """
    asked = await leave_request(site, reader, execution, kind, task_id=task_id, arguments=arguments)
    outcome = await _outcome(reader, asked.request_id) if asked.owned else None
    if outcome is None:
        return asked
    if not outcome.done:
        raise ConflictError(f"the runner refused: {outcome.why}")
    return replace(asked, settled=True)


async def _outcome(reader: Reader, request_id: int) -> RequestOutcome | None:
    """Return what came of a request, None when nobody decided it in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    while True:
        outcome = reader.request_outcome(request_id)
        if outcome is not None or loop.time() >= deadline:
            return outcome
        await asyncio.sleep(POLL_SECONDS)
