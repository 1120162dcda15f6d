"""Reads state changes back from the bodies of audit events."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from core.domain.events import (
    AttemptArmed,
    AttemptEnded,
    AttemptStarted,
    ExecutionCreated,
    ExecutionStateChanged,
    StepExpanded,
    TaskStateChanged,
)
from core.domain.reasons import Reason
from core.domain.records import EntityKind, StateChange
from core.domain.states import AttemptState, ExecutionState, TaskState

TYPES = (
    ExecutionCreated.type,
    ExecutionStateChanged.type,
    TaskStateChanged.type,
    StepExpanded.type,
    AttemptArmed.type,
    AttemptStarted.type,
    AttemptEnded.type,
)
"""The events that record transitions."""

_ENTITIES = {
    ExecutionCreated.type: EntityKind.EXECUTION,
    ExecutionStateChanged.type: EntityKind.EXECUTION,
    AttemptEnded.type: EntityKind.ATTEMPT,
}
_TELL_READINESS = (AttemptStarted.type, AttemptArmed.type)
_CREATED = {"to": ExecutionState.PENDING.value, "reason_code": Reason.CREATED.value}


def changes_in(
    execution_id: str, seq: int, ts: int, kind: str, task_id: str | None, body: bytes
) -> Iterator[StateChange]:
    """Yield the transitions that one event records, in the order in which they happened.

    The start of an attempt is two transitions: that of its task run, and its own from no state. An
    event that repeats the current state of an entity is no transition, nor is the arming of an
    attempt.
    """
    found = json.loads(body)
    details = found["details"]
    if kind == ExecutionCreated.type:
        details = _CREATED | details
    entity = _ENTITIES.get(kind, EntityKind.TASK_RUN)

    def change(entity: EntityKind, source: str | None, details: Mapping[str, Any]) -> StateChange:
        return StateChange(
            seq=seq,
            at=int(details.get("at", ts)),
            entity=entity,
            execution_id=execution_id,
            task_id=task_id,
            attempt=details.get("attempt"),
            from_state=source,
            to_state=details["to"],
            reason_code=details["reason_code"],
            message=details.get("message"),
            actor=found["actor"],
        )

    ready = details.get("ready") if kind in _TELL_READINESS else None
    if ready is not None:
        began = {"attempt": None, **ready, "to": TaskState.READY.value}
        yield change(EntityKind.TASK_RUN, TaskState.PENDING.value, began)
    if kind == AttemptArmed.type:
        return
    started = details.get("started") if kind == AttemptEnded.type else None
    if started is not None:
        begun = {"attempt": details["attempt"], **started}
        running = {"to": TaskState.RUNNING.value}
        yield change(EntityKind.TASK_RUN, TaskState.READY.value, begun | running)
        yield change(EntityKind.ATTEMPT, None, begun | {"to": AttemptState.RUNNING.value})
    if details.get("from") != details["to"]:
        yield change(entity, details.get("from"), details)
    step = details.get("step") if kind == AttemptEnded.type else None
    if step is not None:
        ended = {**details, "attempt": None, **step}
        yield change(EntityKind.TASK_RUN, TaskState.RUNNING.value, ended)
    if kind == AttemptStarted.type:
        begun = {**details, "to": AttemptState.RUNNING.value}
        yield change(EntityKind.ATTEMPT, None, begun)
