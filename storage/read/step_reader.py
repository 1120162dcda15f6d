"""Reads task runs and attempts: all of an execution, one step, or what has changed."""

import json
from collections.abc import Sequence

from core.domain.events import StepExpanded
from core.domain.records import Attempt, TaskRun
from core.domain.states import TaskState
from storage.read.event_reader import WITHIN_EXECUTION
from storage.read.row_reader import RowReader
from storage.read.step_history import HistoryQuery, earlier_task_runs
from storage.rows import codec
from storage.rows.codec import POSITION_BITS

# ruff: noqa: S608 - statements are put together from constants of this package alone

_TASK_RUN = f"SELECT {codec.names(codec.TASK_RUN_READ + codec.TASK_RUN_DATA)} FROM task_run"
_TASK_STATE = f"SELECT {codec.names(codec.TASK_RUN_READ + codec.TASK_RUN_FAILURE)} FROM task_run"
_ATTEMPT = f"""
SELECT task_run.task_id, {codec.names(codec.ATTEMPT, "attempt.")}
FROM attempt JOIN task_run ON task_run.id = attempt.task_run
WHERE attempt.task_run BETWEEN ? AND ? ORDER BY attempt.task_run, attempt.attempt
"""
_CHANGED = f"""
{_TASK_STATE} WHERE id IN (
  SELECT task_run FROM event WHERE {WITHIN_EXECUTION} AND task_run IS NOT NULL
) ORDER BY id
"""
_EXPANDED = f"""
SELECT 1 FROM event WHERE {WITHIN_EXECUTION} AND type = '{StepExpanded.type}' LIMIT 1
"""
_CHANGED_AND_ITEMS = f"""
WITH changed AS (
  SELECT task_run, max(type = '{StepExpanded.type}') AS expanded FROM event
  WHERE {WITHIN_EXECUTION} AND task_run IS NOT NULL GROUP BY task_run
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


class StepReader(RowReader):
    """The part of the reader that is about the steps of an execution."""

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
            ((name, digest, made_by),) = self._all(
                "SELECT mission_name, mission_digest, parent_task_id FROM execution WHERE id = ?",
                row_id,
            )
            query = HistoryQuery(
                row_id=row_id,
                mission_name=name,
                mission_digest=digest,
                task=task,
                made_by_item=made_by if made_by and "[" in made_by else None,
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
