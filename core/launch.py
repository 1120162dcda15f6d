"""The birth of an execution: from a validated mission and its parameters to the first batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.events import Event, ExecutionCreated, Noted, TaskStateChanged
from core.fold import Snapshot, apply
from core.ids import uuid7
from core.model import EMPTY, Mission
from core.params import resolve_params
from core.ports import Batch, Clock, MissionSource
from core.reasons import Reason
from core.states import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a user asks for: a mission, its parameters, and how this run relates to others."""

    mission: Mission
    source: MissionSource
    actor: str
    params: Mapping[str, Any] = EMPTY
    source_path: str | None = None
    working_dir: str = "."
    parent_execution_id: str | None = None
    retry_of: str | None = None
    rerun_of: str | None = None
    run_key: str | None = None
    unselected: frozenset[str] = frozenset()
    """Steps that are not to run; their dependents treat them as satisfied."""


def create(order: Order, clock: Clock) -> tuple[Snapshot, Batch]:
    """Return the new execution's snapshot and the batch that makes it durable.

    Raises `UsageError` for parameters the mission does not take.
    """
    params = resolve_params(order.mission, order.params)
    execution_id = str(uuid7(clock))
    snapshot = Snapshot()
    events: list[Event] = []

    def emit(event: Event) -> None:
        apply(snapshot, event)
        events.append(event)

    emit(
        ExecutionCreated(
            at=clock.now(),
            execution_id=execution_id,
            actor=order.actor,
            workflow_id=order.mission.workflow_id,
            mission_name=order.mission.name,
            mission_digest=order.source.digest,
            step_ids=tuple(step.id for step in order.mission.all_steps),
            params=params,
            source_path=order.source_path,
            working_dir=order.working_dir,
            parent_execution_id=order.parent_execution_id,
            retry_of=order.retry_of,
            rerun_of=order.rerun_of,
            run_key=order.run_key,
        )
    )
    emit(
        Noted(
            at=clock.now(),
            execution_id=execution_id,
            actor=order.actor,
            kind="mission.validated",
            facts={"mission_sha256": order.source.digest, "steps": len(order.mission.all_steps)},
        )
    )
    for step in order.mission.steps:
        if step.id in order.unselected:
            emit(
                TaskStateChanged(
                    at=clock.now(),
                    execution_id=execution_id,
                    actor=order.actor,
                    task_id=step.id,
                    from_state=TaskState.PENDING,
                    to_state=TaskState.SKIPPED,
                    reason_code=Reason.NOT_SELECTED,
                    message="not selected for this run",
                )
            )
    batch = Batch(
        execution_id=execution_id,
        events=events,
        changes=snapshot.take_changes(),
        mission=order.source,
    )
    return snapshot, batch
