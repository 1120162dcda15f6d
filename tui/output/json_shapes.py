"""The JSON shapes that other programs read: records as plain dicts, snake_case, additive only.

Times are RFC 3339 UTC with nine fractional digits, durations milliseconds, missing values null.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.audit.format.known_type import is_known_type
from core.domain.events import error_json
from core.domain.records import (
    Attempt,
    AuditEvent,
    Execution,
    LogEntry,
    MissionResult,
    StateChange,
    StepResult,
    TaskError,
    TaskRun,
)
from core.domain.secret_use import NO_SECRETS, SecretUse
from core.errors import MissionDeckError, MissionInvalidError, PolicyViolationError
from core.launch.run_number import run_reference
from core.mission_file.finding.diagnostic import Diagnostic
from core.value.timestamp import rfc3339
from tui.words.numbers import rfc3339_or_none

if TYPE_CHECKING:  # they take time to load, and few commands need them
    from core.executors.live_usage import LiveUsage
    from core.operations.history.last_success import LastSuccess

EVENT_VERSION = 1
"""`v` of the event stream; incremented only when a field changes its meaning."""


def execution(record: Execution) -> dict[str, Any]:
    """Return one execution."""
    return {
        "execution_id": record.execution_id,
        "workflow_id": record.workflow_id,
        "mission_name": record.mission_name,
        **_named(record, record.execution_id),
        "state": record.state.value,
        "reason_code": record.reason_code.value,
        "message": record.message,
        "created_at": rfc3339(record.created_at),
        "started_at": rfc3339_or_none(record.started_at),
        "ended_at": rfc3339_or_none(record.ended_at),
        "updated_at": rfc3339(record.updated_at),
        "duration_ms": record.duration_ms,
        "log_entry_count": record.log_entry_count,
        "counts": dict(record.counts),
        "item_counts": dict(record.item_counts),
        "actor": record.actor,
        "cancel_requested_at": rfc3339_or_none(record.cancel_requested_at),
        "cancel_requested_by": record.cancel_requested_by,
        "breaker": {"state": record.breaker.value, "message": record.breaker_message},
        "breakpoints": list(record.breakpoints or ()),
        "params": dict(record.params),
        "mission_digest": record.mission_digest,
        "source_path": record.source_path,
        "working_dir": record.working_dir,
        "parent_execution_id": record.parent_execution_id,
        "parent_task_id": record.parent_task_id,
        "parent_attempt": record.parent_attempt,
        "retry_of": record.retry_of,
        "rerun_of": record.rerun_of,
        "run_key": record.run_key,
        "labels": dict(record.labels or {}),
        "title": record.title,
    }


def reference_of(record: Execution) -> str:
    """Return the permanent reference of an execution: `NAME#7`, or its id."""
    return run_reference(record.mission_name, record.run_number) or record.execution_id


def _named(record: Execution | MissionResult, execution_id: str) -> dict[str, Any]:
    """Return the run's number, its permanent reference, and whether it covers all its steps."""
    return {
        "run_number": record.run_number,
        "reference": run_reference(record.mission_name, record.run_number) or execution_id,
        "coverage": record.coverage.value,
    }


def execution_detail(
    record: Execution,
    tasks: Sequence[TaskRun],
    attempts: Sequence[Attempt],
    changes: Sequence[StateChange],
    events: Sequence[AuditEvent],
) -> dict[str, Any]:
    """Return one execution with its task runs, their attempts and history, and its audit events."""
    tries: dict[str, list[Attempt]] = {}
    for one in attempts:
        tries.setdefault(one.task_id, []).append(one)
    history: dict[str | None, list[StateChange]] = {}
    for change in changes:
        history.setdefault(change.task_id, []).append(change)
    return {
        **execution(record),
        "state_changes": [state_change(one) for one in history.get(None, ())],
        "task_runs": [
            task_run(task, tries.get(task.task_id, ()), history.get(task.task_id, ()))
            for task in tasks
        ],
        "audit_events": [audit_event(one) for one in events],
    }


def task_run(
    record: TaskRun,
    attempts: Sequence[Attempt],
    changes: Sequence[StateChange],
    secrets: Mapping[int, SecretUse] = NO_SECRETS,
) -> dict[str, Any]:
    """Return one task run with its attempts, the secrets of each, and state changes."""
    return {
        "task_run_id": record.task_run_id,
        "execution_id": record.execution_id,
        "task_id": record.task_id,
        "parent_task_id": record.parent_task_id,
        "item": record.item,
        "state": record.state.value,
        "reason_code": record.reason_code.value,
        "message": record.message,
        "inputs": _object(record.inputs),
        "outputs": _object(record.outputs),
        "error": error_detail(record.error),
        "attempt": record.attempt,
        "ready_at": rfc3339_or_none(record.ready_at),
        "started_at": rfc3339_or_none(record.started_at),
        "ended_at": rfc3339_or_none(record.ended_at),
        "updated_at": rfc3339(record.updated_at),
        "resume_at": rfc3339_or_none(record.resume_at),
        "duration_ms": record.duration_ms,
        "reused_from": record.reused_from,
        "log_entry_count": sum(one.log_entry_count for one in attempts),
        "attempts": [{**attempt(one), **_secrets(secrets.get(one.attempt))} for one in attempts],
        "state_changes": [state_change(one) for one in changes],
    }


def live_usage(found: "LiveUsage | None") -> dict[str, int] | None:
    """Return what the processes of a running step use now, null when none is found."""
    if found is None:
        return None
    return {
        "processes": found.processes,
        "cpu_ms": found.cpu_ms,
        "memory_bytes": found.memory_bytes,
    }


def attempt(record: Attempt) -> dict[str, Any]:
    """Return one attempt of a task run."""
    return {
        "attempt": record.attempt,
        "state": record.state.value,
        "reason_code": record.reason_code.value,
        "message": record.message,
        "started_at": rfc3339(record.started_at),
        "ended_at": rfc3339_or_none(record.ended_at),
        "duration_ms": record.duration_ms,
        "exit_code": record.exit_code,
        "inputs": _object(record.inputs),
        "outputs": _object(record.outputs),
        "error": error_detail(record.error),
        "log_entry_count": record.log_entry_count,
        "log_bytes": record.log_bytes,
        "log_dropped_bytes": record.log_dropped_bytes,
        "log_digest": record.log_digest,
        "census": _object(record.census),
        "resources": _object(record.resources),
        **place(record),
        "artifacts": [{"path": path, **facts} for path, facts in (record.artifacts or {}).items()],
    }


def place(record: Attempt) -> dict[str, str | None]:
    """Return `host` and `worker` of an attempt on a cluster, null for the runner's machine."""
    where = record.placement or {}
    return {"host": where.get("host"), "worker": where.get("worker")}


def _secrets(use: SecretUse | None) -> dict[str, Any]:
    return {} if use is None else {"secrets": use.to_json()}


def error_detail(error: TaskError | None) -> dict[str, Any] | None:
    """Return why an attempt failed: message, kind, stack_trace, exit_code."""
    return None if error is None else error_json(error)


def state_change(record: StateChange) -> dict[str, Any]:
    """Return one transition; `seq` is the number of its audit event."""
    return {
        "seq": record.seq,
        "at": rfc3339(record.at),
        "entity": record.entity.value,
        "task_id": record.task_id,
        "attempt": record.attempt,
        "from_state": record.from_state,
        "to_state": record.to_state,
        "reason_code": record.reason_code,
        "message": record.message,
        "actor": record.actor,
    }


def audit_event(record: AuditEvent) -> dict[str, Any]:
    """Return one event of the audit chain."""
    return {
        "seq": record.seq,
        "event_id": record.event_id,
        "timestamp": rfc3339(record.timestamp),
        "event_type": record.event_type,
        "actor": record.actor,
        "target": record.target,
        "execution_id": record.execution_id,
        "details": dict(record.details),
        "hash": record.hash,
        "previous_hash": record.previous_hash,
    }


def chain_event(record: AuditEvent) -> dict[str, Any]:
    """Return one event under the names that its fields have in the chain."""
    found = audit_event(record)
    names = {"timestamp": "ts", "event_type": "type"}
    return {names.get(name, name): value for name, value in found.items()}


def last_success_json(found: "LastSuccess") -> dict[str, Any]:
    """Return the last success of a step in an earlier run, and what has changed since."""
    usual = found.usual_seconds
    return {
        "execution_id": found.execution.execution_id,
        "reference": reference_of(found.execution),
        "ended_at": rfc3339_or_none(found.task.ended_at),
        "usual_duration_ms": None if usual is None else round(usual * 1000, 3),
        "success_count": found.success_count,
        "changes": [change.to_json() for change in found.changes],
        "upstream": list(found.upstream),
    }


def event(record: AuditEvent, item: TaskRun | None = None) -> dict[str, Any]:
    """Return one line of the event stream; fields that do not apply are left out.

    `item` is the task run it is about, where that is an item of a fan-out. Of a type that this
    version does not know the details are not interpreted.
    """
    details = record.details if is_known_type(record.event_type) else {}
    optional = {
        "task_id": task_of(record),
        "attempt": details.get("attempt"),
        "from_state": details.get("from"),
        "state": details.get("to"),
        "reason_code": details.get("reason_code"),
        "breaker": details.get("breaker"),
        "breakpoint": details.get("breakpoint"),
        "message": details.get("message"),
        "rule": details.get("rule"),
        "exit_code": details.get("exit_code"),
        "redactions": details.get("redactions"),
        "secrets": details.get("names") if record.event_type == "secret.read" else None,
        "unmasked": details.get("unmasked") if record.event_type == "secret.read" else None,
        "ready": _moment(details.get("ready")),
        "started": _moment(details.get("started")),
        "step": _step_end(details),
    }
    return {
        "v": EVENT_VERSION,
        "seq": record.seq,
        "ts": rfc3339(record.timestamp),
        "type": record.event_type,
        "execution_id": record.execution_id,
        **{name: value for name, value in optional.items() if value is not None},
        **({} if item is None else {"item": item.item}),
        "actor": record.actor,
    }


def _moment(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return when and why something happened that another event records, too."""
    if found is None:
        return None
    return {"ts": rfc3339(int(found["at"])), "reason_code": found["reason_code"]}


def _step_end(details: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how a step ended, as the end of its attempt records it."""
    step = details.get("step")
    if step is None:
        return None
    reason, message = step.get("reason_code", details["reason_code"]), step.get("message")
    told = {"state": step["to"], "reason_code": reason}
    return told if message is None else {**told, "message": message}


def task_of(record: AuditEvent) -> str | None:
    """Return the step an audit event is about: `step/<step>` or `attempt/<number>/<step>`."""
    kind, _, rest = record.target.partition("/")
    if kind == "step":
        return rest
    if kind == "attempt":
        return rest.partition("/")[2]
    return None


def log_entry(
    record: LogEntry, item: TaskRun | None = None, above: Sequence[str] = ()
) -> dict[str, Any]:
    """Return one line of output, or one message of the engine.

    `item` is its task run if that is an item of a fan-out; `above` are the steps that led to its
    sub-mission, from the outermost.
    """
    return {
        "execution_id": record.execution_id,
        "task_id": record.task_id,
        "attempt": record.attempt,
        "seq": record.seq,
        "timestamp": rfc3339(record.timestamp),
        "level": record.level.value,
        "source": record.source,
        "stream": record.stream.value,
        "message": record.message,
        **({} if item is None else {"item": item.item}),
        **({"above": list(above)} if above else {}),
    }


def result(record: MissionResult) -> dict[str, Any]:
    """Return the outcome of an execution: the Execution Result Schema's fields, then our own."""
    return {
        "mission_id": record.mission_id,
        "overall_status": record.overall_status.value,
        "start_time": rfc3339(record.start_time),
        "end_time": rfc3339(record.end_time),
        "total_duration_ms": record.total_duration_ms,
        "steps_completed": record.steps_completed,
        "steps_failed": record.steps_failed,
        "steps_skipped": record.steps_skipped,
        "step_results": {step_id: step_result(one) for step_id, one in record.step_results.items()},
        "audit_summary": {
            "events_logged": record.events_logged,
            "integrity_verified": record.integrity_verified,
        },
        "execution_id": record.mission_id,
        "workflow_id": record.workflow_id,
        "mission_name": record.mission_name,
        **_named(record, record.mission_id),
        "state": record.state.value,
        "reason_code": record.reason_code.value,
    }


def step_result(record: StepResult) -> dict[str, Any]:
    """Return the outcome of one step.

    There is an `error` only of one that failed, as the schema has it, and a `rule` only of one that
    was refused.
    """
    found: dict[str, Any] = {"status": record.status.value, "output": dict(record.output)}
    if record.error is not None:
        found["error"] = record.error
    if record.rule is not None:
        found["rule"] = record.rule
    return {
        **found,
        "duration_ms": record.duration_ms,
        "timestamp": rfc3339(record.timestamp),
        "state": record.state.value,
        "reason_code": record.reason_code.value,
        "attempts": record.attempts,
    }


def failure(error: MissionDeckError) -> dict[str, Any]:
    """Return an error that ended a command."""
    found: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
    }
    if isinstance(error, MissionInvalidError) and error.diagnostics:
        from core.mission_file.render import as_json

        found["diagnostics"] = [
            as_json(one) for one in error.diagnostics if isinstance(one, Diagnostic)
        ]
    if isinstance(error, PolicyViolationError):
        found["rules"] = list(error.rules)
    return {"error": found}


def _object(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)
