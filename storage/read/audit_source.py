"""The stored audit log as verification reads it: unmodified values in one consistent view.

Ids of executions and steps are read through a join, so that an edited id in their tables is found.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.audit.format.anchor_record import AUDIT_ANCHORED
from core.audit.verify import source
from core.audit.verify.source import OutputChunk, Record, Row
from core.errors import UnavailableError
from core.ports.journal import LogSegment
from storage.file.connection import (
    open_readonly,
    primary_code,
    unavailable,
    unreadable_text,
)
from storage.file.file_format import SCHEMA_VERSION
from storage.file.integrity.file_check import broken_references, find_page_damage
from storage.file.integrity.schema_check import schema_differences
from storage.rows.codec import POSITION_BITS, names
from storage.rows.segment import (
    SEGMENT_COLUMNS,
    open_streams,
    pack_segments,
    segment_columns,
    unpack_segments,
)

# ruff: noqa: S608 - statements are put together from constants of this package alone

_PAGE_ROWS = 500
_NO_TEXT = "Could not decode to UTF-8"
"""In the message of the error that `sqlite3` raises for such a text."""
_ROWS = """
SELECT event.seq, event.event_id, event.ts, event.type, event.actor, event.target,
  execution.execution_id, event.exec_seq, task_run.task_id, event.attempt, event.body, event.hash
FROM event
LEFT JOIN execution ON execution.id = event.execution
LEFT JOIN task_run ON task_run.id = event.task_run AND task_run.execution = event.execution
"""
_EXECUTION = (*source.EXECUTION, *source.SUB_CHAIN)
_DERIVED = (*SEGMENT_COLUMNS, "open_streams")
_CHUNK = ("execution_id", "row", "chunk", "first_seq", "data", *_DERIVED)
_OUTPUT = f"""
SELECT execution.execution_id, log_chunk.id, chunk, first_seq, data, {names(_DERIVED)}, segments
FROM log_chunk LEFT JOIN execution ON execution.id = log_chunk.execution
WHERE task_run = ? AND attempt = ? ORDER BY chunk
"""
_WITH_OUTPUT = """
SELECT task_run.task_id, found.attempt FROM
(SELECT DISTINCT task_run, attempt FROM log_chunk WHERE task_run BETWEEN ? AND ?) AS found
LEFT JOIN task_run ON task_run.id = found.task_run
"""
_ROWS_AFTER_PRUNING = """
SELECT event.seq, event.event_id, event.ts, event.type, event.actor, event.target,
  coalesce(execution.execution_id, prune.execution_id), event.exec_seq, task_run.task_id,
  event.attempt, event.body, event.hash
FROM event
LEFT JOIN execution ON execution.id = event.execution
LEFT JOIN prune ON prune.execution = event.execution AND prune.kind = 'executions'
LEFT JOIN task_run ON task_run.id = event.task_run AND task_run.execution = event.execution
WHERE event.seq > ?
UNION ALL
SELECT seq, NULL, NULL, NULL, NULL, NULL, execution, NULL, NULL, NULL, NULL, hash
FROM pruned_event WHERE seq > ?
ORDER BY 1
"""
_PRUNES = """
SELECT seq, body FROM event WHERE seq IN (SELECT DISTINCT seq FROM prune) ORDER BY seq
"""
_ANCHORS = """
SELECT seq, body FROM event WHERE execution IS NULL AND type = ? ORDER BY seq DESC LIMIT ?
"""
_PRUNE_ROWS = "SELECT execution, kind, execution_id, seq FROM prune ORDER BY execution, kind"
_GAPS = """
SELECT id + 1, following - 1
FROM (SELECT id, lead(id) OVER (ORDER BY id) AS following FROM log_chunk)
WHERE following > id + 1
"""
_NUMBERING = "SELECT count(*), min(id), max(id) FROM log_chunk"
_TOTALS = """
SELECT coalesce(sum(lines), 0), coalesce(max(at_last), 0) FROM log_chunk
WHERE task_run BETWEEN ? AND ?
"""
_ATTEMPT_COLUMNS = ", ".join(
    "task_run.task_id" if name == "task_id" else f"attempt.{name}" for name in source.ATTEMPT
)


class SqliteChainSource:
    """Implements `core.audit.verify.source.ChainSource` over a read transaction of its own.

    `vkeys` are the keys that the user trusts, `revoked` those that were revoked, each with the
    reason; they never come from the file. Close it soon: while
    it is open, the WAL cannot be reset.
    """

    def __init__(
        self, path: Path, vkeys: Sequence[str], revoked: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Open the database; `UnavailableError` when it cannot be read at all."""
        self._path = path
        self._vkeys = tuple(vkeys)
        self._revoked = tuple(revoked)
        self._connection = open_readonly(path)
        self._connection.execute("BEGIN")
        self._task_runs: tuple[str, dict[object, object]] | None = None

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield (field, message) of what is wrong with the file itself.

        Without its tables nothing else can be read, and their absence is all that is reported.
        """
        self._connection.text_factory = _escaped
        try:
            differences = list(schema_differences(self._connection, SCHEMA_VERSION))
            for kind, text in differences:
                yield "tables" if kind in ("table", "view") else "schema", text
            if any(kind in ("table", "view") for kind, _ in differences):
                return
            yield from (("file", text) for text in find_page_damage(self._connection))
            yield from (("file", text) for text in broken_references(self._connection))
        except sqlite3.Error as error:
            if primary_code(error) != sqlite3.SQLITE_CORRUPT:
                raise unavailable(error, self._path) from error
            yield "file", f"a page cannot be read: {error}"
        except UnicodeDecodeError as error:
            yield "file", f"it holds text that is not UTF-8: {error}"
        finally:
            self._connection.text_factory = str

    @property
    def event_count(self) -> int:
        """The number of the last event: how many there are, if none is missing."""
        with suppress(UnavailableError):  # what cannot be read is for `problems` to say
            found = self._value("SELECT max(seq) FROM event")
            return found if isinstance(found, int) else 0
        return 0

    def meta(self) -> Record:
        """Return what is stored beside the chain."""
        return dict(self._each("SELECT key, value FROM meta"))

    def rows(self, *, after: int = 0) -> Iterator[Row]:
        """Yield all events behind `after` by `seq`, a bounded part in memory at a time."""
        if self._value("SELECT EXISTS (SELECT 1 FROM prune)"):
            return self._each(_ROWS_AFTER_PRUNING, max(after, 0), max(after, 0))
        if after <= 0:
            return self._each(f"{_ROWS} ORDER BY event.seq")
        return self._each(f"{_ROWS} WHERE event.seq > ? ORDER BY event.seq", after)

    def anchors(self, limit: int) -> Iterator[tuple[object, object]]:
        """Yield (seq, body) of the last events `audit.anchored`, `limit` of them at most."""
        return self._each(_ANCHORS, AUDIT_ANCHORED, limit, page=4)

    def prunes(self) -> Iterator[tuple[object, object]]:
        """Yield (seq, body) of the events that the table `prune` refers to."""
        return self._each(_PRUNES, page=4)

    def prune_rows(self) -> Iterator[tuple[object, object, object, object]]:
        """Yield what the table `prune` says."""
        return self._each(_PRUNE_ROWS)

    def output_gaps(self) -> Iterator[tuple[int, int]]:
        """Yield the gaps between the rows of stored output."""
        count, first, last = self._row(_NUMBERING)
        if count and last - first + 1 != count:
            yield from self._each(_GAPS)

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

    def checkpoints(self, *, after: int = 0) -> Iterator[tuple[object, object]]:
        """Yield (size, note) of every signed checkpoint of more than `after` events, by size."""
        if after <= 0:
            return self._each("SELECT size, note FROM checkpoint ORDER BY size")
        return self._each("SELECT size, note FROM checkpoint WHERE size > ? ORDER BY size", after)

    def last_checkpoint(self) -> tuple[object, object] | None:
        """Return (size, note) of the checkpoint with the greatest size, or None."""
        row = self._row("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return None if row is None else (row[0], row[1])

    def vkeys(self) -> Iterable[str]:
        """Return the trusted public keys given on opening."""
        return self._vkeys

    def revoked_vkeys(self) -> Iterable[tuple[str, str]]:
        """Return the revoked public keys given on opening."""
        return self._revoked

    def missions(self) -> Iterator[Record]:
        """Yield every stored mission file."""
        rows = self._each(f"SELECT {names(source.MISSION)} FROM mission ORDER BY digest", page=16)
        return (dict(zip(source.MISSION, row, strict=True)) for row in rows)

    def last_run_numbers(self) -> Iterator[tuple[object, object]]:
        """Yield (workflow id, last run number) of every workflow."""
        return self._each("SELECT workflow_id, last FROM run_number")

    def execution_ids(self) -> Iterator[object]:
        """Yield the id of every stored execution."""
        return (row[0] for row in self._each("SELECT execution_id FROM execution ORDER BY id"))

    def execution(self, execution_id: str) -> Record | None:
        """Return an execution's record, or None."""
        row = self._row(
            f"SELECT {names(_EXECUTION)} FROM execution WHERE execution_id = ?", execution_id
        )
        return None if row is None else dict(zip(_EXECUTION, row, strict=True))

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

    def attempts_with_output(self, execution_id: str) -> Iterator[tuple[object, object]]:
        """Yield (step, attempt) of all stored output of an execution."""
        return self._each(_WITH_OUTPUT, *self._range(execution_id))

    def output(self, execution_id: str, task_id: str, attempt: int) -> Iterator[OutputChunk]:
        """Yield the stored output of one attempt in order of `chunk`."""
        left_open: int | None = 0
        key = self._task_run(execution_id, task_id)
        for *columns, packed in self._each(_OUTPUT, key, attempt, page=16):
            stored = dict(zip(_CHUNK, columns, strict=True))
            segments = _unpacked(packed)
            derived: dict[str, object] = {}
            data = stored["data"]
            if segments is not None and isinstance(data, bytes):
                derived.update(zip(SEGMENT_COLUMNS, segment_columns(segments), strict=True))
                if left_open is not None:
                    left_open = open_streams(segments, data, left_open)
                    derived["open_streams"] = left_open
            else:
                left_open = None
            yield OutputChunk(columns=stored, segments=segments, derived=derived)

    def output_totals(self, execution_id: str) -> tuple[object, object]:
        """Return the number of entries in an execution's stored output and its latest instant."""
        entries, latest = self._row(_TOTALS, *self._range(execution_id))
        return entries, latest

    def close(self) -> None:
        """End the read transaction. Idempotent."""
        self._connection.close()

    def _each(self, sql: str, *values: Any, page: int = _PAGE_ROWS) -> Iterator[Any]:
        done = 0
        try:
            while True:
                try:
                    cursor = self._connection.execute(sql, values)
                    for _ in range(done):
                        next(cursor, None)
                    while rows := cursor.fetchmany(page):
                        done += len(rows)
                        yield from rows
                except sqlite3.OperationalError as error:
                    if self._connection.text_factory is not str or _NO_TEXT not in str(error):
                        raise
                    # Read on from there with all bytes kept. That takes Python code for each
                    # text, a tenth of the whole verification, so it is not done from the start.
                    self._connection.text_factory = _escaped
                else:
                    return
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error
        except UnicodeDecodeError as error:
            raise unreadable_text(error, self._path) from error

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


def _escaped(data: bytes) -> str:
    """Return text with the bytes that are not UTF-8 kept as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def _unpacked(packed: object) -> tuple[LogSegment, ...] | None:
    """Return segments whose packed form is exactly this, None if there are none."""
    if isinstance(packed, bytes):
        with suppress(UnavailableError):
            segments = unpack_segments(packed)
            return segments if pack_segments(segments) == packed else None
    return None
