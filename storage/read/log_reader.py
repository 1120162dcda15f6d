"""Reads log entries from stored chunks, holding a bounded part in memory at a time.

A chunk that cannot contain or split a wanted entry is skipped unread. This is safe because every
chunk records which streams it leaves in the middle of a line. When reading starts in the middle of
an attempt, it first goes back to where no wanted line is in progress.
"""

import json
import sqlite3
import sys
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import takewhile
from operator import itemgetter
from typing import Any

from msgspec import Struct, field

from core.domain.records import LogEntry, LogLevel
from core.domain.states import AttemptState
from core.output.log_ends import last_lines
from core.output.log_format import LineDecoder
from core.ports.journal import LogChunk, LogSegment
from core.ports.reader import LogQuery
from core.value.regex import Pattern, compile_pattern
from core.value.terminal_text import without_sequences, without_sequences_in
from storage.rows.segment import LEVEL_BIT, LEVELS, STREAM_BIT, unpack_segments

_PAGE_CHUNKS = 32
"""Chunks fetched at once: at most about 4 MB of output."""
_TAIL_CHUNKS = 1
_LINE_FEED = ord("\n")
_UNFINISHED_CHUNKS = 512
"""How many chunks are searched backwards for the start of a line in progress; of a line that began
earlier, only the end is returned."""
_COLUMNS = """
log_chunk.id, task_run.task_id, log_chunk.task_run, log_chunk.attempt, chunk, first_seq,
open_streams, segments, data
"""

Found = tuple[int, LogEntry]


class _Open(Struct):
    """How far one attempt has been read."""

    chunk: int
    row_id: int
    decoder: LineDecoder | None


class LogReader(Struct):
    """Answers one query: of one task run, else of `task_runs`, else of the whole execution."""

    connection: sqlite3.Connection
    query: LogQuery
    execution: int
    task_run: int | None
    task_runs: tuple[int, ...] = ()
    _streams: int = 0
    _levels: int = 0
    _needle: str = ""
    _raw_needle: bytes = b""
    _pattern: Pattern | None = None
    _open: dict[tuple[int, int], _Open] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Compute the bit sets of streams and levels, and the search text as bytes."""
        query = self.query
        self._streams = sum(STREAM_BIT[stream] for stream in query.streams or STREAM_BIT)
        lowest = LEVELS.index(query.min_level or LogLevel.DEBUG)
        self._levels = sum(LEVEL_BIT[level] for level in LEVELS[lowest:])
        self._needle = (query.search or "").lower()
        if self._needle.isascii():
            self._raw_needle = self._needle.encode()
        if query.pattern is not None:
            self._pattern = compile_pattern(query.pattern)

    def read(self) -> Iterator[Found]:
        """Yield (chunk row id, entry) in order of arrival."""
        ids = self._ids()
        if self.query.tail is None:
            return self._scan(ids)
        return iter(self._tail(ids, self.query.tail))

    def unfinished(self) -> list[LogEntry]:
        """Return the lines in progress of the newest requested attempt, if it is running.

        None at an instant of the past: how far a line had come then is not known.
        """
        if self.query.until is not None:
            return []
        rows = self.connection.execute(
            "SELECT id, attempt, open_streams & ? FROM log_chunk WHERE task_run = ? AND attempt ="
            " ifnull(?, (SELECT max(attempt) FROM log_chunk WHERE task_run = ?))"
            " ORDER BY chunk DESC LIMIT ?",
            (self._streams, self.task_run, self.query.attempt, self.task_run, _UNFINISHED_CHUNKS),
        ).fetchall()
        if not rows or not rows[0][2] or self._has_ended(self.task_run or 0, rows[0][1]):
            return []
        found = array("q", reversed([row[0] for row in takewhile(itemgetter(2), rows)]))
        place = _Open(0, 0, LineDecoder())
        for chunk in self._chunks(found):
            for _ in self._feed(place, chunk):
                pass  # complete lines: `read` returns them
        lines = () if place.decoder is None else place.decoder.unfinished()
        return [entry for entry in lines if self._is_wanted(entry)]

    def _tail(self, ids: Sequence[int], count: int) -> Sequence[Found]:
        """Return the last `count` entries, reading further back until there are as many."""
        window = _TAIL_CHUNKS
        characters = self.query.tail_characters
        while count > 0:
            found, is_cut = last_lines(
                self._scan(ids[-window:]), count, sys.maxsize if characters is None else characters
            )
            if is_cut or len(found) == count or window >= len(ids):
                return found
            window *= 4
        return ()

    # --- which chunks ------------------------------------------------------------------------

    def _ids(self) -> Sequence[int]:
        """Return the row ids of the chunks that may hold wanted entries, in order of arrival."""
        query = self.query
        where = ["execution = ?"] if self.task_run is None else ["task_run = ?"]
        values: list[Any] = [self.execution if self.task_run is None else self.task_run]
        if self.task_run is None and self.task_runs:
            where = ["task_run IN (SELECT value FROM json_each(?))"]
            values = [json.dumps(self.task_runs)]
        if query.attempt is not None:
            where.append("attempt = ?")
            values.append(query.attempt)
        if query.after_chunk:
            where.append("id > ?")
            values.append(query.after_chunk)
        if query.up_to_chunk is not None:
            where.append("id <= ?")
            values.append(query.up_to_chunk)
        if query.streams or query.min_level is not None or query.since is not None:
            where.append("((streams & ? AND levels & ? AND at_last >= ?) OR open_streams & ?)")
            values += (self._streams, self._levels, query.since or 0, self._streams)
        if query.until is not None:
            where.append("at_first <= ?")
            values.append(query.until)
        rows = self.connection.execute(
            f"SELECT id FROM log_chunk WHERE {' AND '.join(where)} ORDER BY id",  # noqa: S608 - constants
            values,
        )
        return array("q", (row[0] for row in rows.fetchall()))

    def _chunks(self, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(ids), _PAGE_CHUNKS):
            page = ids[start : start + _PAGE_CHUNKS]
            yield from self.connection.execute(
                f"SELECT {_COLUMNS} FROM log_chunk JOIN task_run ON task_run.id = task_run "  # noqa: S608 - constants
                f"WHERE log_chunk.id IN ({', '.join('?' * len(page))}) ORDER BY log_chunk.id",
                tuple(page),
            ).fetchall()

    def _cut_before(self, task_run: int, attempt: int, chunk: int) -> Sequence[int]:
        """Return the chunks before `chunk` that hold the start of a line it continues."""
        found: deque[int] = deque()
        rows = self.connection.execute(
            "SELECT id, open_streams & ? FROM log_chunk WHERE task_run = ? AND attempt = ? "
            "AND chunk < ? ORDER BY chunk DESC",
            (self._streams, task_run, attempt, chunk),
        )
        for row_id, left_open in rows:
            if not left_open:
                break
            found.appendleft(row_id)
        rows.close()
        return found

    # --- what is in them ---------------------------------------------------------------------

    def _scan(self, ids: Sequence[int]) -> Iterator[Found]:
        self._open.clear()
        for row in self._chunks(ids):
            row_id, _, task_run, attempt, number, *_ = row
            key = (task_run, attempt)
            before = self._open.get(key)
            if before is None or before.chunk + 1 != number:
                # skipped chunks left no wanted line unfinished, but earlier chunks may have
                before = _Open(number, row_id, None)
                earlier = () if self._open.get(key) else self._cut_before(*key, number)
                for cut in self._chunks(array("q", earlier)):
                    for _ in self._feed(before, cut):
                        pass  # these lines end before the requested range
                self._open[key] = before
            for entry in self._feed(before, row):
                if self._is_wanted(entry):
                    yield row_id, entry
        yield from self._unfinished()

    def _feed(self, place: _Open, row: tuple[Any, ...]) -> Iterator[LogEntry]:
        row_id, task_id, _, attempt, number, first_seq, left_open, segments, data = row
        place.chunk, place.row_id = number, row_id
        unpacked = unpack_segments(segments)
        if place.decoder is None:
            if not left_open and not self._may_hold(data) and _has_whole_lines(unpacked, data):
                return
            place.decoder = LineDecoder()
        yield from place.decoder.feed(
            LogChunk(
                execution_id=self.query.execution_id,
                task_id=task_id,
                attempt=attempt,
                chunk=number,
                first_seq=first_seq,
                segments=unpacked,
                data=data,
            )
        )
        if not left_open:
            place.decoder = None

    def _unfinished(self) -> Iterator[Found]:
        """Yield the unterminated last lines of attempts that have ended, such as lost ones."""
        for key, place in self._open.items():
            if place.decoder is None or not self._has_ended(*key):
                continue
            if self._is_last(*key, place.chunk):  # otherwise the rest was stored in the meantime
                for entry in place.decoder.unfinished():
                    if self._is_wanted(entry):
                        yield place.row_id, entry

    def _has_ended(self, task_run: int, attempt: int) -> bool:
        row = self.connection.execute(
            "SELECT state FROM attempt WHERE task_run = ? AND attempt = ?", (task_run, attempt)
        ).fetchone()
        return row is not None and row[0] != AttemptState.RUNNING.value

    def _is_last(self, task_run: int, attempt: int, chunk: int) -> bool:
        later = "SELECT 1 FROM log_chunk WHERE task_run = ? AND attempt = ? AND chunk > ? LIMIT 1"
        return self.connection.execute(later, (task_run, attempt, chunk)).fetchone() is None

    def _may_hold(self, data: bytes) -> bool:
        """Tell whether whole lines in `data` may hold what is searched for."""
        if self._pattern is None and not self._raw_needle:
            return True
        shown = without_sequences_in(data)
        if shown is None:
            return True
        if self._pattern is not None and not self._pattern.may_be_in(shown):
            return False
        return not self._raw_needle or self._raw_needle in shown.lower()

    def _is_wanted(self, entry: LogEntry) -> bool:
        query = self.query
        return (
            STREAM_BIT[entry.stream] & self._streams != 0
            and LEVEL_BIT[entry.level] & self._levels != 0
            and (query.since is None or entry.timestamp >= query.since)
            and (query.until is None or entry.timestamp <= query.until)
            and (
                (not self._needle and self._pattern is None)
                or self._is_found_in(without_sequences(entry.message))
            )
        )

    def _is_found_in(self, text: str) -> bool:
        return (not self._needle or self._needle in text.lower()) and (
            self._pattern is None or self._pattern.is_found_in(text)
        )


def _has_whole_lines(segments: Sequence[LogSegment], data: bytes) -> bool:
    """Tell whether the bytes of every line stand together: no stream interrupts another's line."""
    end, cut = 0, None
    for segment in segments:
        if cut is not None and segment.stream is not cut:
            return False
        end += segment.length
        if segment.length:
            cut = None if data[end - 1] == _LINE_FEED else segment.stream
    return True
