"""Joins events of one batch that belong together, so that a plain step is recorded in two events.

The start of an attempt takes in that its task run became READY, its end that the task run ended:
one link of the audit chain in place of two. So does the arming of an attempt, and the end of an
armed one takes in its start. `parts_of` takes them apart again. What waits, is retried, fans out or
is asked keeps events of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from core.domain.events import (
    ArmedStart,
    AttemptArmed,
    AttemptEnded,
    AttemptStarted,
    Event,
    Readiness,
    StepEnd,
    TaskStateChanged,
)
from core.domain.mission import EMPTY
from core.domain.states import TaskState, is_terminal


def join(events: Sequence[Event], armed_starts: Collection[tuple[str, int]] = ()) -> list[Event]:
    """Return the events of a batch with those joined that can be; the fold of both is the same.

    `armed_starts` are the attempts, by task run and number, that were armed before they started:
    the record of their start needs no inputs.

    A transition that is taken into another event changes its place among the events of other steps,
    never among those of its own.
    """
    joined: list[Event | None] = list(events)
    ready: dict[str, tuple[int, TaskStateChanged]] = {}
    ended: dict[str, tuple[int, AttemptEnded]] = {}
    started: dict[str, tuple[int, AttemptStarted]] = {}
    for index, event in enumerate(events):
        if isinstance(event, TaskStateChanged):
            ready.pop(event.task_id, None)
            end = ended.pop(event.task_id, None)
            if _is_readiness(event):
                ready[event.task_id] = index, event
            elif end is not None and _is_end_of(event, end[1]):
                joined[end[0]] = replace(end[1], step=_end(event))
                joined[index] = None
        elif isinstance(event, AttemptStarted | AttemptArmed):
            before = ready.pop(event.task_id, None)
            if before is not None and before[1].actor == event.actor:
                joined[index] = replace(event, ready=_readiness(before[1]))
                joined[before[0]] = None
            if (
                isinstance(event, AttemptStarted)
                and (
                    event.task_id,
                    event.attempt,
                )
                in armed_starts
            ):
                started[event.task_id] = index, event
        elif isinstance(event, AttemptEnded):
            start = started.pop(event.task_id, None)
            if start is not None and start[1].actor == event.actor:
                event = replace(event, started=ArmedStart(start[1].at, start[1].reason_code))
                joined[index] = event
                joined[start[0]] = None
            ended[event.task_id] = index, event
    return [event for event in joined if event is not None]


def readiness_part(event: AttemptStarted | AttemptArmed, ready: Readiness) -> TaskStateChanged:
    """Return the transition to READY that the start, or the arming, of an attempt records."""
    return TaskStateChanged(
        at=ready.at,
        execution_id=event.execution_id,
        actor=event.actor,
        task_id=event.task_id,
        from_state=TaskState.PENDING,
        to_state=TaskState.READY,
        reason_code=ready.reason_code,
        message=ready.message,
    )


def start_part(
    event: AttemptEnded, started: ArmedStart, inputs: Mapping[str, Any] = EMPTY
) -> AttemptStarted:
    """Return the start that an armed attempt's end records, with the `inputs` of its arming."""
    return AttemptStarted(
        at=started.at,
        execution_id=event.execution_id,
        actor=event.actor,
        task_id=event.task_id,
        attempt=event.attempt,
        reason_code=started.reason_code,
        inputs=inputs,
    )


def end_part(event: AttemptEnded, step: StepEnd) -> TaskStateChanged:
    """Return the end of the task run that the end of an attempt records."""
    return TaskStateChanged(
        at=event.at,
        execution_id=event.execution_id,
        actor=event.actor,
        task_id=event.task_id,
        from_state=TaskState.RUNNING,
        to_state=step.to_state,
        reason_code=step.reason_code,
        message=step.message,
        duration_us=step.duration_us,
    )


def parts_of(event: Event) -> tuple[Event, ...]:
    """Return what an event was joined from, in order; an event that was not joined by itself.

    A start that was taken into an end comes back without its inputs: the arming has them.
    """
    if isinstance(event, AttemptStarted | AttemptArmed) and event.ready is not None:
        return readiness_part(event, event.ready), replace(event, ready=None)
    if not isinstance(event, AttemptEnded) or (event.started is None and event.step is None):
        return (event,)
    start = () if event.started is None else (start_part(event, event.started),)
    end = () if event.step is None else (end_part(event, event.step),)
    return *start, replace(event, started=None, step=None), *end


def _is_readiness(event: TaskStateChanged) -> bool:
    return (
        event.to_state is TaskState.READY
        and event.from_state is TaskState.PENDING
        and _has_no_more(event)
        and event.duration_us is None
    )


def _is_end_of(event: TaskStateChanged, ended: AttemptEnded) -> bool:
    return (
        event.from_state is TaskState.RUNNING
        and is_terminal(event.to_state)
        and event.at == ended.at
        and event.actor == ended.actor
        and (event.message is not None or ended.message is None)
        and _has_no_more(event)
    )


def _has_no_more(event: TaskStateChanged) -> bool:
    return (
        event.resume_at is None
        and event.reused_from is None
        and event.outputs is None
        and event.compared is None
    )


def _readiness(event: TaskStateChanged) -> Readiness:
    return Readiness(event.at, event.reason_code, event.message)


def _end(event: TaskStateChanged) -> StepEnd:
    return StepEnd(event.to_state, event.reason_code, event.message, event.duration_us)
