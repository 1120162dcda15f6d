"""Reads executions, the files and requests that belong to them, leases and claims."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.domain.mission import MissionSource
from core.domain.records import Execution, TaskRun
from core.domain.states import Coverage, ExecutionState
from core.errors import NotFoundError
from core.ports.claims import Claim
from core.ports.control import Lease, RequestOutcome
from core.ports.execution_query import NEWEST, ExecutionQuery
from core.ports.reader import RunOutcome
from storage.read.executions import attention, execution_sql
from storage.read.executions.reference import resolve, shorten
from storage.read.row_reader import RowReader
from storage.rows import codec
from storage.rows.claim import read_claims
from storage.rows.lease import read_lease

# ruff: noqa: S608 - statements are put together from constants of this package alone

_EXECUTION = f"SELECT {codec.names(codec.EXECUTION)} FROM execution"
_CANCELS_UNDER_WAY = """
SELECT task_id, min(taken_at) FROM request WHERE execution = ? AND outcome IS NULL
AND kind = 'cancel_step' AND taken_at IS NOT NULL AND task_id IS NOT NULL GROUP BY task_id
"""
_SOURCE_PATHS = """
SELECT source_path FROM execution
WHERE parent_execution_id IS NULL AND source_path IS NOT NULL
GROUP BY source_path ORDER BY max(id) DESC LIMIT ?
"""


class ExecutionReader(RowReader):
    """The part of the reader that is about executions as wholes."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(connection, path)
        execution_sql.add_functions(connection)

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
