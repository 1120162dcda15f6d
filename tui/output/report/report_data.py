"""The data of an audit report: totals first, then each execution with what was done in it by whom.

Everything is taken from committed records and from the result of a verification made just before;
nothing is judged here. Events of types that this version does not know are counted, not read.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from core.audit.format.known_type import is_known_type
from core.audit.verify.verdict import Report, report_json
from core.domain.events import ENGINE
from core.domain.records import Attempt, AuditEvent, Execution, TaskRun
from core.domain.states import TaskState
from tui.output import json_shapes
from tui.output.report.act_text import act_text
from tui.words.cause import cause_of_task
from tui.words.numbers import rfc3339_or_none
from tui.words.run_label import full_label

APPROVALS: Final = frozenset({"APPROVED", "REJECTED"})
"""Reason codes of transitions that answer an approval step's question."""
VIOLATIONS: Final = frozenset({"policy.violation", "security.violation"})
_ROUTINE: Final = frozenset(
    {
        "attempt.armed",
        "attempt.disarmed",
        "attempt.placed",
        "attempt.started",
        "attempt.ended",
        "engine.started",
        "engine.stopped",
        "execution.finalized",
        "mission.validated",
        "step.expanded",
        "step.state_changed",
    }
)
"""Types of events by the engine that the tables of steps and attempts already tell."""


class Evidence(Struct, frozen=True, kw_only=True):
    """One execution with its records and all its audit events, in order."""

    execution: Execution
    tasks: Sequence[TaskRun]
    attempts: Sequence[Attempt]
    events: Sequence[AuditEvent]


def report_data(
    evidence: Iterable[Evidence],
    verification: Report,
    *,
    log_events: Sequence[AuditEvent] = (),
    now: int,
) -> dict[str, Any]:
    """Return the report as JSON data; `log_events` are events of the log that no execution has."""
    executions = [_execution(one) for one in evidence]
    outside = [_act(event) for event in log_events]
    outcomes = Counter(one["state"] for one in executions)
    violations = [act for act in outside if act["type"] in VIOLATIONS]
    return {
        "generated_at": rfc3339_or_none(now),
        "summary": {
            "executions": len(executions),
            "outcomes": dict(sorted(outcomes.items())),
            "steps": _summed(one["step_states"] for one in executions),
            "retries": sum(one["retries"] for one in executions),
            "approvals": sum(len(one["approvals"]) for one in executions),
            "violations": len(violations) + sum(len(one["violations"]) for one in executions),
            "warnings": sum(
                act["type"] == "policy.warning"
                for acts in (outside, *(one["acts"] for one in executions))
                for act in acts
            ),
            "redactions": sum(sum(one["redactions"].values()) for one in executions),
            "unknown_events": sum(one["unknown_events"] for one in executions),
        },
        "integrity": report_json(verification),
        "executions": executions,
        "other_acts": outside,
    }


def _execution(found: Evidence) -> dict[str, Any]:
    execution = found.execution
    known = [event for event in found.events if is_known_type(event.event_type)]
    answers = _answers(known)
    redactions: Counter[str] = Counter()
    for event in known:
        if event.event_type == "attempt.ended":
            redactions.update(_counts(event.details.get("redactions")))
    return {
        "label": full_label(execution),
        **json_shapes.execution(execution),
        "mission_sha256": execution.mission_digest,
        "step_states": dict(sorted(Counter(task.state.value for task in found.tasks).items())),
        "retries": sum(
            event.event_type == "attempt.started" and event.details.get("attempt") != 1
            for event in known
        ),
        "approvals": [_act(event) for event in answers],
        "violations": [_act(event) for event in known if event.event_type in VIOLATIONS],
        "redactions": dict(sorted(redactions.items())),
        "unknown_events": len(found.events) - len(known),
        "failures": [
            {
                "step": task.task_id,
                "attempts": task.attempt,
                "cause": cause_of_task(task).sentence or task.reason_code.value,
            }
            for task in found.tasks
            if task.state is TaskState.FAILED and task.parent_task_id is None
        ],
        "ran_after_failure": [
            {"step": task.task_id, "state": task.state.value}
            for task in _ran_after_failure(found.tasks)
        ],
        "acts": [_act(event) for event in known if event in answers or _is_act(event)],
        "steps": [
            {
                "step": task.task_id,
                "state": task.state.value,
                "reason_code": task.reason_code.value,
                "attempts": task.attempt,
                "started_at": rfc3339_or_none(task.started_at),
                "duration_ms": task.duration_ms,
                "message": cause_of_task(task).sentence or None,
            }
            for task in found.tasks
        ],
        "attempts": [
            {
                "step": one.task_id,
                "attempt": one.attempt,
                "state": one.state.value,
                "reason_code": one.reason_code.value,
                "exit_code": one.exit_code,
                "started_at": rfc3339_or_none(one.started_at),
                "duration_ms": one.duration_ms,
                "message": one.error.message if one.error is not None else one.message,
                "output_digest": one.log_digest,
            }
            for one in found.attempts
        ],
    }


def _ran_after_failure(tasks: Sequence[TaskRun]) -> list[TaskRun]:
    """Return the steps that started once a first one had failed, in the order of their starts."""
    ends = [task.ended_at for task in tasks if task.state is TaskState.FAILED]
    first = min((one for one in ends if one is not None), default=None)
    if first is None:
        return []
    after = [
        (task.started_at, task)
        for task in tasks
        if task.started_at is not None and task.started_at >= first and task.parent_task_id is None
    ]
    return [task for _, task in sorted(after, key=lambda one: (one[0], one[1].position))]


def _answers(events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Return the events that answer questions of approval steps, one for each answer.

    The end of the attempt and that of the step may be events of their own.
    """
    found: list[AuditEvent] = []
    for event in events:
        if event.details.get("reason_code") not in APPROVALS:
            continue
        last = found[-1] if found else None
        if last and _answer(last) == _answer(event) and last.event_type != event.event_type:
            found.pop()
        found.append(event)
    return found


def _answer(event: AuditEvent) -> tuple[object, object]:
    return json_shapes.task_of(event), event.details.get("reason_code")


def _is_act(event: AuditEvent) -> bool:
    if event.details.get("reason_code") in APPROVALS or event.event_type == "mission.validated":
        return False
    return event.actor != ENGINE or event.event_type not in _ROUTINE


def _act(event: AuditEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": rfc3339_or_none(event.timestamp),
        "actor": event.actor,
        "type": event.event_type,
        "what": act_text(event),
    }


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    return {name: count for name, count in value.items() if type(count) is int}


def _summed(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))
