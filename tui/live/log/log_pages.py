"""Queries on a log for the lookup's thread: pages before, after or around a line, whole logs.

A line is identified by the row id of its chunk, step, attempt and number. Chunk ids rise with
time, so earlier lines are found by probing lower ids.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from msgspec.structs import replace

from core.domain.records import LogEntry
from core.output.log_ends import first_lines, last_lines
from core.ports.reader import LogQuery, Reader
from tui.words.safe_text import clean

Line = tuple[int, LogEntry]
"""The row id of the chunk that an entry ends in, and the entry."""

Place = tuple[int, str, int, int]
"""What identifies a line: the row id of its chunk, step, attempt and number."""

PAGE_LINES = 1000
PAGE_CHARACTERS = 4_000_000
"""A page of long lines has fewer of them, but at least one."""


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive lines. `at` is the index of the requested line, if one was requested."""

    lines: list[Line]
    more_before: bool
    more_after: bool
    at: int = 0


def place_of(line: Line) -> Place:
    """Return the key that identifies a line."""
    chunk, entry = line
    return chunk, entry.task_id, entry.attempt, entry.seq


def read_tail(reader: Reader, query: LogQuery, count: int = PAGE_LINES) -> Page:
    """Return the last lines."""
    found = reader.logs(
        replace(query, after_chunk=0, tail=count + 1, tail_characters=2 * PAGE_CHARACTERS)
    )
    lines, is_cut = last_lines(found, count, PAGE_CHARACTERS)
    return Page(lines, is_cut, more_after=False)


def read_head(reader: Reader, query: LogQuery, count: int = PAGE_LINES) -> Page:
    """Return the first lines."""
    lines, is_cut = first_lines(_from(reader, query, 0), count, PAGE_CHARACTERS)
    return Page(lines, more_before=False, more_after=is_cut)


def read_before(reader: Reader, query: LogQuery, first: Line, count: int = PAGE_LINES) -> Page:
    """Return the lines before `first`."""
    place = place_of(first)
    reach = 2
    while True:
        start = max(0, first[0] - reach)
        before = takewhile(
            lambda line: place_of(line) != place and line[0] <= first[0],
            _from(reader, query, start),
        )
        lines, is_cut = last_lines(before, count, PAGE_CHARACTERS)
        if is_cut or start == 0:
            return Page(lines, is_cut, more_after=True)
        reach *= 4


def read_after(reader: Reader, query: LogQuery, last: Line, count: int = PAGE_LINES) -> Page:
    """Return the lines after `last`."""
    place = place_of(last)
    behind = (line for line in lines_from(reader, query, last) if place_of(line) != place)
    lines, is_cut = first_lines(behind, count, PAGE_CHARACTERS)
    return Page(lines, more_before=True, more_after=is_cut)


def read_around(reader: Reader, query: LogQuery, line: Line, count: int = PAGE_LINES) -> Page:
    """Return the lines around one line, whose index is `Page.at`.

    A line of a stream that is not asked for is left out; the index is then that of the next one.
    """
    before = read_before(reader, query, line, count // 2)
    after = read_after(reader, query, line, count // 2)
    is_asked_for = not query.streams or line[1].stream in query.streams
    return Page(
        [*before.lines, *([line] if is_asked_for else []), *after.lines],
        before.more_before,
        after.more_after,
        at=len(before.lines),
    )


def lines_from(reader: Reader, query: LogQuery, first: Line) -> Iterator[Line]:
    """Yield the lines from one of them on."""
    place, is_reached = place_of(first), False
    for line in _from(reader, query, max(0, first[0] - 1)):
        is_reached = is_reached or place_of(line) == place or line[0] > first[0]
        if is_reached:
            yield line


def _from(reader: Reader, query: LogQuery, chunk: int) -> Iterator[Line]:
    return reader.logs(replace(query, after_chunk=chunk, tail=None))


def whole_text(reader: Reader, query: LogQuery, *, as_json: bool) -> str:
    """Return a whole log as safe text, or as one JSON object per line."""
    if not as_json:
        return "\n".join(clean(entry.message) for _chunk, entry in reader.logs(query))
    return "\n".join(_as_json(entry) for _chunk, entry in reader.logs(query))


def write_log(reader: Reader, query: LogQuery, path: Path, *, is_safe: bool = False) -> int:
    """Write a whole log to a file, unfiltered or safe to show; return the number of lines."""
    lines = 0
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for _chunk, entry in reader.logs(query):
            file.write(f"{clean(entry.message) if is_safe else entry.message}\n")
            lines += 1
    return lines


def _as_json(entry: LogEntry) -> str:
    return json.dumps(
        {
            "execution_id": entry.execution_id,
            "task_id": entry.task_id,
            "attempt": entry.attempt,
            "seq": entry.seq,
            "timestamp": entry.timestamp,
            "level": entry.level.value,
            "source": entry.source,
            "stream": entry.stream.value,
            "message": entry.message,
        },
        ensure_ascii=False,
    )
