"""The domain as frozen data: missions, executions, task runs, attempts, results, logs.

Instants are integers, nanoseconds since the Unix epoch (UTC); durations of policies are seconds.
Nothing here acts, parses or stores.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from msgspec import Struct, field

from core.reasons import Reason
from core.states import (
    AttemptState,
    Coverage,
    ExecutionState,
    OverallStatus,
    StepStatus,
    TaskState,
)


class _Empty(Mapping[str, Any]):
    """The empty mapping, hashable: before Python 3.12 a mappingproxy cannot be a field default."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


Json = Any
"""Plain JSON data: None, bool, int, float, str, list, and dict with string keys."""

EMPTY: Mapping[str, Any] = _Empty()

TASK_RUN_NAMESPACE = UUID("5f0c3a52-7d0e-5c7c-9a43-0d9d5a2f7c11")
WORKFLOW_NAMESPACE = UUID("0b3f1d1e-90f5-5b0e-8a4d-2f2b1f6f9a77")


# --- the mission as authored -------------------------------------------------------------------


class TriggerRule(StrEnum):
    """Which upstream outcomes permit a step."""

    ALL_SUCCESS = "all_success"
    ALL_DONE = "all_done"
    ALL_FAILED = "all_failed"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_SKIPPED = "none_skipped"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    ALWAYS = "always"


class ParamType(StrEnum):
    """The type of a mission parameter."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    PATH = "path"


class Durability(StrEnum):
    """When a step may start: after its start is on disk, or (relaxed) while it is being written."""

    STRICT = "strict"
    RELAXED = "relaxed"


class RetryOn(Struct, frozen=True, kw_only=True):
    """Which failures are retried; an empty tuple does not restrict."""

    exit_codes: tuple[int, ...] = ()
    reason_codes: tuple[str, ...] = ()
    http_status: tuple[int, ...] = ()


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """Temporal's retry fields. Intervals in seconds; `jitter` is the fraction (0..1) taken off."""

    max_attempts: int = 1
    initial_interval: float = 1.0
    backoff_coefficient: float = 2.0
    max_interval: float = 100.0
    jitter: float = 0.0
    retry_on: RetryOn | None = None


class Param(Struct, frozen=True, kw_only=True):
    """A typed input of a mission."""

    name: str
    type: ParamType = ParamType.STRING
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    pattern: str | None = None
    secret: bool = False
    description: str = ""


class MissionConfig(Struct, frozen=True, kw_only=True):
    """How a mission is executed. `timeout_seconds` None means no deadline."""

    timeout_seconds: float | None = None
    fail_fast: bool = True
    parallel_limit: int = 8
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    working_dir: str = "."
    durability: Durability = Durability.STRICT


class MissionStep(Struct, frozen=True, kw_only=True):
    """One node of a mission. `parameters` is plain JSON data, templates unresolved."""

    id: str
    name: str
    step_type: str
    depends_on: tuple[str, ...] = ()
    timeout_seconds: float | None = None
    continue_on_error: bool = False
    parameters: Mapping[str, Any] = EMPTY
    retry: RetryPolicy | None = None
    when: str | None = None
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    foreach: Any = None
    matrix: Mapping[str, Any] | None = None
    max_parallel: int | None = None
    env: Mapping[str, str] = EMPTY
    secrets: tuple[str, ...] = ()
    working_dir: str | None = None
    idempotent: bool = True
    runs_on: Mapping[str, Any] = EMPTY


class Handlers(Struct, frozen=True, kw_only=True):
    """Steps that run when the mission has ended, each with its own deadline."""

    on_success: tuple[MissionStep, ...] = ()
    on_failure: tuple[MissionStep, ...] = ()
    on_cancel: tuple[MissionStep, ...] = ()
    always: tuple[MissionStep, ...] = ()

    @property
    def all(self) -> tuple[MissionStep, ...]:
        """Every handler step, in the order of the groups."""
        return self.on_success + self.on_failure + self.on_cancel + self.always


class Mission(Struct, frozen=True, kw_only=True):
    """A validated mission: 1..N steps with unique ids, every dependency existing, no cycle."""

    version: str
    name: str
    steps: tuple[MissionStep, ...]
    description: str | None = None
    params: tuple[Param, ...] = ()
    variables: Mapping[str, Any] = EMPTY
    secrets: tuple[str, ...] = ()
    env: Mapping[str, str] = EMPTY
    config: MissionConfig = field(default_factory=MissionConfig)
    handlers: Handlers = field(default_factory=Handlers)

    @property
    def workflow_id(self) -> str:
        """The stable id of the mission, derived from its name."""
        return workflow_id_of(self.name)

    @property
    def all_steps(self) -> tuple[MissionStep, ...]:
        """Steps and then handlers, in the order in which their task runs are numbered."""
        return self.steps + self.handlers.all


def workflow_id_of(mission_name: str) -> str:
    """Return the stable id of the missions of that name (UUIDv5)."""
    return str(uuid5(WORKFLOW_NAMESPACE, mission_name))


class MissionSource(Struct, frozen=True, kw_only=True):
    """A mission file as it was read: `digest` is the SHA-256 (hex) of `content`'s bytes."""

    digest: str
    name: str
    content: bytes
    format: str
    """`yaml` or `json`."""


# --- the records of one run ---------------------------------------------------------------------


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
    """From start to end by the monotonic clock; None where no process saw both."""
    cancel_requested_at: int | None = None
    cancel_requested_by: str | None = None
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
    """Attempts at once, where the run was asked for another number than its mission's."""
    retry_scope: Mapping[str, Any] | None = None
    """What a retry runs again, see `core.earlier.RetryScope`; None: what failed."""
    run_number: int | None = None
    """Which run of its mission this is, from 1 (see `core.run_number`); None until it is stored."""
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
    """From the first start to the end by the monotonic clock; None where no process saw both."""
    resume_at: int | None = None
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    error: TaskError | None = None
    reused_from: str | None = None
    parent_task_id: str | None = None
    """The fan-out step this is an item of; `position` then counts on behind the mission's steps."""
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
    def worked_from(self) -> int | None:
        """When the latest attempt began; of a fan-out step, when it did."""
        return self.started_at if self.attempt_started_at is None else self.attempt_started_at

    @property
    def worked_until(self) -> int | None:
        """When that ended; None while it goes on. What the step waited for then is not in it."""
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


class Attempt(Struct, frozen=True, kw_only=True):
    """One try of a task run, numbered from 1. `log_digest` is the SHA-256 (hex) of its output."""

    execution_id: str
    task_id: str
    attempt: int
    state: AttemptState
    reason_code: Reason
    started_at: int
    message: str | None = None
    ended_at: int | None = None
    duration_us: int | None = None
    """By the monotonic clock; None where no process saw it end."""
    exit_code: int | None = None
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    error: TaskError | None = None
    log_entry_count: int = 0
    log_bytes: int = 0
    log_dropped_bytes: int = 0
    log_digest: str | None = None

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


# --- results, in the words of the result schema -------------------------------------------------


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
    """From start to end by the monotonic clock; None where no process saw both."""

    @property
    def total_duration_ms(self) -> float:
        """How long it took in milliseconds."""
        return measured_ms(self.duration_us, self.start_time, self.end_time) or 0.0


def measured_ms(duration_us: int | None, start: int | None, end: int | None) -> float | None:
    """Return a measured duration in milliseconds, else `end - start`, never less than 0.

    The instants are those of the wall clock, perhaps of two processes: it may have been set between
    them. None while there is no end.
    """
    if end is not None and duration_us is not None:
        return duration_us / 1000
    found = duration_ms(start, end)
    return None if found is None else max(0.0, found)


def duration_ms(start: int | None, end: int | None) -> float | None:
    """Return `end - start` (nanoseconds) in milliseconds with microsecond precision."""
    return None if start is None or end is None else round((end - start) / 1_000_000, 3)
