"""What all queries share: the connection, row ids, snapshots, and errors in the port's words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import NotFoundError, UnavailableError
from core.value.suggestion import did_you_mean
from storage.file.connection import unavailable
from storage.rows import codec
from storage.rows.codec import POSITION_BITS


class RowReader:
    """Base of the parts of the reader. Used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path.absolute()
        self._row_ids: dict[str, int] = {}
        self._positions: dict[int, dict[str, int]] = {}
        """Positions of task runs by execution row id and step id; a position never changes."""

    def close(self) -> None:
        """Release the connection. Idempotent."""
        self._connection.close()

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
