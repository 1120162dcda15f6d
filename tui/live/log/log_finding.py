"""Searches in a stored log for the lookup's thread, a slice at a time, and where output is missing.

A long log takes seconds to search; other queries get their turn between two slices.
"""

import time
from dataclasses import dataclass

from msgspec.structs import replace

from core.domain.records import LogStream
from core.output.log_format import DROPPED_NOTICE, LINE_LIMIT_BYTES
from core.ports.reader import LogQuery, Reader
from core.value.regex import compile_pattern
from tui.live.log.log_pages import Line, place_of
from tui.search.log_filter import LogWanted

SLICE_SECONDS = 0.04
"""How long a slice of a search takes, roughly."""
_FIRST_CHUNKS = 16
_QUICK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class FoundLines:
    """Matching lines in order, and the row id of the chunk up to which the log was searched."""

    lines: list[Line]
    searched_to: int


def last_chunk(reader: Reader, query: LogQuery) -> int:
    """Return the row id of the chunk that the last line of a log ends in, 0 for no lines."""
    return next((chunk for chunk, _entry in reader.logs(_whole(query, tail=1))), 0)


def find_lines(
    reader: Reader,
    query: LogQuery,
    wanted: LogWanted,
    *,
    after: int = 0,
    up_to: int,
    seconds: float = SLICE_SECONDS,
) -> FoundLines:
    """Search the chunks behind the row id `after`, up to one, for some time.

    Raises `PatternError` for a pattern that cannot be used, or is too large for the longest line.
    """
    if wanted.pattern:
        compile_pattern(wanted.pattern).require_lines_of(LINE_LIMIT_BYTES)
    query = replace(_whole(query), search=wanted.text or None, pattern=wanted.pattern or None)
    lines: list[Line] = []
    began = time.monotonic()
    chunks = _FIRST_CHUNKS
    while after < up_to:
        part_began = time.monotonic()
        end = min(up_to, after + chunks)
        lines.extend(reader.logs(replace(query, after_chunk=after, up_to_chunk=end)))
        after, now = end, time.monotonic()
        if now - began >= seconds:
            break
        if now - part_began < _QUICK_SECONDS:
            chunks *= 2
    return FoundLines(lines, after)


def find_gap(reader: Reader, query: LogQuery, after: Line | None = None) -> Line | None:
    """Return the line behind another that marks where output was dropped; None if there is none.

    Behind the last one the first one follows.
    """
    notices = replace(_whole(query), streams=frozenset({LogStream.SYSTEM}), search=DROPPED_NOTICE)
    gaps = list(reader.logs(notices))
    places = [place_of(gap) for gap in gaps]
    at = places.index(place_of(after)) + 1 if after and place_of(after) in places else 0
    return gaps[at % len(gaps)] if gaps else None


def _whole(query: LogQuery, tail: int | None = None) -> LogQuery:
    return replace(query, after_chunk=0, up_to_chunk=None, tail=tail)
