"""Reads committed records over a read-only connection; never blocks a writer."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.domain.events import StepExpanded
from core.domain.mission import MissionSource
from core.domain.records import Attempt, AuditEvent, Execution, LogEntry, StateChange, TaskRun
from core.domain.states import Coverage, ExecutionState, TaskState
from core.errors import NotFoundError, UnavailableError
from core.ports.claims import Claim
from core.ports.control import Lease, RequestOutcome
from core.ports.execution_query import NEWEST, ExecutionQuery
from core.ports.reader import LogQuery, RunOutcome
from core.value.suggestion import did_you_mean
from storage.file.connection import ImmutableConnection, has_log, open_readonly, unavailable
from storage.file.file_identity import file_identity_of
from storage.read import attention, execution_sql, history
from storage.read.log_reader import LogReader
from storage.read.reference import resolve, shorten
from storage.read.step_history import HistoryQuery, earlier_task_runs
from storage.rows import codec
from storage.rows.claim import read_claims
from storage.rows.codec import POSITION_BITS
from storage.rows.lease import read_lease

# ruff: noqa: S608 - statements are put together from constants of this package alone

_EXECUTION = f"SELECT {codec.names(codec.EXECUTION)} FROM execution"
_TASK_RUN = f"SELECT {codec.names(codec.TASK_RUN_READ + codec.TASK_RUN_DATA)} FROM task_run"
_TASK_STATE = f"SELECT {codec.names(codec.TASK_RUN_READ + codec.TASK_RUN_FAILURE)} FROM task_run"
_ATTEMPT = f"""
SELECT task_run.task_id, {codec.names(codec.ATTEMPT, "attempt.")}
FROM attempt JOIN task_run ON task_run.id = attempt.task_run
WHERE attempt.task_run BETWEEN ? AND ? ORDER BY attempt.task_run, attempt.attempt
"""
_DROPPED_BYTES = """
SELECT ifnull(sum(log_dropped_bytes), 0) FROM attempt
WHERE task_run BETWEEN :first AND :last AND attempt = ifnull(:attempt, attempt)
AND ended_at <= ifnull(:until, ended_at)
AND (:step IS NOT NULL OR :steps = '[]' OR task_run IN (SELECT value FROM json_each(:steps)))
"""
_CANCELS_UNDER_WAY = """
SELECT task_id, min(taken_at) FROM request WHERE execution = ? AND outcome IS NULL
AND kind = 'cancel_step' AND taken_at IS NOT NULL AND task_id IS NOT NULL GROUP BY task_id
"""
_SOURCE_PATHS = """
SELECT source_path FROM execution
WHERE parent_execution_id IS NULL AND source_path IS NOT NULL
GROUP BY source_path ORDER BY max(id) DESC LIMIT ?
"""
_WITHIN = """
event.execution = :execution
AND seq BETWEEN max(:after + 1, (SELECT chain_first_seq FROM execution WHERE id = :execution))
AND (SELECT chain_last_seq FROM execution WHERE id = :execution)
"""
"""Events of `:execution` with a seq above `:after`; first and last seq bound the scanned range."""
_CHANGED = f"""
{_TASK_STATE} WHERE id IN (
  SELECT task_run FROM event WHERE {_WITHIN} AND task_run IS NOT NULL
) ORDER BY id
"""
_EXPANDED = f"""
SELECT 1 FROM event WHERE {_WITHIN} AND type = '{StepExpanded.type}' LIMIT 1
"""
_CHANGED_AND_ITEMS = f"""
WITH changed AS (
  SELECT task_run, max(type = '{StepExpanded.type}') AS expanded FROM event
  WHERE {_WITHIN} AND task_run IS NOT NULL GROUP BY task_run
)
{_TASK_STATE} WHERE id IN (SELECT task_run FROM changed)
UNION ALL
{_TASK_STATE} WHERE id BETWEEN :first AND :last
  AND parent_task_id IN (SELECT task_id FROM task_run WHERE id IN
    (SELECT task_run FROM changed WHERE expanded))
  AND id NOT IN (SELECT task_run FROM changed)
ORDER BY position
"""
"""The same including the items of fan-outs, which no event names: scans every task run."""
_EVENTS = "SELECT seq, ts, body, hash FROM event"
_CHANGES = f"""
SELECT seq, ts, type, task_id, body
FROM event LEFT JOIN task_run ON task_run.id = event.task_run
WHERE type IN ({", ".join(f"'{kind}'" for kind in history.TYPES)})
"""


def open_reader(path: Path) -> "SqliteReader":
    """Open the database read-only.

    Raises `UnavailableError` when it is missing, damaged, not a Mission Deck database, or of
    another version.
    """
    return SqliteReader(open_readonly(path), path)


class SqliteReader:
    """Implements `core.ports.Reader`. Used by one thread at a time.

    Any method raises `UnavailableError` when the file cannot be read or holds invalid records.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        execution_sql.add_functions(connection)
        self._connection = connection
        self._path = path.absolute()
        self._file_identity = file_identity_of(path)
        self._row_ids: dict[str, int] = {}
        self._positions: dict[int, dict[str, int]] = {}
        """Positions of task runs by execution row id and step id; a position never changes."""

    def data_version(self) -> int:
        """Return a number that changes when any other connection commits.

        Raises `UnavailableError` once the file was replaced or deleted, or is written although it
        was opened as one that nobody writes: the number would never change again.
        """
        if file_identity_of(self._path) != self._file_identity:
            raise UnavailableError(
                f"the database {self._path} was deleted or replaced while it was open",
                hint="the records on display are those of the former file: open it again",
            )
        if isinstance(self._connection, ImmutableConnection) and has_log(self._path):
            raise UnavailableError(
                f"its owner has begun to write the database {self._path}",
                hint="the records on display are those from before: open it again",
            )
        return self._number("PRAGMA data_version")

    def last_seq(self) -> int:
        """Return the seq of the newest audit event, 0 if there is none."""
        return self._number("SELECT coalesce(max(seq), 0) FROM event")

    # --- executions --------------------------------------------------------------------------

    def executions(self, query: ExecutionQuery = NEWEST) -> list[Execution]:
        """Return the page of executions that matches the query, in its order."""
        clauses, values = execution_sql.page(query)
        with self._guard():
            rows = self._all(f"{_EXECUTION} {clauses}", *values)
            return [codec.execution_of(row) for row in rows]

    def count_executions(self, query: ExecutionQuery = NEWEST) -> dict[ExecutionState, int]:
        """Return the number of executions that match the query, by state, over all its pages."""
        clauses, values = execution_sql.every(query)
        with self._guard():
            rows = self._all(
                f"SELECT state, count(*) FROM execution {clauses} GROUP BY state", *values
            )
            return {codec.execution_state(state): count for state, count in rows}

    def child_counts(self, execution_ids: Sequence[str]) -> dict[str, dict[ExecutionState, int]]:
        """Return the number of direct sub-missions by state, for each execution that has any."""
        found: dict[str, dict[ExecutionState, int]] = {}
        with self._guard():
            for parent, state, count in self._all(
                attention.CHILD_STATES, json.dumps([*execution_ids])
            ):
                found.setdefault(parent, {})[codec.execution_state(state)] = count
        return found

    def mission_names(self) -> list[str]:
        """Return the names of all missions that have run, including sub-missions, sorted."""
        with self._guard():
            names = "SELECT DISTINCT mission_name FROM execution ORDER BY mission_name"
            return [name for (name,) in self._all(names)]

    def latest_runs(self, mission_names: Iterable[str]) -> dict[str, Execution]:
        """Return the newest run of each mission by name; missions that never ran are left out.

        Runs as a sub-mission and runs of a subset of the steps do not count.
        """
        found: dict[str, Execution] = {}
        names = json.dumps([codec.text(name) for name in mission_names])
        with self._guard():
            for row in self._all(attention.LATEST_RUNS, names):
                execution = codec.execution_of(row)
                found[execution.mission_name] = execution
        return found

    def recent_outcomes(
        self, mission_names: Iterable[str], *, limit: int
    ) -> dict[str, list[RunOutcome]]:
        """Return how each mission's last runs stand, newest first; sub-missions do not count."""
        found: dict[str, list[RunOutcome]] = {}
        names = json.dumps([codec.text(name) for name in mission_names])
        with self._guard():
            for name, state, coverage in self._all(
                attention.RECENT_OUTCOMES, names=names, limit=limit
            ):
                outcome = RunOutcome(codec.execution_state(state), Coverage(coverage))
                found.setdefault(name, []).append(outcome)
        return found

    def unattended_failures(self, *, limit: int) -> list[Execution]:
        """Return what failed and nobody has retried or run again, newest first."""
        with self._guard():
            rows = self._all(attention.UNATTENDED_FAILURES, limit)
            return [codec.execution_of(row) for row in rows]

    def open_approvals(self, *, limit: int) -> list[TaskRun]:
        """Return the steps of all executions that wait for an approval, the oldest run's first."""
        with self._guard():
            rows = self._all(attention.OPEN_APPROVALS, limit)
            return [codec.task_run_of(row[0], row[1:]) for row in rows]

    def source_paths(self, *, limit: int) -> list[str]:
        """Return the distinct mission files that users ran, most recently run first."""
        with self._guard():
            return [path for (path,) in self._all(_SOURCE_PATHS, limit)]

    def children(self, execution_id: str) -> list[Execution]:
        """Return the direct sub-missions of an execution, oldest first."""
        with self._guard():
            rows = self._all(
                f"{_EXECUTION} WHERE parent_execution_id = ? ORDER BY id", execution_id
            )
            return [codec.execution_of(row) for row in rows]

    def find_run_key(self, workflow_id: str, run_key: str) -> Execution | None:
        """Return the execution that was started with this idempotency key, or None."""
        with self._guard():
            rows = self._all(
                f"{_EXECUTION} WHERE workflow_id = ? AND run_key = ?",
                workflow_id,
                codec.text(run_key),
            )
            return codec.execution_of(rows[0]) if rows else None

    def find_execution(self, reference: str, *, folder: str | None = None) -> Execution:
        """Resolve an id, `NAME#7`, a mission's name, a unique prefix, `@last` or `@last-failed`.

        With `folder`, `@last` and `@last-failed` prefer runs of mission files in or below that
        folder.
        """
        with self._guard():
            row_id = resolve(self._connection, reference, folder)
            return codec.execution_of(self._all(f"{_EXECUTION} WHERE id = ?", row_id)[0])

    def short_ids(self, execution_ids: Sequence[str]) -> dict[str, str]:
        """Return the shortest unique prefix (at least 8 characters) of each id."""
        with self._guard():
            return shorten(self._connection, execution_ids)

    def mission_source(self, digest: str) -> MissionSource:
        """Return the mission file with this digest; `NotFoundError`."""
        with self._guard():
            rows = self._all("SELECT name, format, content FROM mission WHERE digest = ?", digest)
            if not rows:
                raise NotFoundError(f"no mission file with the digest {digest} is stored")
            name, form, content = rows[0]
            return MissionSource(digest=digest, name=name, content=content, format=form)

    def request_outcome(self, request_id: int) -> RequestOutcome | None:
        """Return the outcome of a request, None while it is pending; `NotFoundError`."""
        with self._guard():
            rows = self._all("SELECT outcome, why FROM request WHERE id = ?", request_id)
        if not rows:
            raise NotFoundError(f"there is no request {request_id}")
        word, why = rows[0]
        if word is None:
            return None
        return RequestOutcome(request_id=request_id, done=word == "done", why=why)

    def cancels_under_way(self, execution_id: str) -> dict[str, int]:
        """Return the steps and items whose cancel a runner has taken and not finished, and when."""
        with self._guard():
            return dict(self._all(_CANCELS_UNDER_WAY, self._row_id(execution_id)))

    def claims(self) -> list[Claim]:
        """Return the claims on groups and mutexes, also those of runners that are dead."""
        with self._guard():
            return read_claims(self._connection)

    def lease(self, execution_id: str) -> Lease | None:
        """Return the current lease, live or expired, or None."""
        with self._guard():
            stored = read_lease(self._connection, execution_id)
            return None if stored is None or stored.owner is None else stored.lease

    # --- task runs and attempts --------------------------------------------------------------

    def task_runs(self, execution_id: str) -> list[TaskRun]:
        """Return all task runs in file order, with inputs, outputs and errors."""
        with self._guard():
            rows = self._all(
                f"{_TASK_RUN} WHERE id BETWEEN ? AND ? ORDER BY id", *self._range(execution_id)
            )
            return [codec.task_run_of(execution_id, row) for row in rows]

    def task_run(self, execution_id: str, task_id: str) -> TaskRun:
        """Return one task run; `NotFoundError` with similar step ids in the hint."""
        with self._guard():
            key = self._task_run_id(execution_id, task_id)
            return codec.task_run_of(execution_id, self._all(f"{_TASK_RUN} WHERE id = ?", key)[0])

    def task_runs_in(
        self, execution_id: str, states: frozenset[TaskState], *, limit: int
    ) -> list[TaskRun]:
        """Return the first task runs in these states in file order, as `task_runs` does."""
        with self._guard():
            rows = self._all(
                f"{_TASK_RUN} WHERE id BETWEEN ? AND ?"
                " AND state IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?",
                *self._range(execution_id),
                json.dumps([state.value for state in states]),
                limit,
            )
            return [codec.task_run_of(execution_id, row) for row in rows]

    def task_states(self, execution_id: str, *, after_seq: int = 0) -> tuple[int, list[TaskRun]]:
        """Return the newest seq, and the task runs changed by audit events after `after_seq`.

        Inputs and outputs are left out, and of errors all but the decisive line.
        """
        with self._guard(), self._snapshot():
            row_id = self._row_id(execution_id)
            first, last = self._range(execution_id)
            newest = self._number("SELECT coalesce(max(seq), 0) FROM event")
            if after_seq <= 0:
                rows = self._all(f"{_TASK_STATE} WHERE id BETWEEN ? AND ? ORDER BY id", first, last)
            elif after_seq >= newest:
                rows = []
            elif self._all(_EXPANDED, execution=row_id, after=after_seq):
                rows = self._all(
                    _CHANGED_AND_ITEMS, execution=row_id, after=after_seq, first=first, last=last
                )
            else:
                rows = self._all(_CHANGED, execution=row_id, after=after_seq)
            found = [codec.task_run_of(execution_id, row) for row in rows]
            self._positions.setdefault(row_id, {}).update((t.task_id, t.position) for t in found)
            return newest, found

    def earlier_task_runs(
        self, execution_id: str, task_id: str, *, states: Sequence[TaskState] = (), limit: int
    ) -> list[TaskRun]:
        """Return the step's task runs in earlier executions of its mission, newest first."""
        with self._guard(), self._snapshot():
            key = self._task_run_id(execution_id, task_id)
            task = codec.task_run_of(execution_id, self._all(f"{_TASK_STATE} WHERE id = ?", key)[0])
            row_id = key >> POSITION_BITS
            ((name, digest),) = self._all(
                "SELECT mission_name, mission_digest FROM execution WHERE id = ?", row_id
            )
            query = HistoryQuery(
                row_id=row_id,
                mission_name=name,
                mission_digest=digest,
                task=task,
                states=[state.value for state in states],
                limit=limit,
            )
            return earlier_task_runs(self._connection, query)

    def attempts(self, execution_id: str, task_id: str | None = None) -> list[Attempt]:
        """Return attempts ordered by step position and number."""
        with self._guard():
            if task_id is None:
                first, last = self._range(execution_id)
            else:
                first = last = self._task_run_id(execution_id, task_id)
            rows = self._all(_ATTEMPT, first, last)
            return [codec.attempt_of(execution_id, row[0], row[1:]) for row in rows]

    # --- history -----------------------------------------------------------------------------

    def state_changes(self, execution_id: str, task_id: str | None = None) -> list[StateChange]:
        """Return transitions in order, of the execution or of one step and its attempts."""
        with self._guard():
            row_id = self._row_id(execution_id)
            if task_id is None:
                rows = self._all(
                    f"{_CHANGES} AND {_WITHIN} ORDER BY seq", execution=row_id, after=0
                )
            else:
                key = self._task_run_id(execution_id, task_id)
                rows = self._all(f"{_CHANGES} AND event.task_run = ? ORDER BY seq", key)
            return [change for row in rows for change in history.changes_in(execution_id, *row)]

    def audit_events(
        self, *, after_seq: int = 0, execution_id: str | None = None, limit: int = 1000
    ) -> list[AuditEvent]:
        """Return audit events in order."""
        with self._guard():
            if execution_id is None:
                rows = self._all(f"{_EVENTS} WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit)
            else:
                row_id = self._row_id(execution_id)
                rows = self._all(
                    f"{_EVENTS} WHERE {_WITHIN} ORDER BY seq LIMIT :limit",
                    execution=row_id,
                    after=after_seq,
                    limit=limit,
                )
            return [codec.audit_event_of(*row) for row in rows]

    def step_events(self, execution_id: str, task_id: str) -> list[AuditEvent]:
        """Return the audit events of one step and its attempts in order."""
        with self._guard():
            key = self._task_run_id(execution_id, task_id)
            rows = self._all(f"{_EVENTS} WHERE task_run = ? ORDER BY seq", key)
            return [codec.audit_event_of(*row) for row in rows]

    # --- logs --------------------------------------------------------------------------------

    def logs(self, query: LogQuery) -> Iterator[tuple[int, LogEntry]]:
        """Yield (chunk row id, entry) in order of arrival, reading a bounded part at a time.

        `search` ignores case. A line in progress is returned once it or its attempt has ended.
        """
        with self._guard():
            task_run = None
            if query.task_id is not None:
                task_run = self._task_run_id(query.execution_id, query.task_id)
            execution = self._row_id(query.execution_id)
            some = [self._task_run_id(query.execution_id, one) for one in sorted(query.task_ids)]
            found = LogReader(self._connection, query, execution, task_run, tuple(some))
            yield from found.read()

    def dropped_bytes(self, query: LogQuery) -> int:
        """Return how many bytes of the ended attempts asked for their output limit dropped."""
        with self._guard():
            first, last = self._range(query.execution_id)
            if query.task_id is not None:
                first = last = self._task_run_id(query.execution_id, query.task_id)
            some = [self._task_run_id(query.execution_id, one) for one in query.task_ids]
            rows = self._all(
                _DROPPED_BYTES,
                first=first,
                last=last,
                attempt=query.attempt,
                until=query.until,
                step=query.task_id,
                steps=json.dumps(some),
            )
            found: int = rows[0][0]
            return found

    def unfinished_lines(self, query: LogQuery) -> list[LogEntry]:
        """Return the lines in progress of the step's running attempt, at most one per stream."""
        if query.task_id is None:
            return []
        with self._guard():
            task_run = self._task_run_id(query.execution_id, query.task_id)
            execution = self._row_id(query.execution_id)
            return LogReader(self._connection, query, execution, task_run).unfinished()

    def close(self) -> None:
        """Release the connection. Idempotent."""
        self._connection.close()

    # --- helpers -----------------------------------------------------------------------------

    def _all(self, sql: str, *values: Any, **named: Any) -> list[Any]:
        return self._connection.execute(sql, named or values).fetchall()

    def _number(self, sql: str) -> int:
        with self._guard():
            found: int = self._connection.execute(sql).fetchone()[0]
            return found

    def _row_id(self, execution_id: str) -> int:
        found = self._row_ids.get(execution_id)
        if found is None:
            rows = self._all("SELECT id FROM execution WHERE execution_id = ?", execution_id)
            if not rows:
                raise NotFoundError(f"there is no execution {execution_id!r}")
            found = self._row_ids[execution_id] = rows[0][0]
        return found

    def _range(self, execution_id: str) -> tuple[int, int]:
        """Return the first and last row id that task runs of an execution can have."""
        first = self._row_id(execution_id) << POSITION_BITS
        return first, first + (1 << POSITION_BITS) - 1

    def _task_run_id(self, execution_id: str, task_id: str) -> int:
        row_id = self._row_id(execution_id)
        position = self._positions.get(row_id, {}).get(task_id)
        if position is not None:
            return (row_id << POSITION_BITS) + position
        rows = self._all(
            "SELECT id FROM task_run WHERE id BETWEEN ? AND ? AND task_id = ?",
            *self._range(execution_id),
            codec.text(task_id),
        )
        if rows:
            found: int = rows[0][0]
            return found
        names = self._all(
            "SELECT task_id FROM task_run WHERE id BETWEEN ? AND ?", *self._range(execution_id)
        )
        raise NotFoundError(
            f"the execution has no step {task_id!r}",
            hint=did_you_mean(task_id, (name for (name,) in names)),
        )

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Let several statements see the same commit; keep it short, or the WAL cannot be reset."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Turn errors of SQLite, and those over invalid records, into `UnavailableError`."""
        try:
            yield
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise UnavailableError(
                f"the database {self._path} holds a record that cannot be read "
                f"({type(error).__name__}: {error})",
                hint="`mission audit verify` reports what was changed",
            ) from error
