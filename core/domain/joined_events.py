"""Joins events of one batch that belong together, so that a plain step is recorded in two events.

The start of an attempt takes in that its task run became READY, its end that the task run ended:
one link of the audit chain in place of two. `parts_of` takes them apart again. What waits, is
retried, fans out or is asked keeps events of its own.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    Readiness,
    StepEnd,
    TaskStateChanged,
)
from core.domain.states import TaskState, is_terminal


def join(events: Sequence[Event]) -> list[Event]:
    """Return the events of a batch with those joined that can be; the fold of both is the same.

    A transition that is taken into another event changes its place among the events of other steps,
    never among those of its own.
    """
    joined: list[Event | None] = list(events)
    ready: dict[str, tuple[int, TaskStateChanged]] = {}
    ended: dict[str, tuple[int, AttemptEnded]] = {}
    for index, event in enumerate(events):
        if isinstance(event, TaskStateChanged):
            ready.pop(event.task_id, None)
            end = ended.pop(event.task_id, None)
            if _is_readiness(event):
                ready[event.task_id] = index, event
            elif end is not None and _is_end_of(event, end[1]):
                joined[end[0]] = replace(end[1], step=_end(event))
                joined[index] = None
        elif isinstance(event, AttemptStarted):
            before = ready.pop(event.task_id, None)
            if before is not None and before[1].actor == event.actor:
                joined[index] = replace(event, ready=_readiness(before[1]))
                joined[before[0]] = None
        elif isinstance(event, AttemptEnded):
            ended[event.task_id] = index, event
    return [event for event in joined if event is not None]


def readiness_part(event: AttemptStarted, ready: Readiness) -> TaskStateChanged:
    """Return the transition to READY that the start of an attempt records."""
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
    """Return what an event was joined from, in order; an event that was not joined by itself."""
    if isinstance(event, AttemptStarted) and event.ready is not None:
        return readiness_part(event, event.ready), replace(event, ready=None)
    if isinstance(event, AttemptEnded) and event.step is not None:
        return replace(event, step=None), end_part(event, event.step)
    return (event,)


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
    return event.resume_at is None and event.reused_from is None and event.outputs is None


def _readiness(event: TaskStateChanged) -> Readiness:
    return Readiness(event.at, event.reason_code, event.message)


def _end(event: TaskStateChanged) -> StepEnd:
    return StepEnd(event.to_state, event.reason_code, event.message, event.duration_us)
