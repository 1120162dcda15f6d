"""State changes and log entries as one line each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from core.domain.breaker_state import BreakerState
from core.domain.events import AttemptEnded
from core.domain.reasons import Reason
from core.domain.records import AuditEvent, LogEntry, LogLevel, LogStream
from core.domain.state_word import counted
from core.domain.states import ExecutionState, State, TaskState
from core.explain.process_text import ended_text, left_text
from tui.output.ansi_colours import Palette, styled_state
from tui.output.json_shapes import task_of
from tui.words.cause import Cause, cause_of
from tui.words.numbers import time_of_day
from tui.words.safe_text import pad, safe, safe_line

QUIET = frozenset({TaskState.READY, TaskState.PENDING})
"""Intermediate states of task runs, which get no line of their own."""

_STATE_WIDTH = 11
_REASONS: Mapping[str, Reason] = MappingProxyType({reason.value: reason for reason in Reason})
_KINDS: Mapping[str, type[State]] = MappingProxyType(
    {
        "execution.state_changed": ExecutionState,
        "step.state_changed": TaskState,
        "step.expanded": TaskState,
        "attempt.started": TaskState,
    }
)
_LEVEL_STYLE: Mapping[LogLevel, str] = MappingProxyType(
    {LogLevel.ERROR: "red", LogLevel.WARN: "yellow", LogLevel.DEBUG: "dim"}
)


def state_line(
    at: int,
    state: State,
    task_id: str | None,
    reason: str,
    message: str | None,
    palette: Palette,
) -> str:
    """Return the line of a state change: time, state, step (None: the execution itself), why."""
    text, style = styled_state(state, _REASONS.get(reason), unicode=palette.unicode)
    return _line(at, text, style, task_id, cause_line(cause_of(reason, message), palette), palette)


def cause_line(cause: Cause, palette: Palette) -> str:
    """Return a cause: the sentence as it is, the code behind it in grey."""
    parts = (safe_line(cause.sentence), palette.paint(cause.code, "dim"))
    return "  ".join(part for part in parts if part)


def change_lines(
    event: AuditEvent, palette: Palette, title: str | None = None, sentence: str | None = None
) -> list[str]:
    """Return the lines of what an event records: none for most, up to three for an end.

    `title` stands for the step, by default its id; `sentence` for the message of its new state.
    """
    lines = [_change_line(event, palette, title, sentence)]
    started = event.details.get("started") if event.event_type == AttemptEnded.type else None
    if started is not None:
        name, what = title or task_of(event), f"attempt {event.details.get('attempt')}"
        at = int(started["at"])
        lines.insert(0, state_line(at, TaskState.RUNNING, name, what, None, palette))
    end = step_end_of(event)
    if end is not None:
        name = title or task_of(event)
        state, reason = TaskState(end["to"]), str(end["reason_code"])
        message = sentence or end.get("message")
        lines.append(state_line(event.timestamp, state, name, reason, message, palette))
    return [line for line in lines if line is not None]


def step_end_of(event: AuditEvent) -> Mapping[str, Any] | None:
    """Return `to`, `reason_code` and `message` of a step that ended with its attempt, or None."""
    step = event.details.get("step") if event.event_type == AttemptEnded.type else None
    return None if step is None else {**event.details, **step}


def _change_line(
    event: AuditEvent, palette: Palette, title: str | None, sentence: str | None
) -> str | None:
    if event.event_type == "execution.cancel_requested":
        why = f"by {safe_line(event.actor)}"
        return _line(event.timestamp, "cancel requested", "yellow", None, why, palette)
    if event.event_type == "execution.breaker_changed":
        return breaker_line(
            event.timestamp,
            str(event.details.get("breaker", "")),
            str(event.details.get("message", "")),
            palette,
        )
    details = event.details
    if event.event_type == "step.breakpoint_changed":
        change = details.get("breakpoint")
        if change == "reached":  # the line of the pause says so
            return None
        told, target = f"breakpoint {change}", title or task_of(event)
        why = f"by {safe_line(event.actor)}"
        return _line(event.timestamp, told, "yellow", target, why, palette)
    if event.event_type == "policy.warning":
        told, target = str(details.get("message", "")), title or task_of(event)
        return _line(event.timestamp, "policy warns", "yellow", target, safe_line(told), palette)
    if event.event_type == "leftovers.ended":
        return leftovers_line(event.timestamp, None, ended_text(details), palette)
    if event.event_type == "attempt.ended":
        census = details.get("census")
        left = left_text(census) if isinstance(census, Mapping) else None
        if left is None:
            return None
        return left_line(event.timestamp, title or task_of(event), left, palette)
    kind = _KINDS.get(event.event_type)
    target = details.get("to")
    if kind is None or target is None:
        return None
    state = kind(target)
    if state in QUIET:
        return None
    reason = str(details.get("reason_code", ""))
    if event.event_type == "attempt.started":
        reason = f"attempt {details.get('attempt')}"
    elif event.event_type == "step.expanded":
        reason = counted(int(details.get("items") or 0), "item")
    message = sentence or details.get("message")
    return state_line(
        event.timestamp,
        state,
        title or task_of(event),
        reason,
        None if message is None else str(message),
        palette,
    )


def breaker_line(at: int, state: str, message: str, palette: Palette) -> str:
    """Return the line of a change of the circuit breaker."""
    text = f"breaker {state.replace('_', '-')}"
    style = "green" if state == BreakerState.CLOSED else "yellow"
    return _line(at, text, style, None, safe_line(message), palette)


def left_line(at: int, task_id: str | None, left: str, palette: Palette) -> str:
    """Return the line of the processes that an attempt left running."""
    return _line(at, "left running", "yellow", task_id, safe_line(left), palette)


def leftovers_line(at: int, front: str | None, ended: str, palette: Palette) -> str:
    """Return the line of the end of what steps had left running."""
    return _line(at, "leftovers ended", "yellow", front, safe_line(ended), palette)


def log_line(
    entry: LogEntry,
    palette: Palette,
    *,
    with_step: bool,
    with_time: bool,
    attempts: bool = False,
    title: str | None = None,
) -> str:
    """Return a log entry as a line that is safe for a terminal, optionally with step and time.

    `title` stands for the step, by default its id.
    """
    front: list[str] = []
    if with_time:
        front.append(palette.paint(time_of_day(entry.timestamp), "dim"))
    if with_step:
        name = title or entry.task_id
        if attempts:
            name = f"{name}#{entry.attempt}"
        front.append(palette.paint(safe_line(name), "cyan"))
    message = safe(entry.message)
    style = _LEVEL_STYLE.get(entry.level)
    if entry.stream is LogStream.SYSTEM:
        front.append(palette.paint(entry.level.value, style or "dim"))
    elif entry.stream is LogStream.STDERR and front:
        front.append(palette.paint("err", "yellow"))
    if entry.stream is not LogStream.SYSTEM and style is not None:
        message = palette.paint(message, style)
    if not front:
        return message
    return f"{' '.join(front)} {palette.sign('│', '|')} {message}"


def _line(at: int, text: str, style: str, task_id: str | None, why: str, palette: Palette) -> str:
    shown = pad(text, _STATE_WIDTH) if task_id is not None or why else text
    parts = [palette.paint(time_of_day(at), "dim"), palette.paint(shown, style)]
    if task_id is not None:
        parts.append(safe_line(task_id))
    return "  ".join(part for part in (*parts, why) if part)
