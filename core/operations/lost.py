"""Detects executions whose runner died, and records the loss."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import AttemptState, ExecutionState
from core.errors import LeaseHeldError
from core.machine.ownership import is_owned
from core.operations.ancestry import resumed_with
from core.operations.site import OpenStore, Site
from core.operations.snapshot import load_snapshot
from core.planning.recovery import has_open_attempts, lost
from core.ports.clock import Clock
from core.ports.control import Lease
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from core.recording.recorder import Recorder

START_SECONDS = 60.0
"""How long an execution may be PENDING without an owner: it is being started."""


def find_lost(reader: Reader, now: int) -> list[Execution]:
    """Return executions that no live runner owns though their records say that one is at work.

    They are RUNNING, or PAUSED by a person with an attempt under way, or PENDING and whoever was to
    start them is gone. On the runner's own machine its process tells; elsewhere its lease does,
    once it has expired.
    """
    states = frozenset({ExecutionState.PENDING, ExecutionState.RUNNING, ExecutionState.PAUSED})
    live = reader.executions(ExecutionQuery(limit=1000, states=states, include_children=True))
    return [
        one
        for one in live
        if one.reason_code is not Reason.RUNNER_LOST
        and not is_owned(lease := reader.lease(one.execution_id), now)
        and _counts_as_driven(reader, one, lease, now)
    ]


def _counts_as_driven(reader: Reader, execution: Execution, lease: Lease | None, now: int) -> bool:
    """Tell whether the records say that a runner is at work, or about to be."""
    if execution.state is ExecutionState.PENDING:
        return lease is not None or now - execution.created_at > START_SECONDS * 1_000_000_000
    return execution.state is ExecutionState.RUNNING or _has_open_attempts(reader, execution)


def _has_open_attempts(reader: Reader, execution: Execution) -> bool:
    attempts = reader.attempts(execution.execution_id)
    return any(one.state is AttemptState.RUNNING for one in attempts)


async def record_lost(
    site: Site,
    reader: Reader,
    gone: Sequence[Execution],
    final_errors: Mapping[str, str] = EMPTY,
) -> list[tuple[Execution, int]]:
    """Commit the loss of the runners of the executions that `find_lost` found.

    `final_errors` are the known reasons why runners stopped, by the ids of their executions.
    Return the executions that are to be resumed, and how many sub-missions each takes up.
    """
    async with site.open_store() as store:
        for execution in gone:
            with suppress(LeaseHeldError):  # somebody resumed it in the meantime
                word = final_errors.get(execution.execution_id)
                await mark_lost(store, site.clock, reader, execution.execution_id, final_error=word)
    found: dict[str, tuple[Execution, int]] = {}
    for execution in gone:
        whole = resumed_with(reader, execution)
        _, parts = found.get(whole.execution_id, (whole, 0))
        found[whole.execution_id] = (whole, parts + (whole is not execution))
    return list(found.values())


async def mark_lost(
    store: OpenStore,
    clock: Clock,
    reader: Reader,
    execution_id: str,
    *,
    final_error: str | None = None,
) -> None:
    """Fence a dead runner, commit its loss and free its lease."""
    before = reader.lease(execution_id)
    lease = await store.control.fence(execution_id)
    try:
        snapshot = load_snapshot(reader, execution_id)
        is_driven = snapshot.current.state in {ExecutionState.PENDING, ExecutionState.RUNNING}
        if not is_driven and not has_open_attempts(snapshot):
            return
        who = (
            "unknown" if before is None else f"pid {before.identity.pid} on {before.identity.host}"
        )
        if final_error is not None:
            who = f"{who}: {final_error}"
        recorder = Recorder(snapshot, store.journal)
        recorder.emit_all(lost(snapshot, clock, who=who))
        await recorder.commit()
    finally:
        await store.control.release(lease)
