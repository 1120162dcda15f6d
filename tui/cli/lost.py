"""Notice executions whose runner is gone, and commit what that means for them."""

import asyncio

from core.domain.events import Event
from core.domain.fold import apply
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import AttemptState, ExecutionState
from core.errors import LeaseHeldError
from core.machine.clock import SystemClock
from core.machine.ownership import is_owned
from core.operations.ancestry import resumed_with
from core.planning.recovery import has_open_attempts, lost
from core.ports.clock import Clock
from core.ports.control import Lease
from core.ports.execution_query import ExecutionQuery
from core.ports.journal import Batch
from core.ports.reader import Reader
from storage.read.reader import open_reader
from storage.write.store import Store
from tui.host.places import Paths
from tui.host.session import load_snapshot, open_session

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


def notice_lost_runners(paths: Paths) -> list[tuple[Execution, int]]:
    """Mark what dead runners left. Costs a read when there is nothing.

    Return the executions that are to be resumed, and how many sub-missions each takes up.
    """
    if not paths.has_database:
        return []
    clock = SystemClock()
    reader = open_reader(paths.db)
    try:
        gone = find_lost(reader, clock.now())
        if gone:
            asyncio.run(_mark(paths, clock, reader, gone))
        return _to_resume(reader, gone)
    finally:
        reader.close()


def _to_resume(reader: Reader, gone: list[Execution]) -> list[tuple[Execution, int]]:
    found: dict[str, tuple[Execution, int]] = {}
    for execution in gone:
        whole = resumed_with(reader, execution)
        _, parts = found.get(whole.execution_id, (whole, 0))
        found[whole.execution_id] = (whole, parts + (whole is not execution))
    return list(found.values())


async def _mark(
    paths: Paths, clock: SystemClock, reader: Reader, executions: list[Execution]
) -> None:
    async with open_session(paths, clock) as store:
        for execution in executions:
            try:
                await mark_lost(store, clock, reader, execution.execution_id)
            except LeaseHeldError:  # somebody resumed it in the meantime
                continue


async def mark_lost(store: Store, clock: Clock, reader: Reader, execution_id: str) -> None:
    """Take the lease of a dead runner, commit its loss and give the lease back."""
    before = reader.lease(execution_id)
    lease = await store.control.acquire(execution_id)
    try:
        snapshot = load_snapshot(reader, execution_id)
        is_driven = snapshot.current.state in {ExecutionState.PENDING, ExecutionState.RUNNING}
        if not is_driven and not has_open_attempts(snapshot):
            return
        who = (
            "unknown" if before is None else f"pid {before.identity.pid} on {before.identity.host}"
        )
        events: list[Event] = []
        for event in lost(snapshot, clock, who=who):
            apply(snapshot, event)
            events.append(event)
        await store.journal.submit(
            Batch(
                execution_id=execution_id,
                events=events,
                changes=snapshot.take_changes(),
            )
        )
    finally:
        await store.control.release(lease)
