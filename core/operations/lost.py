"""Detects executions whose runner died, and records the loss."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec import Struct

from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import AttemptState, ExecutionState
from core.errors import LeaseHeldError
from core.machine.ownership import is_owned
from core.operations.abandoned_processes import end_processes, ended_text
from core.operations.ancestry import resumed_with
from core.operations.site import OpenStore, Site
from core.operations.snapshot import load_snapshot
from core.planning.recovery import has_open_attempts, lost, was_driven
from core.ports.clock import Clock
from core.ports.control import Lease
from core.ports.execution_query import ExecutionQuery
from core.ports.executor import NOTHING_ABANDONED, Abandoned
from core.ports.reader import Reader
from core.recording.recorder import Recorder

START_SECONDS = 60.0
"""How long an execution may be PENDING without an owner: it is being started."""


class LostExecution(Struct, frozen=True, kw_only=True):
    """An execution to resume after its runner was lost.

    `sub_missions` is how many it takes up; `ended` counts processes that the runner had left
    running, `survivors` those of them that could not be ended.
    """

    execution: Execution
    sub_missions: int = 0
    ended: int = 0
    survivors: int = 0


def find_lost(reader: Reader, now: int) -> list[Execution]:
    """Return executions that no live runner owns though their records say that one is at work.

    They are RUNNING, or wait for their turn in a group, or are PAUSED by a person with an attempt
    under way, or PENDING and whoever was to start them is gone. On the runner's own machine its
    process tells; elsewhere its lease does, once it has expired.
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
    return was_driven(execution) or _has_open_attempts(reader, execution)


def _has_open_attempts(reader: Reader, execution: Execution) -> bool:
    attempts = reader.attempts(execution.execution_id)
    return any(one.state is AttemptState.RUNNING for one in attempts)


async def record_lost(
    site: Site,
    reader: Reader,
    gone: Sequence[Execution],
    final_errors: Mapping[str, str] = EMPTY,
) -> list[LostExecution]:
    """Commit the loss of the runners of the executions that `find_lost` found.

    `final_errors` are the known reasons why runners stopped, by the ids of their executions.
    """
    found: dict[str, LostExecution] = {}
    async with site.open_store() as store:
        for execution in gone:
            abandoned = NOTHING_ABANDONED
            with suppress(LeaseHeldError):  # somebody resumed it in the meantime
                abandoned = await mark_lost(
                    store,
                    site.clock,
                    reader,
                    execution.execution_id,
                    final_error=final_errors.get(execution.execution_id),
                )
            whole = resumed_with(reader, execution)
            before = found.get(whole.execution_id, LostExecution(execution=whole))
            found[whole.execution_id] = LostExecution(
                execution=whole,
                sub_missions=before.sub_missions + (whole is not execution),
                ended=before.ended + len(abandoned.found) - abandoned.survivors,
                survivors=before.survivors + abandoned.survivors,
            )
    return list(found.values())


async def mark_lost(
    store: OpenStore,
    clock: Clock,
    reader: Reader,
    execution_id: str,
    *,
    final_error: str | None = None,
) -> Abandoned:
    """Fence a dead runner, end what it left running, commit its loss and free its lease.

    Return what it had left running.
    """
    before = reader.lease(execution_id)
    lease = await store.control.fence(execution_id)
    try:
        snapshot = load_snapshot(reader, execution_id)
        if not was_driven(snapshot.current) and not has_open_attempts(snapshot):
            return NOTHING_ABANDONED
        after = reader.lease(execution_id)
        if after is None or after.epoch != lease.epoch:  # somebody resumed it in the meantime
            return NOTHING_ABANDONED
        abandoned = await end_processes(snapshot, before)
        who = (
            "unknown" if before is None else f"pid {before.identity.pid} on {before.identity.host}"
        )
        if final_error is not None:
            who = f"{who}: {final_error}"
        recorder = Recorder(snapshot, store.journal)
        recorder.emit_all(lost(snapshot, clock, who=who, ended=ended_text(abandoned)))
        await recorder.commit()
        return abandoned
    finally:
        await store.control.release(lease)
