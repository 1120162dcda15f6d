"""The format of stored output: how log entries are read back from chunks and segments.

A chunk's data is the concatenated bytes of its segments. Each stream of an attempt (out,
err, sys) has its own unfinished line, so a segment of one stream in the middle of another's
line breaks nothing. An entry ends

- at a line feed (which is not part of it, nor is a carriage return before it);
- where its line has reached `LINE_LIMIT_BYTES` and the next byte is no line feed: a longer line
  becomes several entries, and no byte of it is lost;
- at a segment of length 0, which says that its stream ended without a line feed.

An entry belongs to the segment it ends in: that gives its time, level and source, and its number,
counted from the chunk's `first_seq`. A segment's `lines` is the number of entries that end in it.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from core.domain.records import LogEntry, LogStream
from core.ports.journal import LogChunk, LogSegment

LINE_LIMIT_BYTES = 64 * 1024
"""Bytes of one entry. Part of the format: another value reads old logs differently."""

DROPPED_NOTICE = "output limit reached"
"""The beginning of the system entry that replaces dropped output."""


class _Line(Struct):
    """An unfinished line: its bytes, its last segment, whether it goes on with a line cut off."""

    data: bytes
    segment: LogSegment
    is_rest: bool


class _Open(Struct):
    """The unfinished lines of one attempt, one per stream."""

    lines: dict[LogStream, "_Line"] = field(default_factory=dict)
    chunk: LogChunk | None = None
    next_seq: int = 1


class LineDecoder(Struct):
    """Decodes chunks into entries, keeping the unfinished lines of each attempt's streams.

    Feed it the chunks of an attempt in order; those of different attempts may be mixed. A follower
    keeps one decoder across its polls, so that a line split between chunks is decoded whole.
    """

    line_limit: int = LINE_LIMIT_BYTES
    _open: dict[tuple[str, str, int], _Open] = field(default_factory=dict)

    def feed(self, chunk: LogChunk) -> Iterator[LogEntry]:
        """Yield the entries that end in `chunk`, in order of arrival."""
        key = (chunk.execution_id, chunk.task_id, chunk.attempt)
        attempt = self._open.pop(key, None) or _Open()
        attempt.chunk = chunk
        attempt.next_seq = chunk.first_seq
        offset = 0
        for segment in chunk.segments:
            data = chunk.data[offset : offset + segment.length]
            offset += segment.length
            for line, is_rest in self._lines(attempt, segment, data):
                entry = _entry(chunk, segment, attempt.next_seq, line, is_rest=is_rest)
                attempt.next_seq += 1
                yield entry
        if attempt.lines:
            self._open[key] = attempt

    def unfinished(self) -> Iterator[LogEntry]:
        """Yield the unfinished lines, numbered as if they ended now.

        They belong to running attempts, or to attempts that were never sealed (runner lost).
        """
        for attempt in self._open.values():
            if attempt.chunk is not None:
                for seq, line in enumerate(attempt.lines.values(), attempt.next_seq):
                    yield _entry(attempt.chunk, line.segment, seq, line.data, is_rest=line.is_rest)

    def _lines(
        self, attempt: _Open, segment: LogSegment, data: bytes
    ) -> Iterator[tuple[bytes, bool]]:
        """Yield lines that end in a segment, and of each whether it is the rest of one."""
        open_line = attempt.lines.pop(segment.stream, None)
        held, is_rest = (b"", False) if open_line is None else (open_line.data, open_line.is_rest)
        if not data:
            yield held, is_rest
            return
        lines = (held + data).split(b"\n")
        last = lines.pop()
        for line in lines:
            yield from self._cut(line, is_rest)
            is_rest = False
        pieces = self._cut(last, is_rest)
        if last:
            piece, piece_is_rest = pieces.pop()
            attempt.lines[segment.stream] = _Line(piece, segment, piece_is_rest)
            yield from pieces

    def _cut(self, line: bytes, is_rest: bool) -> list[tuple[bytes, bool]]:
        limit = self.line_limit
        if len(line) <= limit:
            return [(line, is_rest)]
        starts = range(0, len(line), limit)
        return [(line[start : start + limit], is_rest or start > 0) for start in starts]


def entries(chunks: Iterable[tuple[int, LogChunk]]) -> Iterator[tuple[int, LogEntry]]:
    """Yield (chunk row id, entry) from (row id, chunk) in order of arrival.

    Unfinished lines are not among them; see `LineDecoder.unfinished`.
    """
    decoder = LineDecoder()
    for row_id, chunk in chunks:
        for entry in decoder.feed(chunk):
            yield row_id, entry


def text_of(line: bytes) -> str:
    """Return one line as text: invalid UTF-8 as U+FFFD, without a carriage return at its end."""
    return line.removesuffix(b"\r").decode("utf-8", "replace")


def _entry(
    chunk: LogChunk, segment: LogSegment, seq: int, line: bytes, *, is_rest: bool
) -> LogEntry:
    return LogEntry(
        execution_id=chunk.execution_id,
        task_id=chunk.task_id,
        attempt=chunk.attempt,
        seq=seq,
        timestamp=segment.at,
        level=segment.level,
        source=segment.source,
        stream=segment.stream,
        message=text_of(line),
        is_rest=is_rest,
    )
