"""The records of what ran, as frozen data: executions, task runs, attempts, results, logs.

Instants are integers, nanoseconds since the Unix epoch (UTC). Nothing here decides or stores.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from msgspec import Struct

from core.domain.breaker_state import BreakerState
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.states import (
    AttemptState,
    Coverage,
    ExecutionState,
    OverallStatus,
    StepStatus,
    TaskState,
)

TASK_RUN_NAMESPACE = UUID("5f0c3a52-7d0e-5c7c-9a43-0d9d5a2f7c11")


class TaskError(Struct, frozen=True, kw_only=True):
    """Why an attempt failed. `stack_trace` is the trace, or the last stderr lines of a process."""

    message: str
    kind: str
    stack_trace: str = ""
    exit_code: int | None = None


class Execution(Struct, frozen=True, kw_only=True):
    """One run of a mission."""

    execution_id: str
    workflow_id: str
    mission_name: str
    mission_digest: str
    state: ExecutionState
    reason_code: Reason
    created_at: int
    updated_at: int
    actor: str
    message: str | None = None
    started_at: int | None = None
    ended_at: int | None = None
    duration_us: int | None = None
    """From start to end by the monotonic clock; None unless one process saw both."""
    cancel_requested_at: int | None = None
    cancel_requested_by: str | None = None
    breaker: BreakerState = BreakerState.CLOSED
    """Whether the circuit breaker lets attempts start."""
    breaker_message: str | None = None
    """Why it does not, as measured when it came into its state; None while it is closed."""
    breakpoints: tuple[str, ...] | None = None
    """The steps before which it will pause, in the order in which that was asked; None: none."""
    params: Mapping[str, Any] = EMPTY
    source_path: str | None = None
    working_dir: str = "."
    parent_execution_id: str | None = None
    parent_task_id: str | None = None
    """The step, or item, of the parent that runs this as a sub-mission."""
    parent_attempt: int | None = None
    """The attempt of that step that made this execution."""
    retry_of: str | None = None
    rerun_of: str | None = None
    run_key: str | None = None
    parallel_limit: int | None = None
    """Concurrent attempts, where the run was started with another limit than its mission's."""
    retry_scope: Mapping[str, Any] | None = None
    """What a retry runs again, see `core.planning.earlier_items.RetryScope`; None: what failed."""
    forced: tuple[str, ...] | None = None
    """The steps that run though nothing may have changed; `*` for all of them."""
    labels: Mapping[str, str] | None = None
    """Names and values by which it is found, from the mission file and from its launch."""
    title: str | None = None
    """What the launch called it."""
    keep_going: bool = False
    """It goes on after failures, whatever its mission says: its launch asked for that."""
    run_number: int | None = None
    """Which run of its mission this is, from 1 (see `core.launch.run_number`); None until it is
    stored."""
    coverage: Coverage = Coverage.FULL
    """SUBSET when a step or an item was left out of this run and not reused from another."""
    log_entry_count: int = 0
    counts: Mapping[str, int] = EMPTY
    """How many task runs are in each state: steps, handlers, and items of fan-out steps."""
    item_counts: Mapping[str, int] = EMPTY
    """How many of them are items of fan-out steps."""

    @property
    def duration_ms(self) -> float | None:
        """How long it took in milliseconds; None before its end."""
        return measured_ms(self.duration_us, self.started_at, self.ended_at)


class TaskRun(Struct, frozen=True, kw_only=True):
    """One step within one execution. `position` is its place in the mission file, from 0."""

    execution_id: str
    task_id: str
    position: int
    state: TaskState
    reason_code: Reason
    updated_at: int
    message: str | None = None
    attempt: int = 0
    ready_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    duration_us: int | None = None
    """From the first start to the end by the monotonic clock; None unless one process saw both."""
    resume_at: int | None = None
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    error: TaskError | None = None
    reused_from: str | None = None
    parent_task_id: str | None = None
    """The fan-out step this is an item of; `position` then continues after the mission's steps."""
    item: Any = None
    """The item of a fan-out this task run works on (JSON)."""
    attempt_started_at: int | None = None
    """When the latest attempt of this execution began; None before the first. From its record."""
    attempt_ended_at: int | None = None
    """When that attempt ended."""
    attempt_duration_us: int | None = None
    """How long that attempt took by the monotonic clock, where its process saw it end."""

    @property
    def task_run_id(self) -> str:
        """A stable id derived from execution and step (UUIDv5)."""
        return str(uuid5(TASK_RUN_NAMESPACE, f"{self.execution_id}/{self.task_id}"))

    @property
    def is_armed(self) -> bool:
        """Whether its first attempt is recorded and may start, or have started, before it is told.

        See `core.engine.turn.armed_starts`.
        """
        return self.state is TaskState.READY and self.reason_code is Reason.ARMED

    @property
    def worked_from(self) -> int | None:
        """When the latest attempt began; for a fan-out step, when the step did."""
        return self.started_at if self.attempt_started_at is None else self.attempt_started_at

    @property
    def worked_until(self) -> int | None:
        """When the latest attempt ended; None while it runs. Waiting afterwards is not included."""
        return self.ended_at if self.attempt_started_at is None else self.attempt_ended_at

    @property
    def duration_ms(self) -> float | None:
        """From its first start to its end in milliseconds, waiting included; None before that."""
        return measured_ms(self.duration_us, self.started_at, self.ended_at)

    @property
    def worked_us(self) -> int | None:
        """What was measured between `worked_from` and `worked_until`, if anything was."""
        return self.duration_us if self.attempt_started_at is None else self.attempt_duration_us

    @property
    def worked_ms(self) -> float | None:
        """How long the latest attempt took in milliseconds; of a fan-out step, how long it did."""
        return measured_ms(self.worked_us, self.worked_from, self.worked_until)


def has_succeeded(task: TaskRun) -> bool:
    """Tell whether a task run succeeded, or would only have done again what it had done."""
    return task.state is TaskState.SUCCESS or task.reason_code is Reason.UP_TO_DATE


class Attempt(Struct, frozen=True, kw_only=True):
    """An attempt of a task run, from number 1. `log_digest`: see `core.output.log_digest`."""

    execution_id: str
    task_id: str
    attempt: int
    state: AttemptState
    reason_code: Reason
    started_at: int
    message: str | None = None
    ended_at: int | None = None
    duration_us: int | None = None
    """By the monotonic clock; None if no process saw it end."""
    exit_code: int | None = None
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    error: TaskError | None = None
    log_entry_count: int = 0
    log_bytes: int = 0
    log_dropped_bytes: int = 0
    log_digest: str | None = None
    census: Mapping[str, Any] | None = None
    """Of its processes at its end: `{processes, survivors, left?, ended?}`.

    `left` and `ended` are lists of `{pid, command}`.
    """
    placement: Mapping[str, str] | None = None
    """The machine and the worker of a cluster that ran its process; None for the runner's own."""
    resources: Mapping[str, int] | None = None
    """What its process used: `{user_ms, system_ms, peak_memory_bytes}`.

    With a control group of its own also `peak_total_memory_bytes` and `peak_processes`.
    """
    artifacts: Mapping[str, Mapping[str, Any]] | None = None
    """The files that were kept of it: `{bytes, sha256}` by their path in its working folder."""

    @property
    def duration_ms(self) -> float | None:
        """How long it took in milliseconds; None while it runs."""
        return measured_ms(self.duration_us, self.started_at, self.ended_at)


class EntityKind(StrEnum):
    """What a state change is about."""

    EXECUTION = "execution"
    TASK_RUN = "task_run"
    ATTEMPT = "attempt"


class StateChange(Struct, frozen=True, kw_only=True):
    """One transition of one entity; `seq` is the number of the audit event that records it."""

    seq: int
    at: int
    entity: EntityKind
    execution_id: str
    task_id: str | None
    attempt: int | None
    from_state: str | None
    to_state: str
    reason_code: str
    message: str | None
    actor: str


class LogLevel(StrEnum):
    """The severity of a log entry."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class LogStream(StrEnum):
    """Where a log entry came from: a process's stdout or stderr, or the engine and step itself."""

    STDOUT = "out"
    STDERR = "err"
    SYSTEM = "sys"


class LogEntry(Struct, frozen=True, kw_only=True):
    """A line of output, or a message of the engine. `seq` numbers an attempt's entries from 1."""

    execution_id: str
    task_id: str
    attempt: int
    seq: int
    timestamp: int
    level: LogLevel
    source: str
    stream: LogStream
    message: str
    is_rest: bool = False
    """Whether it goes on with a line that was cut because it is longer than an entry may be."""


class AuditEvent(Struct, frozen=True, kw_only=True):
    """One link of the audit chain as a reader sees it; the hashes are SHA-256 in hex."""

    seq: int
    event_id: str
    timestamp: int
    event_type: str
    actor: str
    target: str
    details: Mapping[str, Any]
    hash: str
    previous_hash: str
    execution_id: str | None = None


class StepResult(Struct, frozen=True, kw_only=True):
    """The immutable outcome of one step. A Failed status has an error."""

    step_id: str
    status: StepStatus
    output: Mapping[str, Any]
    error: str | None
    duration_ms: float
    timestamp: int
    state: TaskState
    reason_code: Reason
    attempts: int
    rule: str | None = None
    """The id of the rule of safety or policy that refused it."""

    def __post_init__(self) -> None:
        """Reject a Failed status without an error, as the result schema demands."""
        if self.status is StepStatus.FAILED and not self.error:
            raise ValueError(f"step {self.step_id}: a Failed result needs an error")


class MissionResult(Struct, frozen=True, kw_only=True):
    """The immutable outcome of one execution."""

    mission_id: str
    workflow_id: str
    overall_status: OverallStatus
    state: ExecutionState
    reason_code: Reason
    start_time: int
    end_time: int
    step_results: Mapping[str, StepResult]
    steps_completed: int
    steps_failed: int
    steps_skipped: int
    events_logged: int
    integrity_verified: bool
    mission_name: str = ""
    run_number: int | None = None
    coverage: Coverage = Coverage.FULL
    duration_us: int | None = None
    """From start to end by the monotonic clock; None unless one process saw both."""

    @property
    def total_duration_ms(self) -> float:
        """How long it took in milliseconds."""
        return measured_ms(self.duration_us, self.start_time, self.end_time) or 0.0


def measured_ms(duration_us: int | None, start: int | None, end: int | None) -> float | None:
    """Return a measured duration in milliseconds, else `end - start`, never less than 0.

    The instants are those of the wall clock, possibly of two processes, and it may have been
    adjusted in between. None while there is no end.
    """
    if end is not None and duration_us is not None:
        return duration_us / 1000
    found = duration_ms(start, end)
    return None if found is None else max(0.0, found)


def duration_ms(start: int | None, end: int | None) -> float | None:
    """Return `end - start` (nanoseconds) in milliseconds with microsecond precision."""
    return None if start is None or end is None else round((end - start) / 1_000_000, 3)
