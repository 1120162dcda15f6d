"""The read-only interface to the records of executions."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from core.domain.mission import MissionSource
from core.domain.records import (
    Attempt,
    AuditEvent,
    Execution,
    LogEntry,
    LogLevel,
    LogStream,
    StateChange,
    TaskRun,
)
from core.domain.states import Coverage, ExecutionState, TaskState
from core.ports.claims import Claim
from core.ports.control import Lease, RequestOutcome
from core.ports.execution_query import NEWEST, ExecutionQuery


class LogQuery(Struct, frozen=True, kw_only=True):
    """A query for stored log entries. `since` and `until` are in nanoseconds, both included."""

    execution_id: str
    task_id: str | None = None
    task_ids: frozenset[str] = frozenset()
    """Without a `task_id`: only the entries of these steps and items; empty for all."""
    attempt: int | None = None
    streams: frozenset[LogStream] = frozenset()
    min_level: LogLevel | None = None
    since: int | None = None
    until: int | None = None
    search: str | None = None
    """Only entries that contain this text in any case, escape sequences aside."""
    pattern: str | None = None
    """Only entries in which this regular expression (`core.value.regex`) is found, as in a text."""
    after_chunk: int = 0
    """Only chunks whose row id is greater: the cursor of a follower."""
    up_to_chunk: int | None = None
    """Only entries that end in chunks up to this row id."""
    tail: int | None = None
    """Only the last so many entries."""
    tail_characters: int | None = None
    """With a `tail`: fewer entries, but at least one, if those have more characters."""


class RunOutcome(Struct, frozen=True):
    """The state of one run of a mission, and which of its steps it covers."""

    state: ExecutionState
    coverage: Coverage


class Reader(Protocol):
    """Committed records. Cheap to call often; never blocks a writer; holds no transaction open."""

    def data_version(self) -> int:
        """Return a number that changes when any other connection commits."""

    def last_seq(self) -> int:
        """Return the number of the newest audit event, 0 for none."""

    def executions(self, query: ExecutionQuery = NEWEST) -> list[Execution]:
        """Return the page of executions that a query asks for, in its order."""

    def count_executions(self, query: ExecutionQuery = NEWEST) -> dict[ExecutionState, int]:
        """Return how many executions match a query on all its pages, by state; no zeroes."""

    def child_counts(self, execution_ids: Sequence[str]) -> dict[str, dict[ExecutionState, int]]:
        """Return how many sub-missions the own steps of executions ran, by state, where any did."""

    def mission_names(self) -> list[str]:
        """Return the names of all missions that have run, sub-missions too, in order."""

    def latest_runs(self, mission_names: Iterable[str]) -> dict[str, Execution]:
        """Return each mission's newest run by name; missions without a run are left out.

        Sub-missions of another run and runs of a subset of the steps do not count.
        """

    def recent_outcomes(
        self, mission_names: Iterable[str], *, limit: int
    ) -> dict[str, list[RunOutcome]]:
        """Return how each mission's last runs stand, newest first; sub-missions do not count."""

    def unattended_failures(self, *, limit: int) -> list[Execution]:
        """Return what failed and nobody has retried or run again, newest first.

        Sub-missions are left out: their parent has failed as well.
        """

    def open_approvals(self, *, limit: int) -> list[TaskRun]:
        """Return the steps of all executions that wait for an approval, the oldest run's first."""

    def source_paths(self, *, limit: int) -> list[str]:
        """Return the distinct mission files that users ran, the most recently run first."""

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

    def task_runs_in(
        self, execution_id: str, states: frozenset[TaskState], *, limit: int
    ) -> list[TaskRun]:
        """Return the first task runs in these states in file order, as `task_runs` does."""

    def task_states(self, execution_id: str, *, after_seq: int = 0) -> tuple[int, list[TaskRun]]:
        """Return task runs changed by audit events after `after_seq`, and the newest seq seen.

        Inputs and outputs are left out (None), and an error is only that of a failed task run,
        made brief (`core.explain.error_line.brief_error`): this is what a live screen polls.
        """

    def earlier_task_runs(
        self, execution_id: str, task_id: str, *, states: Sequence[TaskState] = (), limit: int
    ) -> list[TaskRun]:
        """Return the step's task runs in earlier executions of its mission, the newest first.

        An item of a fan-out is the same when its value is. Task runs that reused an outcome, or
        whose outcome a person has set, do not count. Only a bounded number of executions is looked
        into, whatever there are. Inputs and outputs are left out, and the error of a failed one is
        brief, as in `task_states`.
        """

    def attempts(self, execution_id: str, task_id: str | None = None) -> list[Attempt]:
        """Return attempts ordered by step position and number."""

    def state_changes(self, execution_id: str, task_id: str | None = None) -> list[StateChange]:
        """Return transitions in order, of the execution or of one step and its attempts."""

    def audit_events(
        self, *, after_seq: int = 0, execution_id: str | None = None, limit: int = 1000
    ) -> list[AuditEvent]:
        """Return audit events in order."""

    def step_events(self, execution_id: str, task_id: str) -> list[AuditEvent]:
        """Return the audit events of one step and its attempts in order."""

    def logs(self, query: LogQuery) -> Iterator[tuple[int, LogEntry]]:
        """Yield (chunk row id, entry) in order of arrival, reading a bounded part at a time."""

    def dropped_bytes(self, query: LogQuery) -> int:
        """Return how many bytes of the attempts asked for their output limit has dropped.

        Of running attempts none: it is known when they end. Asks for steps, attempt and `until`.
        """

    def unfinished_lines(self, query: LogQuery) -> list[LogEntry]:
        """Return the unfinished lines of the step's running attempt, at most one per stream.

        Only what is stored of them: of a long line perhaps only the end. Empty without a step.
        """

    def request_outcome(self, request_id: int) -> RequestOutcome | None:
        """Return the outcome of a request, None while it is undecided; `NotFoundError`."""

    def cancels_under_way(self, execution_id: str) -> dict[str, int]:
        """Return the steps and items whose cancel a runner has taken and not finished, and when."""

    def lease(self, execution_id: str) -> Lease | None:
        """Return the current lease, live or not, or None."""

    def claims(self) -> list[Claim]:
        """Return the claims on groups and mutexes, also those of runners that are dead.

        Those granted come first, then those that wait, in their order.
        """

    def close(self) -> None:
        """Release the connection. Idempotent."""
