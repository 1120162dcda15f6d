"""A fast encoder for the details of the most frequent events.

The result must equal `canonical.dump(canonical.clean(event.details()))`, which takes four times as
long; a property test checks this. Other events are left to that general encoder.
"""

from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring as quote
from typing import Any

from core.audit.format.canonical import MAX_TEXT_CHARACTERS
from core.domain.events import (
    AttemptArmed,
    AttemptEnded,
    AttemptStarted,
    Event,
    Readiness,
    StepEnd,
    TaskStateChanged,
    error_json,
    json_digest,
)
from core.domain.reasons import Reason
from core.domain.states import TaskState


def fast_details(event: Event) -> str | None:
    """Return the canonical text of an event's details, None if the fast path does not apply."""
    write = _WRITERS.get(event.__class__)
    return None if write is None else write(event)


def _task_moved(event: TaskStateChanged) -> str | None:
    if (
        event.resume_at is not None
        or event.reused_from is not None
        or event.outputs is not None
        or event.compared is not None
    ):
        return None
    took = "" if event.duration_us is None else f'"duration_us":{event.duration_us},'
    if event.message is None:
        move = _move(event.from_state, event.to_state, event.reason_code)
        return f"{{{took}{move[1:]}" if took else move
    message = _plain(event.message)
    if message is None:
        return None
    return (
        f'{{{took}"from":"{event.from_state.text}","message":{message},'
        f'"reason_code":"{event.reason_code._value_}","to":"{event.to_state.text}"}}'
    )


@lru_cache(maxsize=512)
def _move(before: TaskState, after: TaskState, reason: Reason) -> str:
    return f'{{"from":"{before.text}","reason_code":"{reason.value}","to":"{after.text}"}}'


def _attempt_armed(event: AttemptArmed) -> str | None:
    ready = ""
    if event.ready is not None:
        if event.ready.message is not None:
            return None
        ready = f",{_readiness(event.ready)}"
    return f'{{"attempt":{event.attempt},"inputs_sha256":"{json_digest(event.inputs)}"{ready}}}'


def _readiness(ready: Readiness) -> str:
    return f'"ready":{{"at":"{ready.at}","reason_code":"{ready.reason_code._value_}"}}'


def _attempt_started(event: AttemptStarted) -> str | None:
    ready = ""
    if event.ready is not None:
        if event.ready.message is not None:
            return None
        ready = f"{_readiness(event.ready)},"
    return (
        f'{{"attempt":{event.attempt},"from":"{event.from_state.text}",'
        f'"inputs_sha256":"{json_digest(event.inputs)}",{ready}'
        f'"reason_code":"{event.reason_code._value_}","to":"RUNNING"}}'
    )


def _attempt_ended(event: AttemptEnded) -> str | None:
    took = error = exit_code = log = message = outputs = resources = started = step = ""
    if (
        event.census is not None
        or event.redactions
        or event.placement is not None
        or event.artifacts
    ):
        return None
    if event.duration_us is not None:
        took = f'"duration_us":{event.duration_us},'
    if event.error is not None:
        error = f'"error_sha256":"{json_digest(error_json(event.error))}",'
    if event.exit_code is not None:
        exit_code = f'"exit_code":{event.exit_code},'
    if event.log_digest is not None:
        log = (
            f'"log":{{"bytes":{event.log_bytes},"dropped_bytes":{event.log_dropped_bytes},'
            f'"entries":{event.log_entry_count},"sha256":"{event.log_digest}"}},'
        )
    if event.message is not None:
        text = _plain(event.message)
        if text is None:
            return None
        message = f'"message":{text},'
    if event.outputs is not None:
        outputs = f'"outputs_sha256":"{json_digest(event.outputs)}",'
    if event.resources is not None:
        used = ",".join(f'"{name}":{event.resources[name]}' for name in sorted(event.resources))
        resources = f'"resources":{{{used}}},'
    if event.started is not None:
        reason = event.started.reason_code._value_
        started = f'"started":{{"at":"{event.started.at}","reason_code":"{reason}"}},'
    if event.step is not None:
        found = _step_end(event, event.step)
        if found is None:
            return None
        step = f'"step":{found},'
    return (
        f'{{"attempt":{event.attempt},{took}{error}{exit_code}"from":"RUNNING",'
        f"{log}{message}{outputs}"
        f'"reason_code":"{event.reason_code._value_}",{resources}{started}{step}"to":"{event.to_state.text}"}}'
    )


def _step_end(event: AttemptEnded, step: StepEnd) -> str | None:
    took = reason = message = ""
    if step.duration_us is not None:
        took = f'"duration_us":{step.duration_us},'
    if step.message != event.message:
        text = _plain(step.message or "")
        if text is None:
            return None
        message = f'"message":{text},'
    if step.reason_code is not event.reason_code:
        reason = f'"reason_code":"{step.reason_code._value_}",'
    return f'{{{took}{message}{reason}"to":"{step.to_state.text}"}}'


def _plain(message: str) -> str | None:
    """Return a short ASCII message as JSON, None for one that needs cleaning."""
    return quote(message) if len(message) <= MAX_TEXT_CHARACTERS and message.isascii() else None


_WRITERS: dict[type[Event], Callable[[Any], str | None]] = {
    TaskStateChanged: _task_moved,
    AttemptArmed: _attempt_armed,
    AttemptStarted: _attempt_started,
    AttemptEnded: _attempt_ended,
}
