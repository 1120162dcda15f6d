"""Reads committed records over a read-only connection; never blocks a writer."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from core.domain.records import LogEntry
from core.errors import UnavailableError
from core.ports.reader import LogQuery
from storage.file.connection import ImmutableConnection, has_log, open_readonly
from storage.file.file_identity import file_identity_of
from storage.read.event_reader import EventReader
from storage.read.executions.execution_reader import ExecutionReader
from storage.read.log_reader import LogReader
from storage.read.step_reader import StepReader

_DROPPED_BYTES = """
SELECT ifnull(sum(log_dropped_bytes), 0) FROM attempt
WHERE task_run BETWEEN :first AND :last AND attempt = ifnull(:attempt, attempt)
AND ended_at <= ifnull(:until, ended_at)
AND (:step IS NOT NULL OR :steps = '[]' OR task_run IN (SELECT value FROM json_each(:steps)))
"""


def open_reader(path: Path) -> "SqliteReader":
    """Open the database read-only.

    Raises `UnavailableError` when it is missing, damaged, not a Mission Deck database, or of
    another version.
    """
    return SqliteReader(open_readonly(path), path)


class SqliteReader(ExecutionReader, StepReader, EventReader):
    """Implements `core.ports.Reader`. Used by one thread at a time.

    Any method raises `UnavailableError` when the file cannot be read or holds invalid records.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(connection, path)
        self._file_identity = file_identity_of(path)

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
