"""The stored audit log as verification reads it: unmodified values in one consistent view.

Ids of executions and steps are read through a join, so that an edited id in their tables is found.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core.audit.verify import source
from core.audit.verify.source import Record, Row
from storage.file.connection import open_readonly, unavailable
from storage.rows.codec import POSITION_BITS, names

# ruff: noqa: S608 - statements are put together from constants of this package alone

_PAGE_ROWS = 500
_ROWS = """
SELECT event.seq, event.event_id, event.ts, event.type, event.actor, event.target,
  execution.execution_id, event.exec_seq, task_run.task_id, event.attempt, event.body, event.hash
FROM event
LEFT JOIN execution ON execution.id = event.execution
LEFT JOIN task_run ON task_run.id = event.task_run
ORDER BY event.seq
"""
_ATTEMPT_COLUMNS = ", ".join(
    "task_run.task_id" if name == "task_id" else f"attempt.{name}" for name in source.ATTEMPT
)


class SqliteChainSource:
    """Implements `core.audit.verify.source.ChainSource` over a read transaction of its own.

    `vkeys` are the keys that the user trusts; they never come from the file. Close it soon: while
    it is open, the WAL cannot be reset.
    """

    def __init__(self, path: Path, vkeys: Sequence[str]) -> None:
        """Open the database; `UnavailableError` when it cannot be read at all."""
        self._path = path
        self._vkeys = tuple(vkeys)
        self._connection = open_readonly(path)
        # text that is not UTF-8 is passed on with its bytes preserved instead of raising an error
        self._connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        self._connection.execute("BEGIN")
        self._task_runs: tuple[str, dict[object, object]] | None = None

    def log_id(self) -> object:
        """Return the log's id as stored beside the chain, or None."""
        return self._value("SELECT value FROM meta WHERE key = 'log_id'")

    def rows(self) -> Iterator[Row]:
        """Yield all events in order of `seq`, a bounded part in memory at a time."""
        return self._each(_ROWS)

    def sub_chain(self, execution_id: str) -> Iterator[tuple[object, object]]:
        """Yield (body, hash) of one execution's events, in order."""
        return self._each(
            "SELECT event.body, event.hash FROM event "
            "JOIN execution ON execution.id = event.execution "
            "WHERE execution.execution_id = ? ORDER BY event.seq",
            execution_id,
        )

    def head(self) -> object:
        """Return the stored head, or None when there is none."""
        return self._value("SELECT data FROM head")

    def checkpoints(self) -> Iterator[tuple[object, object]]:
        """Yield (size, note) of every signed checkpoint in order of size."""
        return self._each("SELECT size, note FROM checkpoint ORDER BY size")

    def last_checkpoint(self) -> tuple[object, object] | None:
        """Return (size, note) of the checkpoint with the greatest size, or None."""
        row = self._row("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return None if row is None else (row[0], row[1])

    def vkeys(self) -> Iterable[str]:
        """Return the trusted public keys given on opening."""
        return self._vkeys

    def missions(self) -> Iterator[tuple[object, object]]:
        """Yield (digest, content) of every stored mission file."""
        return self._each("SELECT digest, content FROM mission ORDER BY digest", page=16)

    def execution_ids(self) -> Iterator[object]:
        """Yield the id of every stored execution."""
        return (row[0] for row in self._each("SELECT execution_id FROM execution ORDER BY id"))

    def execution(self, execution_id: str) -> Record | None:
        """Return an execution's record, or None."""
        row = self._row(
            f"SELECT {names(source.EXECUTION)} FROM execution WHERE execution_id = ?", execution_id
        )
        return None if row is None else dict(zip(source.EXECUTION, row, strict=True))

    def task_runs(self, execution_id: str) -> Iterator[Record]:
        """Yield an execution's task runs in order of position."""
        rows = self._each(
            f"SELECT {names(source.TASK_RUN)} FROM task_run WHERE id BETWEEN ? AND ? ORDER BY id",
            *self._range(execution_id),
        )
        return (dict(zip(source.TASK_RUN, row, strict=True)) for row in rows)

    def attempts(self, execution_id: str) -> Iterator[Record]:
        """Yield an execution's attempts by position and number."""
        rows = self._each(
            f"SELECT {_ATTEMPT_COLUMNS} FROM attempt "
            "LEFT JOIN task_run ON task_run.id = attempt.task_run "
            "WHERE attempt.task_run BETWEEN ? AND ? ORDER BY attempt.task_run, attempt.attempt",
            *self._range(execution_id),
        )
        return (dict(zip(source.ATTEMPT, row, strict=True)) for row in rows)

    def log_data(self, execution_id: str, task_id: str, attempt: int) -> Iterable[bytes]:
        """Yield the stored output of one attempt, chunk by chunk in order."""
        key = self._task_run(execution_id, task_id)
        rows = self._each(
            "SELECT data FROM log_chunk WHERE task_run = ? AND attempt = ? ORDER BY chunk",
            key,
            attempt,
            page=16,
        )
        return (row[0] for row in rows)

    def close(self) -> None:
        """End the read transaction. Idempotent."""
        self._connection.close()

    def _each(self, sql: str, *values: Any, page: int = _PAGE_ROWS) -> Iterator[Any]:
        try:
            cursor = self._connection.execute(sql, values)
            while rows := cursor.fetchmany(page):
                yield from rows
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error

    def _row(self, sql: str, *values: Any) -> Any:
        return next(self._each(sql, *values), None)

    def _value(self, sql: str, *values: Any) -> Any:
        row = self._row(sql, *values)
        return None if row is None else row[0]

    def _task_run(self, execution_id: str, task_id: str) -> object:
        """Return the row id of the first step with this id.

        Steps are looked up one by one and there is no index by step id, so all ids of an execution
        are read at once: otherwise verification would be quadratic in the number of steps.
        """
        if self._task_runs is None or self._task_runs[0] != execution_id:
            rows = self._each(
                "SELECT task_id, id FROM task_run WHERE id BETWEEN ? AND ? ORDER BY id DESC",
                *self._range(execution_id),
            )
            self._task_runs = (execution_id, dict(rows))
        return self._task_runs[1].get(task_id)

    def _range(self, execution_id: str) -> tuple[int, int]:
        key = self._value("SELECT id FROM execution WHERE execution_id = ?", execution_id)
        first = (key if isinstance(key, int) else -1) << POSITION_BITS
        return first, first + (1 << POSITION_BITS) - 1
