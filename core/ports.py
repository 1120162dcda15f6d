"""What the engine needs of the world, as protocols, from the journal to the clock.

Every adapter of a port passes the same contract tests (`tests/contract_*`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from core.events import Event
from core.execution_query import NEWEST, ExecutionQuery
from core.fold import Changes
from core.model import (
    EMPTY,
    Attempt,
    AuditEvent,
    Execution,
    LogEntry,
    LogLevel,
    LogStream,
    StateChange,
    TaskRun,
)
from core.model import MissionSource as MissionSource  # lives there, is part of these ports
from core.states import ExecutionState

if TYPE_CHECKING:  # asyncio is a third of the start-up of commands that run nothing
    from asyncio import Future

# --- clock and signer ---------------------------------------------------------------------------


class Clock(Protocol):
    """Wall time. Deadlines, backoff and durations use the loop's monotonic time, never this."""

    def now(self) -> int:
        """Return nanoseconds since the epoch, greater than every value returned before."""


class Signer(Protocol):
    """An Ed25519 key that signs checkpoints (RFC 8032)."""

    @property
    def key_name(self) -> str:
        """The name in the signature line of a signed note."""

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`."""


# --- journal: the one writer --------------------------------------------------------------------


class LogSegment(Struct, frozen=True):
    """Output bytes that arrived together: one stream, one instant, whole or partial lines."""

    at: int
    stream: LogStream
    level: LogLevel
    source: str
    length: int
    """Bytes of the chunk's data that belong to it."""
    lines: int
    """Log entries that end in it: line feeds, plus one where the attempt's stream ends without."""


class LogChunk(Struct, frozen=True, kw_only=True):
    """Consecutive output of one attempt. `first_seq` is the number of its first entry, from 1."""

    execution_id: str
    task_id: str
    attempt: int
    chunk: int
    first_seq: int
    segments: tuple[LogSegment, ...]
    data: bytes


class RequestOutcome(Struct, frozen=True, kw_only=True):
    """What came of a person's request: it was done, or refused and `why` says the reason."""

    request_id: int
    done: bool
    why: str | None = None


TOO_LATE = "the execution had ended"
"""Why a request is refused that nobody had decided when the execution ended."""


class Batch(Struct, frozen=True, kw_only=True):
    """Events in order, and the records the fold made of them; written in one transaction.

    `outcomes` are those of requests whose effects are among the events. With `finalize` every
    request that has none yet gets one: it came too late.
    """

    execution_id: str
    events: Sequence[Event]
    changes: Changes
    mission: MissionSource | None = None
    finalize: bool = False
    """Append `execution.finalized` behind the events, sealing the execution's sub-chain."""
    outcomes: Sequence[RequestOutcome] = ()


class Receipt(Struct, frozen=True, kw_only=True):
    """Proof that a batch is on disk: the audit log's size and root (hex) after it."""

    size: int
    root: str
    execution_events: int
    run_number: int | None = None
    """The number of the run, for the batch that creates an execution."""


class Journal(Protocol):
    """The single writer. What it acknowledged survives `kill -9` and power loss."""

    def submit(self, batch: Batch) -> "Future[Receipt]":
        """Queue a batch; the future resolves when it is durable.

        It fails with `UnavailableError` or `AuditError` when it cannot be written; from then on
        every later submit fails likewise (fail closed).
        With `LeaseHeldError` when another runner took over.
        """

    def append_log(self, chunk: LogChunk) -> None:
        """Queue output; it is durable no later than the next batch submitted after it."""

    @property
    def backlog(self) -> int:
        """Bytes of log data queued and not yet durable; writers pause above their limit."""

    async def flush(self) -> None:
        """Wait until everything queued is durable."""

    async def close(self) -> None:
        """Flush and release the database. Idempotent."""


# --- control: ownership and requests ------------------------------------------------------------


class RunnerIdentity(Struct, frozen=True, kw_only=True):
    """A process, told from a reused pid: `start_time` is in clock ticks since boot."""

    pid: int
    start_time: int
    boot_id: str
    host: str


class Lease(Struct, frozen=True, kw_only=True):
    """Ownership of one execution by one runner; `epoch` rises with every owner (fencing token)."""

    execution_id: str
    owner: str
    epoch: int
    expires_at: int
    identity: RunnerIdentity


class RequestKind(StrEnum):
    """What somebody may ask of a running execution."""

    CANCEL = "cancel"
    CANCEL_STEP = "cancel_step"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    APPROVE = "approve"
    REJECT = "reject"


class Request(Struct, frozen=True, kw_only=True):
    """One row of the request table, picked up by the owner of the lease."""

    request_id: int
    execution_id: str
    kind: RequestKind
    actor: str
    created_at: int
    task_id: str | None = None
    arguments: Mapping[str, Any] = EMPTY


class Control(Protocol):
    """Leases and requests. All methods are durable when they return."""

    async def acquire(self, execution_id: str, *, from_parent: bool = False) -> Lease:
        """Take the lease, also over a dead or expired owner; `LeaseHeldError` while one lives.

        With `from_parent` also over the process that started this one: it held it for us.
        """

    async def renew(self, lease: Lease) -> Lease:
        """Heartbeat; `LeaseHeldError` when the epoch has moved on."""

    async def release(self, lease: Lease) -> None:
        """Give the lease back. Idempotent."""

    async def request(
        self,
        execution_id: str,
        kind: RequestKind,
        *,
        actor: str,
        task_id: str | None = None,
        arguments: Mapping[str, Any] = EMPTY,
    ) -> int:
        """Leave a request for the owner and return its number."""

    async def take_requests(self, lease: Lease) -> Sequence[Request]:
        """Return requests not taken under this lease that have no outcome, oldest first.

        What an earlier owner took and lost before its effect was durable comes again.
        """


class Slots(Protocol):
    """The limit on attempts at once over all executions of a user on this machine."""

    def try_take(self) -> int | None:
        """Take a slot and return its number, or None while all are taken. Never blocks."""

    def give_back(self, slot: int) -> None:
        """Free a slot. A process that ends frees its slots, however it ends."""


# --- reader: committed state only ---------------------------------------------------------------


class LogQuery(Struct, frozen=True, kw_only=True):
    """Which log entries, over all lines that are stored. `since` is in nanoseconds."""

    execution_id: str
    task_id: str | None = None
    attempt: int | None = None
    streams: frozenset[LogStream] = frozenset()
    min_level: LogLevel | None = None
    since: int | None = None
    search: str | None = None
    after_chunk: int = 0
    """Only chunks whose row id is greater: the cursor of a follower."""
    tail: int | None = None
    """Only the last so many entries."""


class Reader(Protocol):
    """Committed records. Cheap to call often; never blocks a writer; holds no transaction open."""

    def data_version(self) -> int:
        """Return a number that changes when any other connection commits."""

    def last_seq(self) -> int:
        """Return the number of the newest audit event, 0 for none."""

    def executions(self, query: ExecutionQuery = NEWEST) -> list[Execution]:
        """Return the page of executions that a query asks for, in its order."""

    def count_executions(self, query: ExecutionQuery = NEWEST) -> dict[ExecutionState, int]:
        """Return how many executions a query fits on all its pages, by state; no zeroes."""

    def child_counts(self, execution_ids: Sequence[str]) -> dict[str, dict[ExecutionState, int]]:
        """Return how many sub-missions each execution's own steps ran, by state; those with any."""

    def mission_names(self) -> list[str]:
        """Return the names of all missions that have run, sub-missions too, in order."""

    def latest_runs(self, mission_names: Iterable[str]) -> dict[str, Execution]:
        """Return each mission's newest run by name; those that nobody has run are left out.

        A sub-mission of another run, and a run of a part of the steps, are no run of the mission.
        """

    def source_paths(self, *, limit: int) -> list[str]:
        """Return the mission files that people ran, that of the newest run first, none twice."""

    def children(self, execution_id: str) -> list[Execution]:
        """Return the sub-missions that an execution's own steps ran, oldest first."""

    def find_execution(self, reference: str, *, folder: str | None = None) -> Execution:
        """Resolve an id, `NAME#7`, a mission's name, a unique prefix, `@last` or `@last-failed`.

        With `folder`, `@last` and `@last-failed` prefer runs of mission files in or below it.
        Raises `NotFoundError`, or `AmbiguousError` naming the candidates.
        """

    def find_run_key(self, workflow_id: str, run_key: str) -> Execution | None:
        """Return the execution of a mission that was started under a run key, or None."""

    def short_ids(self, execution_ids: Sequence[str]) -> dict[str, str]:
        """Return the shortest unique prefix (at least 8 characters) of each id."""

    def mission_source(self, digest: str) -> MissionSource:
        """Return the mission file an execution was made from."""

    def task_runs(self, execution_id: str) -> list[TaskRun]:
        """Return all task runs in file order, with inputs, outputs and errors."""

    def task_run(self, execution_id: str, task_id: str) -> TaskRun:
        """Return one task run; `NotFoundError` with near misses in the hint."""

    def task_states(self, execution_id: str, *, after_seq: int = 0) -> tuple[int, list[TaskRun]]:
        """Return task runs changed by audit events after `after_seq`, and the newest seq seen.

        Inputs, outputs and errors are left out (None): this is what a live screen polls.
        """

    def attempts(self, execution_id: str, task_id: str | None = None) -> list[Attempt]:
        """Return attempts ordered by step position and number."""

    def state_changes(self, execution_id: str, task_id: str | None = None) -> list[StateChange]:
        """Return transitions in order, of the execution or of one step and its attempts."""

    def audit_events(
        self, *, after_seq: int = 0, execution_id: str | None = None, limit: int = 1000
    ) -> list[AuditEvent]:
        """Return audit events in order."""

    def logs(self, query: LogQuery) -> Iterator[tuple[int, LogEntry]]:
        """Yield (chunk row id, entry) in order of arrival, reading a bounded part at a time."""

    def unfinished_lines(self, query: LogQuery) -> list[LogEntry]:
        """Return the lines in progress of the step's running attempt, one a stream at most.

        As far as they are stored, and of a long one perhaps its end alone. Nothing without a step.
        """

    def request_outcome(self, request_id: int) -> RequestOutcome | None:
        """Return what came of a request, None while nobody has decided it; `NotFoundError`."""

    def lease(self, execution_id: str) -> Lease | None:
        """Return the current lease, live or not, or None."""

    def close(self) -> None:
        """Release the connection. Idempotent."""


# --- executor: the only way to processes --------------------------------------------------------


class Job(Struct, frozen=True, kw_only=True):
    """One process to run in its own session. `key` is `execution/step/attempt`."""

    key: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    stdin: bytes | None = None
    grace_seconds: float = 5.0


class OutcomeKind(StrEnum):
    """How a job came to an end, as far as the executor knows."""

    EXITED = "exited"
    UNSTARTABLE = "unstartable"
    """It did not start; another try may."""
    IMPOSSIBLE = "impossible"
    """It can never start as it is: no such program, not executable, arguments too long, ..."""
    LOST = "lost"
    UNPLACEABLE = "unplaceable"


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of a job. `exit_code` is -N for death by signal N; None unless EXITED."""

    kind: OutcomeKind
    exit_code: int | None = None
    message: str | None = None


class OutputSink(Protocol):
    """Where an executor puts what a process writes, as it arrives."""

    def write(self, stream: LogStream, data: bytes) -> bool:
        """Take bytes; False asks the writer to wait for `drain` before the next."""

    async def drain(self) -> None:
        """Return when more may be written."""

    def census(self, processes: int, survivors: int) -> None:
        """Take note of how many processes a kill found, and how many it left."""


class Executor(Protocol):
    """Runs jobs. The same contract tests run over every adapter."""

    async def run(self, job: Job, sink: OutputSink) -> Outcome:
        """Run `job` to its end, output into `sink`.

        Cancelling the awaiting task ends the process group TERM → grace → KILL and raises
        `CancelledError` only when it is gone or known to be unreachable, its output kept.
        """

    async def close(self) -> None:
        """End what still runs and free the resources. Idempotent."""
