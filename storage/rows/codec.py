"""Converts records to rows and back: the only module that knows both the model and the columns.

Free-form data is the JSON text of `core.domain.events.dump_json` (ASCII). In text from users, lone
surrogates are replaced, because UTF-8, and so SQLite, cannot represent them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from core.domain.breaker_state import BreakerState
from core.domain.events import dump_json, error_json
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import Attempt, AuditEvent, Execution, TaskError, TaskRun
from core.domain.states import AttemptState, Coverage, ExecutionState, TaskState
from core.explain.error_line import brief_error

Row = Sequence[Any]

POSITION_BITS = 24
"""A task run's row id is the row id of its execution shifted left by this, plus its position."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def names(columns: Sequence[str], prefix: str = "") -> str:
    """Return column names joined for a SELECT or INSERT."""
    return ", ".join(prefix + column for column in columns)


def text(value: str | None) -> str | None:
    """Return `value` with lone surrogates replaced."""
    if value is None or value.isascii():
        return value
    return _SURROGATE.sub("\ufffd", value)


def json_text(value: Any) -> str | None:
    """Return JSON data as the text that is stored, None for None."""
    return None if value is None else dump_json(value)


class JsonTexts:
    """Caches the JSON texts of a batch: data shared by task run and attempt is encoded once."""

    __slots__ = ("_texts",)

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def data(self, value: Mapping[str, Any] | None) -> str | None:
        """Return `json_text(value)`. The value must live as long as this does."""
        if value is None:
            return None
        found = self._texts.get(id(value))
        if found is None:
            found = self._texts[id(value)] = dump_json(value) if value else "{}"
        return found

    def error(self, error: TaskError | None) -> str | None:
        """Return the JSON text of an error, None for None."""
        if error is None:
            return None
        found = self._texts.get(id(error))
        if found is None:
            found = self._texts[id(error)] = dump_json(error_json(error))
        return found


# --- executions ---------------------------------------------------------------------------------

EXECUTION = (
    "execution_id",
    "workflow_id",
    "mission_name",
    "mission_digest",
    "state",
    "reason_code",
    "created_at",
    "updated_at",
    "actor",
    "message",
    "started_at",
    "ended_at",
    "duration_us",
    "cancel_requested_at",
    "cancel_requested_by",
    "breaker",
    "breaker_message",
    "breakpoints",
    "params",
    "source_path",
    "working_dir",
    "parent_execution_id",
    "parent_task_id",
    "parent_attempt",
    "retry_of",
    "rerun_of",
    "run_key",
    "parallel_limit",
    "retry_scope",
    "forced",
    "labels",
    "title",
    "keep_going",
    "run_number",
    "coverage",
    "log_entry_count",
    "counts",
    "item_counts",
)
EXECUTION_CHANGING = (
    "state",
    "reason_code",
    "updated_at",
    "message",
    "started_at",
    "ended_at",
    "duration_us",
    "cancel_requested_at",
    "cancel_requested_by",
    "breaker",
    "breaker_message",
    "breakpoints",
    "coverage",
    "counts",
    "item_counts",
)
"""The columns an update writes; others are fixed at creation, or follow the log chunks."""
EXECUTION_PROGRESS = ("updated_at", "counts", "item_counts")
"""The columns that change with every step."""


def execution_row(record: Execution) -> Row:
    """Return the values of `EXECUTION`."""
    return (
        record.execution_id,
        record.workflow_id,
        text(record.mission_name),
        record.mission_digest,
        record.state.value,
        record.reason_code.value,
        record.created_at,
        record.updated_at,
        text(record.actor),
        text(record.message),
        record.started_at,
        record.ended_at,
        record.duration_us,
        record.cancel_requested_at,
        text(record.cancel_requested_by),
        record.breaker.value,
        text(record.breaker_message),
        json_text(record.breakpoints),
        json_text(record.params),
        text(record.source_path),
        text(record.working_dir),
        record.parent_execution_id,
        text(record.parent_task_id),
        record.parent_attempt,
        record.retry_of,
        record.rerun_of,
        text(record.run_key),
        record.parallel_limit,
        json_text(record.retry_scope),
        json_text(record.forced),
        json_text(record.labels),
        text(record.title),
        int(record.keep_going),
        record.run_number,
        record.coverage.value,
        record.log_entry_count,
        json_text(record.counts),
        json_text(record.item_counts),
    )


def execution_changes(record: Execution) -> Row:
    """Return the values of `EXECUTION_CHANGING`."""
    return (
        record.state._value_,
        record.reason_code._value_,
        record.updated_at,
        text(record.message),
        record.started_at,
        record.ended_at,
        record.duration_us,
        record.cancel_requested_at,
        text(record.cancel_requested_by),
        record.breaker._value_,
        text(record.breaker_message),
        json_text(record.breakpoints),
        record.coverage._value_,
        json_text(record.counts),
        json_text(record.item_counts),
    )


def execution_progress(record: Execution) -> Row:
    """Return the values of `EXECUTION_PROGRESS`."""
    return (record.updated_at, json_text(record.counts), json_text(record.item_counts))


def is_progress(before: Execution, after: Execution) -> bool:
    """Tell whether the records differ in columns of `EXECUTION_PROGRESS` at most."""
    return bool(_settled(before) == _settled(after))


_settled = attrgetter(*(name for name in EXECUTION_CHANGING if name not in EXECUTION_PROGRESS))


def execution_state(text: str) -> ExecutionState:
    """Return the state of an execution that is stored as `text`."""
    return _EXECUTION_STATES[text]


def execution_of(row: Row) -> Execution:
    """Return the record in a row of `EXECUTION`."""
    values = dict(zip(EXECUTION, row, strict=True))
    values["state"] = execution_state(values["state"])
    values["reason_code"] = _REASONS[values["reason_code"]]
    values["params"] = json.loads(values["params"])
    values["counts"] = json.loads(values["counts"])
    values["item_counts"] = json.loads(values["item_counts"])
    values["breaker"] = _BREAKERS[values["breaker"]]
    values["coverage"] = _COVERAGES[values["coverage"]]
    values["retry_scope"] = _json_of(values["retry_scope"])
    for name in ("forced", "breakpoints"):
        values[name] = None if values[name] is None else tuple(json.loads(values[name]))
    values["labels"] = _json_of(values["labels"])
    values["keep_going"] = bool(values["keep_going"])
    return Execution(**values)


# --- task runs ----------------------------------------------------------------------------------

TASK_RUN_FIXED = ("task_id", "position", "parent_task_id", "item")
TASK_RUN_STATE = (
    "state",
    "reason_code",
    "message",
    "updated_at",
    "attempt",
    "ready_at",
    "started_at",
    "ended_at",
    "duration_us",
    "resume_at",
    "reused_from",
)
TASK_RUN_DATA = ("outputs", "error", "inputs")
TASK_RUN = TASK_RUN_FIXED + TASK_RUN_STATE + TASK_RUN_DATA
_LATEST = "FROM attempt WHERE attempt.task_run = task_run.id AND attempt.attempt = task_run.attempt"
TASK_RUN_READ = (
    *TASK_RUN_FIXED,
    *TASK_RUN_STATE,
    f"(SELECT attempt.started_at {_LATEST})",
    f"(SELECT attempt.ended_at {_LATEST})",
    f"(SELECT attempt.duration_us {_LATEST})",
)
"""The columns of a task run except `TASK_RUN_DATA`, and the times of its latest attempt."""
TASK_RUN_FAILURE = (f"CASE WHEN state = '{TaskState.FAILED.text}' THEN error END",)
"""The error of a task run that has failed; None for any other."""


def task_run_changes(record: TaskRun, texts: JsonTexts) -> tuple[Any, ...]:
    """Return the values of `TASK_RUN_STATE` and `TASK_RUN_DATA` without `inputs`."""
    return (
        record.state._value_,
        record.reason_code._value_,
        text(record.message),
        record.updated_at,
        record.attempt,
        record.ready_at,
        record.started_at,
        record.ended_at,
        record.duration_us,
        record.resume_at,
        record.reused_from,
        texts.data(record.outputs),
        texts.error(record.error),
    )


def task_run_row(record: TaskRun, texts: JsonTexts) -> Row:
    """Return the values of `TASK_RUN`."""
    return (
        record.task_id,
        record.position,
        record.parent_task_id,
        json_text(record.item),
        *task_run_changes(record, texts),
        texts.data(record.inputs),
    )


def task_run_of(execution_id: str, row: Row) -> TaskRun:
    """Return the record of a row of `TASK_RUN_READ`.

    `TASK_RUN_DATA` or `TASK_RUN_FAILURE` may follow in it. In the latter case the error is a brief
    one (`core.explain.error_line.brief_error`).
    """
    (
        task_id, position, parent, item, state, reason, message, updated_at, attempt,
        ready_at, started_at, ended_at, duration_us, resume_at, reused_from, begun_at, over_at,
        worked_us, *data,
    ) = row  # fmt: skip
    outputs, error, inputs = data if len(data) > 1 else (None, data[0] if data else None, None)
    failure = _error_of(error)
    if failure is not None and len(data) == 1:
        failure = brief_error(failure)
    return TaskRun(
        execution_id=execution_id,
        task_id=task_id,
        position=position,
        state=_TASK_STATES[state],
        reason_code=_REASONS[reason],
        updated_at=updated_at,
        message=message,
        attempt=attempt,
        ready_at=ready_at,
        started_at=started_at,
        ended_at=ended_at,
        duration_us=duration_us,
        resume_at=resume_at,
        inputs=_json_of(inputs),
        outputs=_json_of(outputs),
        error=failure,
        reused_from=reused_from,
        parent_task_id=parent,
        item=_json_of(item),
        attempt_started_at=begun_at,
        attempt_ended_at=over_at,
        attempt_duration_us=worked_us,
    )


# --- attempts -----------------------------------------------------------------------------------

ATTEMPT_FIXED = ("attempt", "started_at", "inputs")
ATTEMPT_END = (
    "state",
    "reason_code",
    "message",
    "ended_at",
    "duration_us",
    "exit_code",
    "outputs",
    "error",
    "log_entry_count",
    "log_bytes",
    "log_dropped_bytes",
    "log_digest",
    "census",
    "resources",
    "placement",
    "artifacts",
)
ATTEMPT = ATTEMPT_FIXED + ATTEMPT_END


def attempt_end(record: Attempt, texts: JsonTexts) -> tuple[Any, ...]:
    """Return the values of `ATTEMPT_END`, what changes when an attempt ends."""
    return (
        record.state._value_,
        record.reason_code._value_,
        text(record.message),
        record.ended_at,
        record.duration_us,
        record.exit_code,
        texts.data(record.outputs),
        texts.error(record.error),
        record.log_entry_count,
        record.log_bytes,
        record.log_dropped_bytes,
        record.log_digest,
        texts.data(record.census),
        texts.data(record.resources),
        texts.data(record.placement),
        texts.data(record.artifacts),
    )


def attempt_start(record: Attempt, texts: JsonTexts) -> tuple[Any, ...]:
    """Return the values of `ATTEMPT_FIXED`."""
    return (record.attempt, record.started_at, texts.data(record.inputs))


def attempt_of(execution_id: str, task_id: str, row: Row) -> Attempt:
    """Return the record in a row of `ATTEMPT`."""
    (
        attempt, started_at, inputs, state, reason, message, ended_at, duration_us, exit_code,
        outputs, error, log_entry_count, log_bytes, log_dropped_bytes, log_digest, census,
        resources, placement, artifacts,
    ) = row  # fmt: skip
    return Attempt(
        execution_id=execution_id,
        task_id=task_id,
        attempt=attempt,
        state=_ATTEMPT_STATES[state],
        reason_code=_REASONS[reason],
        started_at=started_at,
        message=message,
        ended_at=ended_at,
        duration_us=duration_us,
        exit_code=exit_code,
        inputs=_json_of(inputs),
        outputs=_json_of(outputs),
        error=_error_of(error),
        log_entry_count=log_entry_count,
        log_bytes=log_bytes,
        log_dropped_bytes=log_dropped_bytes,
        log_digest=log_digest,
        census=_json_of(census),
        resources=_json_of(resources),
        placement=_json_of(placement),
        artifacts=_json_of(artifacts),
    )


# --- audit events -------------------------------------------------------------------------------


def audit_event_of(seq: int, ts: int, body: bytes, digest: bytes) -> AuditEvent:
    """Return the audit event in a stored body."""
    found = json.loads(body)
    return AuditEvent(
        seq=seq,
        event_id=found["event_id"],
        timestamp=ts,
        event_type=found["type"],
        actor=found["actor"],
        target=found["target"],
        details=found["details"],
        hash=digest.hex(),
        previous_hash=found["previous_hash"],
        execution_id=found["execution_id"],
    )


def _json_of(stored: str | None) -> Any:
    if stored is None:
        return None
    return EMPTY if stored == "{}" else _decode(stored)


def _error_of(stored: str | None) -> TaskError | None:
    return None if stored is None else TaskError(**json.loads(stored))


_decode = json.JSONDecoder().decode
_REASONS = {reason.value: reason for reason in Reason}
_BREAKERS = {state.value: state for state in BreakerState}
_COVERAGES = {coverage.value: coverage for coverage in Coverage}
_EXECUTION_STATES = {state.value: state for state in ExecutionState}
_TASK_STATES = {state.value: state for state in TaskState}
_ATTEMPT_STATES = {state.value: state for state in AttemptState}
