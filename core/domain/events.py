"""The events of an execution: the only input of the fold.

Every event becomes one link of the audit chain. `details()` returns what the chain records of it:
canonical JSON (no floats, see `core.audit.format.canonical`), small, and enough to rebuild every
state. Free data (inputs, outputs, errors, parameters) enters the chain as its SHA-256; the data
itself travels on the event into the tables and is compared with the digest on verification.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from msgspec import Struct

from core.domain.breaker_state import BreakerState
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import TaskError
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.errors import BugError
from core.value.json_encoder import make_encoder

ENGINE = "engine"

NOTE_KINDS = frozenset(
    {
        "attempt.killed",
        "audit.anchored",
        "audit.exported",
        "clock.stepped",
        "engine.started",
        "engine.stopped",
        "env.read",
        "execution.amended",
        "execution.rerun",
        "leftovers.ended",
        "attempt.late",
        "execution.retried",
        "key.revoked",
        "log.pruned",
        "mission.rejected",
        "mission.validated",
        "policy.violation",
        "policy.warning",
        "preconditions.checked",
        "queue.held",
        "queue.released",
        "request.refused",
        "runner.lost",
        "runner.recovered",
        "secret.read",
        "step.not_recorded",
        "step.outdated",
        "security.violation",
    }
)
"""The kinds of notes that are written. A new one is added here: readers take others as opaque."""


class Event(Struct, frozen=True, kw_only=True):
    """Base of all events. `at` is nanoseconds since the epoch, strictly rising within a process."""

    type: ClassVar[str]

    at: int
    execution_id: str
    actor: str = ENGINE

    @property
    def task(self) -> str | None:
        """The step this event is about, if it is about one."""
        return None

    def details(self) -> dict[str, Any]:
        """Return what the audit chain records beside the common fields."""
        raise BugError(f"{type(self).__name__} has no details")


class ExecutionCreated(Event, frozen=True, kw_only=True):
    """An execution was created, with all its task runs PENDING. `step_ids` are in file order."""

    type: ClassVar[str] = "execution.created"

    workflow_id: str
    mission_name: str
    mission_digest: str
    step_ids: tuple[str, ...]
    params: Mapping[str, Any] = EMPTY
    source_path: str | None = None
    working_dir: str = "."
    parent_execution_id: str | None = None
    parent_task_id: str | None = None
    parent_attempt: int | None = None
    retry_of: str | None = None
    rerun_of: str | None = None
    run_key: str | None = None
    parallel_limit: int | None = None
    attempt_base: Mapping[str, int] = EMPTY
    """By step, the last attempt number in the execution this one retries: numbering continues."""
    retry_scope: Mapping[str, Any] | None = None
    forced: tuple[str, ...] | None = None
    """The steps that run though nothing may have changed; `*` for all of them."""
    breakpoints: tuple[str, ...] | None = None
    """The steps before which the execution pauses; None for none."""
    labels: Mapping[str, str] | None = None
    title: str | None = None
    keep_going: bool = False
    """Go on after failures, whatever the mission says."""
    policies: Mapping[str, str] = EMPTY
    """The policy files in force at the launch: SHA-256 (hex) by path; empty where there were none.
    """
    run_number: int | None = None
    """Which run of its mission this is, from 1; the journal sets it (see `core.launch.run_number`).

    None before that, and in the events of executions older than run numbers.
    """

    def details(self) -> dict[str, Any]:
        """Name the mission by digest, its steps by count and digest, and what it is linked to."""
        links: dict[str, Any] = {
            name: value
            for name, value in (
                ("parent_execution_id", self.parent_execution_id),
                ("parent_task_id", self.parent_task_id),
                ("parent_attempt", self.parent_attempt),
                ("retry_of", self.retry_of),
                ("rerun_of", self.rerun_of),
                ("run_key", self.run_key),
                ("source_path", self.source_path),
            )
            if value is not None
        }
        if self.parallel_limit is not None:
            links["parallel_limit"] = self.parallel_limit
        if self.run_number is not None:
            links["run_number"] = self.run_number
        if self.attempt_base:
            links["attempt_base"] = dict(self.attempt_base)
        if self.policies:
            links["policies"] = policy_list(self.policies)
        if self.forced is not None:
            links["forced"] = list(self.forced)
        if self.breakpoints is not None:
            links["breakpoints"] = list(self.breakpoints)
        if self.labels is not None:
            links["labels"] = dict(self.labels)
        if self.keep_going:
            links["keep_going"] = True
        if self.title is not None:
            links["title"] = self.title
        if self.retry_scope is not None:
            links["retry_scope_sha256"] = json_digest(self.retry_scope)
        return {
            "workflow_id": self.workflow_id,
            "mission_name": self.mission_name,
            "mission_sha256": self.mission_digest,
            "step_count": len(self.step_ids),
            "steps_sha256": steps_digest(self.step_ids),
            "params_sha256": json_digest(self.params),
            "working_dir": self.working_dir,
            **links,
        }


class ExecutionStateChanged(Event, frozen=True, kw_only=True):
    """An execution went from one state to another."""

    type: ClassVar[str] = "execution.state_changed"

    from_state: ExecutionState
    to_state: ExecutionState
    reason_code: Reason
    message: str | None = None
    duration_us: int | None = None
    """At the end: measured by the monotonic clock, if one process saw both start and end."""

    def details(self) -> dict[str, Any]:
        """Give both states, the reason and the message, and how long it took."""
        return _transition(
            self.from_state.text,
            self.to_state.text,
            self.reason_code,
            self.message,
            self.duration_us,
        )


class CancelRequested(Event, frozen=True, kw_only=True):
    """Cancellation of the execution was requested; states change when it takes effect."""

    type: ClassVar[str] = "execution.cancel_requested"

    message: str | None = None

    def details(self) -> dict[str, Any]:
        """Give the message, if there is one."""
        return {} if self.message is None else {"message": self.message}


class BreakerChanged(Event, frozen=True, kw_only=True):
    """The circuit breaker came into a state, or found another shortage while open."""

    type: ClassVar[str] = "execution.breaker_changed"

    state: BreakerState
    message: str

    def details(self) -> dict[str, Any]:
        """Give the state and the reason in words."""
        return {"breaker": self.state.value, "message": self.message}


class BreakpointChange(StrEnum):
    """What happened to a breakpoint."""

    SET = "set"
    CLEARED = "cleared"
    REACHED = "reached"
    """The execution pauses at it; that uses it up."""


class BreakpointChanged(Event, frozen=True, kw_only=True):
    """The breakpoint before a step was set, cleared or reached."""

    type: ClassVar[str] = "step.breakpoint_changed"

    task_id: str
    change: BreakpointChange

    @property
    def task(self) -> str | None:
        """The step that has, or had, the breakpoint."""
        return self.task_id

    def details(self) -> dict[str, Any]:
        """Give what happened to it."""
        return {"breakpoint": self.change.value}


class TaskStateChanged(Event, frozen=True, kw_only=True):
    """A task run went from one state to another; `resume_at` is when a WAITING one is due."""

    type: ClassVar[str] = "step.state_changed"

    task_id: str
    from_state: TaskState
    to_state: TaskState
    reason_code: Reason
    message: str | None = None
    resume_at: int | None = None
    reused_from: str | None = None
    outputs: Mapping[str, Any] | None = None
    duration_us: int | None = None
    """At the end: since its first start, if one process saw both."""
    compared: Mapping[str, Any] | None = None
    """What was compared of a step that is up to date: counts and digests of values and files."""

    @property
    def task(self) -> str | None:
        """The step whose state changed."""
        return self.task_id

    def details(self) -> dict[str, Any]:
        """Give both states, the reason and the message, and when it is due."""
        found = _transition(
            self.from_state.text,
            self.to_state.text,
            self.reason_code,
            self.message,
            self.duration_us,
        )
        if self.resume_at is not None:
            found["resume_at"] = str(self.resume_at)
        if self.reused_from is not None:
            found["reused_from"] = self.reused_from
        if self.outputs is not None:
            found["outputs_sha256"] = json_digest(self.outputs)
        if self.compared is not None:
            found["compared"] = dict(self.compared)
        return found


class StepExpanded(Event, frozen=True, kw_only=True):
    """A fan-out step became one task run for each item: READY → RUNNING, its items PENDING.

    The task runs of the items are named `STEP[0]`, `STEP[1]`, ...
    """

    type: ClassVar[str] = "step.expanded"

    task_id: str
    items: tuple[Any, ...]
    from_state: TaskState = TaskState.READY
    reason_code: Reason = Reason.EXPANDED

    @property
    def task(self) -> str | None:
        """The step that fans out."""
        return self.task_id

    def details(self) -> dict[str, Any]:
        """Give the transition, the number of items and their digest."""
        found = _transition(self.from_state.text, TaskState.RUNNING.text, self.reason_code, None)
        found["items"] = len(self.items)
        found["items_sha256"] = json_digest({"items": self.items})
        return found


def item_task_id(task_id: str, index: int) -> str:
    """Return the name of the task run of a fan-out step's item number `index`, from 0."""
    return f"{task_id}[{index}]"


class Readiness(Struct, frozen=True):
    """That a task run went PENDING → READY, as the start of its attempt records it."""

    at: int
    reason_code: Reason
    message: str | None = None


class ArmedStart(Struct, frozen=True):
    """When an attempt that was armed started, as its end records it.

    Its inputs are those with which it was armed.
    """

    at: int
    reason_code: Reason


class StepEnd(Struct, frozen=True):
    """That a task run went from RUNNING to its end, as the end of its attempt records it.

    It happened at the time of that event.
    """

    to_state: TaskState
    reason_code: Reason
    message: str | None = None
    duration_us: int | None = None


class AttemptArmed(Event, frozen=True, kw_only=True):
    """The start of an attempt was recorded ahead of a free slot: it may start from now on.

    The task run stays READY until the start is told. Whether an armed attempt has started is known
    to its runner alone in between. `inputs` are the resolved parameters. With `ready` the event
    records that the task run became READY, too (see `core.domain.joined_events`).
    """

    type: ClassVar[str] = "attempt.armed"

    task_id: str
    attempt: int
    inputs: Mapping[str, Any] = EMPTY
    ready: Readiness | None = None

    @property
    def task(self) -> str | None:
        """The step of the attempt."""
        return self.task_id

    def details(self) -> dict[str, Any]:
        """Give the attempt number and the digest of the inputs."""
        found: dict[str, Any] = {
            "attempt": self.attempt,
            "inputs_sha256": json_digest(self.inputs),
        }
        if self.ready is not None:
            found["ready"] = _readiness(self.ready)
        return found


class AttemptDisarmed(Event, frozen=True, kw_only=True):
    """An armed attempt was not started and no longer may: the task run waits for a slot again."""

    type: ClassVar[str] = "attempt.disarmed"

    task_id: str
    attempt: int
    message: str

    @property
    def task(self) -> str | None:
        """The step of the attempt."""
        return self.task_id

    def details(self) -> dict[str, Any]:
        """Give the attempt number and the reason in words."""
        return {"attempt": self.attempt, "message": self.message}


class AttemptStarted(Event, frozen=True, kw_only=True):
    """An attempt started: the task run goes READY → RUNNING, the attempt begins as RUNNING.

    `inputs` are the resolved parameters, secrets masked. With `ready` the event records that the
    task run became READY, too (see `core.domain.joined_events`).
    """

    type: ClassVar[str] = "attempt.started"

    task_id: str
    attempt: int
    from_state: TaskState = TaskState.READY
    reason_code: Reason = Reason.SLOT_ACQUIRED
    inputs: Mapping[str, Any] = EMPTY
    ready: Readiness | None = None

    @property
    def task(self) -> str | None:
        """The step of the attempt."""
        return self.task_id

    def details(self) -> dict[str, Any]:
        """Give the attempt number, the task run's transition and the digest of the inputs."""
        found: dict[str, Any] = {
            "attempt": self.attempt,
            "from": self.from_state.text,
            "to": TaskState.RUNNING.text,
            "reason_code": self.reason_code._value_,
            "inputs_sha256": json_digest(self.inputs),
        }
        if self.ready is not None:
            found["ready"] = _readiness(self.ready)
        return found


class AttemptPlaced(Event, frozen=True, kw_only=True):
    """A running attempt got its place: `host` and `worker` of a cluster run its process."""

    type: ClassVar[str] = "attempt.placed"

    task_id: str
    attempt: int
    host: str
    worker: str

    @property
    def task(self) -> str | None:
        """The step of the attempt."""
        return self.task_id

    def details(self) -> dict[str, Any]:
        """Give the attempt number, the machine and the worker."""
        return {"attempt": self.attempt, "host": self.host, "worker": self.worker}


class AttemptEnded(Event, frozen=True, kw_only=True):
    """An attempt ended. The log fields seal its output: entries, bytes, bytes dropped, digest.

    With `started` the event records the start of an armed attempt, too, with `step` that the task
    run ended (see `core.domain.joined_events`).
    """

    type: ClassVar[str] = "attempt.ended"

    task_id: str
    attempt: int
    to_state: AttemptState
    reason_code: Reason
    message: str | None = None
    exit_code: int | None = None
    outputs: Mapping[str, Any] | None = None
    error: TaskError | None = None
    log_entry_count: int = 0
    log_bytes: int = 0
    log_dropped_bytes: int = 0
    log_digest: str | None = None
    """See `core.output.log_digest`."""
    census: Mapping[str, Any] | None = None
    """Of its processes at its end: `{processes, survivors, left?: [{pid, command, start?}]}`.

    `start` is in clock ticks since boot, of what is to be ended with the execution.
    """
    redactions: Mapping[str, int] = EMPTY
    """At how many places of its output and results a secret was masked, by the secret's name."""
    resources: Mapping[str, int] | None = None
    """What its process used: `{user_ms, system_ms, peak_memory_bytes}`.

    With a control group of its own also `peak_total_memory_bytes` and `peak_processes`.
    """
    placement: Mapping[str, str] | None = None
    """The machine and the worker of a cluster that ran its process: `{host, worker}`.

    None leaves what `attempt.placed` said.
    """
    artifacts: Mapping[str, Mapping[str, Any]] | None = None
    """The files that were kept of it: `{bytes, sha256}` by their path in its working folder."""
    duration_us: int | None = None
    """Measured by the monotonic clock; None for an attempt whose end no process saw."""
    started: ArmedStart | None = None
    step: StepEnd | None = None

    @property
    def task(self) -> str | None:
        """The step of the attempt."""
        return self.task_id

    def details(self) -> dict[str, Any]:
        """Give the attempt's end, exit code, log seal, and digests of outputs and error."""
        found = _transition(
            AttemptState.RUNNING.text,
            self.to_state.text,
            self.reason_code,
            self.message,
            self.duration_us,
        )
        found["attempt"] = self.attempt
        if self.exit_code is not None:
            found["exit_code"] = self.exit_code
        if self.outputs is not None:
            found["outputs_sha256"] = json_digest(self.outputs)
        if self.error is not None:
            found["error_sha256"] = json_digest(error_json(self.error))
        if self.log_digest is not None:
            found["log"] = {
                "entries": self.log_entry_count,
                "bytes": self.log_bytes,
                "dropped_bytes": self.log_dropped_bytes,
                "sha256": self.log_digest,
            }
        if self.census is not None:
            found["census"] = dict(self.census)
        if self.redactions:
            found["redactions"] = dict(self.redactions)
        if self.resources is not None:
            found["resources"] = dict(self.resources)
        if self.placement is not None:
            found["placement"] = dict(self.placement)
        if self.started is not None:
            found["started"] = {
                "at": str(self.started.at),
                "reason_code": self.started.reason_code._value_,
            }
        if self.artifacts:
            found["artifacts"] = {path: dict(facts) for path, facts in self.artifacts.items()}
        if self.step is not None:
            end: dict[str, Any] = {"to": self.step.to_state.text}
            if self.step.reason_code is not self.reason_code:
                end["reason_code"] = self.step.reason_code._value_
            if self.step.message != self.message:
                end["message"] = self.step.message or ""
            if self.step.duration_us is not None:
                end["duration_us"] = self.step.duration_us
            found["step"] = end
        return found


class Noted(Event, frozen=True, kw_only=True):
    """Something that changes no state but belongs in the audit: runner lost, mission rejected, ...

    `kind` is one of `NOTE_KINDS`; `execution_id` is empty for what concerns no execution.
    """

    type: ClassVar[str] = "noted"

    kind: str
    facts: Mapping[str, Any] = EMPTY
    task_id: str | None = None

    @property
    def task(self) -> str | None:
        """The step this is about, if it is about one."""
        return self.task_id

    def details(self) -> dict[str, Any]:
        """Give the facts as they are."""
        return dict(self.facts)


class OpaqueEvent(Event, frozen=True, kw_only=True):
    """An event of type `kind` that was read and that the fold ignores.

    Its type is one that this version does not know, or belongs to the chain itself.
    """

    type: ClassVar[str] = "opaque"

    kind: str


def policy_list(policies: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the hashes of policy files, by path, as the chain records them."""
    return [{"path": path, "sha256": digest} for path, digest in policies.items()]


def event_type(event: Event) -> str:
    """Return the type the chain records: a note's own kind, else the class's type."""
    return event.kind if isinstance(event, Noted | OpaqueEvent) else event.type


def error_json(error: TaskError) -> dict[str, Any]:
    """Return an error as the JSON object that is stored and shown."""
    return {
        "message": error.message,
        "kind": error.kind,
        "stack_trace": error.stack_trace,
        "exit_code": error.exit_code,
    }


def dump_json(value: object) -> str:
    """Return JSON data as the compact text that is stored and digested, keys in given order."""
    return "".join(_encode(value, 0))


def json_digest(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of `dump_json(value)` (ASCII, so lone surrogates survive)."""
    if not value:
        return _EMPTY_OBJECT_DIGEST
    return hashlib.sha256(dump_json(value).encode("ascii")).hexdigest()


def steps_digest(step_ids: tuple[str, ...]) -> str:
    """Return the SHA-256 (hex) over the step ids in file order, each followed by a line feed."""
    return hashlib.sha256("".join(f"{step}\n" for step in step_ids).encode()).hexdigest()


def _readiness(ready: Readiness) -> dict[str, str]:
    found = {"at": str(ready.at), "reason_code": ready.reason_code._value_}
    if ready.message is not None:
        found["message"] = ready.message
    return found


def _transition(
    source: str,
    target: str,
    reason: Reason,
    message: str | None,
    duration_us: int | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {"from": source, "to": target, "reason_code": reason._value_}
    if duration_us is not None:
        found["duration_us"] = duration_us
    if message is not None:
        found["message"] = message
    return found


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON data")


_encode = make_encoder(ensure_ascii=True, sort_keys=False, default=_plain)
_EMPTY_OBJECT_DIGEST = hashlib.sha256(b"{}").hexdigest()
