"""Assembles output into log chunks: whole lines where possible, counts, numbers and a digest.

Writes the format that `core.output.log_format` reads. Knows no caps and no processes. Belongs to
the event loop's thread and never blocks.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from core.domain.records import LogLevel, LogStream
from core.output.log_digest import LogDigest
from core.output.log_format import LINE_LIMIT_BYTES
from core.ports.journal import LogChunk, LogSegment

CHUNK_BYTES = 64 * 1024
FLUSH_SECONDS = 0.05
"""A chunk is emitted when it has `CHUNK_BYTES`, or this long after its first byte."""

HOLD_SECONDS = 0.25
"""An unfinished line, such as a prompt or a progress bar, is emitted within this time."""

MERGE_NS = 5_000_000
"""Output of one origin that arrives within this time shares a segment, and so a timestamp."""

_MAX_SEGMENTS = 512


class Origin(Struct):
    """Where bytes came from, and when: a segment without its lengths."""

    at: int
    stream: LogStream
    level: LogLevel
    source: str

    def is_like(self, other: "Origin") -> bool:
        """Tell whether later bytes, of `other`, may share a segment with these."""
        return (
            self.stream is other.stream
            and other.at - self.at <= MERGE_NS
            and self.level is other.level
            and self.source == other.source
        )


class _Run(Struct):
    """A segment that is still growing."""

    origin: Origin
    length: int
    lines: int


class _Line(Struct):
    """A stream's unfinished line: its bytes not emitted yet, and its whole length."""

    origin: Origin
    held: bytearray
    length: int


class Chunker:
    """Makes the chunks of one attempt and gives them to `emit`, in order, each under 192 KiB.

    An unfinished line is held back until it ends, grows to the line limit, or has waited for
    `HOLD_SECONDS`. So most chunks hold whole lines, and lines of two streams are not mixed.
    """

    def __init__(
        self,
        *,
        execution_id: str,
        task_id: str,
        attempt: int,
        emit: Callable[[LogChunk], None],
        line_limit: int = LINE_LIMIT_BYTES,
    ) -> None:
        self._execution_id = execution_id
        self._task_id = task_id
        self._attempt = attempt
        self._emit = emit
        self._line_limit = line_limit
        self._lines: dict[LogStream, _Line] = {}
        self._runs: list[_Run] = []
        self._data: list[bytes] = []
        self._size = 0
        self._flush_timer: asyncio.TimerHandle | None = None
        self._hold_timer: asyncio.TimerHandle | None = None
        self._chunks = 0
        self._digest: LogDigest | None = None
        self.entries = 0
        """Entries in the chunks emitted so far."""
        self.bytes = 0
        """Bytes in the chunks emitted so far."""

    @property
    def digest(self) -> str | None:
        """The digest (see `log_digest`) of the chunks emitted so far, None before the first."""
        return None if self._digest is None else self._digest.text

    def add(self, origin: Origin, data: bytes) -> None:
        """Add bytes of one stream."""
        limit = self._line_limit
        for start in range(0, len(data), limit):
            self._keep(origin, data[start : start + limit] if len(data) > limit else data)

    def end_lines(self, at: int) -> None:
        """End every unfinished line, as at the end of the output."""
        self._emit_held()
        for line in self._lines.values():
            origin = line.origin
            self._append(Origin(at, origin.stream, origin.level, origin.source), b"", 1)
        self._lines.clear()

    def flush(self) -> None:
        """Emit everything except unfinished lines."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if not self._runs:
            return
        data = b"".join(self._data)
        segments = tuple(
            LogSegment(
                run.origin.at,
                run.origin.stream,
                run.origin.level,
                run.origin.source,
                run.length,
                run.lines,
            )
            for run in self._runs
        )
        self._runs, self._data, self._size = [], [], 0
        first_seq = self.entries + 1
        self._chunks += 1
        if self._digest is None:
            self._digest = LogDigest(self._execution_id, self._task_id, self._attempt)
        self._digest.add(self._chunks, first_seq, segments, data)
        self.bytes += len(data)
        self.entries += sum(segment.lines for segment in segments)
        self._emit(
            LogChunk(
                execution_id=self._execution_id,
                task_id=self._task_id,
                attempt=self._attempt,
                chunk=self._chunks,
                first_seq=first_seq,
                segments=segments,
                data=data,
            )
        )

    def close(self, at: int) -> None:
        """End all lines and emit everything."""
        self.end_lines(at)
        self.flush()
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None

    def _keep(self, origin: Origin, data: bytes) -> None:
        """Add at most `line_limit` bytes, so that only the first line can exceed the limit."""
        limit = self._line_limit
        line = self._lines.get(origin.stream)
        before = 0 if line is None else line.length
        end = data.rfind(b"\n") + 1
        if end:
            lines = data.count(b"\n") + max(0, before + data.find(b"\n") - 1) // limit
            length = len(data) - end
        else:
            lines = (before + len(data) - 1) // limit
            length = before + len(data) - lines * limit
            end = len(data) if lines else 0
        if end:
            if line is not None and line.held:
                self._append(origin, bytes(line.held), 0)
                line.held.clear()
            self._append(origin, data if end == len(data) else data[:end], lines)
        if not length:
            self._lines.pop(origin.stream, None)
        elif line is None:
            self._lines[origin.stream] = _Line(origin, bytearray(data[end:]), length)
        else:
            line.origin = origin
            line.held += data[end:]
            line.length = length
        if length and self._hold_timer is None:
            loop = asyncio.get_running_loop()
            self._hold_timer = loop.call_later(HOLD_SECONDS, self._on_hold_timer)

    def _append(self, origin: Origin, data: bytes, lines: int) -> None:
        last = self._runs[-1] if self._runs else None
        if last is not None and data and last.length and last.origin.is_like(origin):
            last.length += len(data)
            last.lines += lines
        else:
            self._runs.append(_Run(origin, len(data), lines))
        if data:
            self._data.append(data)
            self._size += len(data)
        if self._size >= CHUNK_BYTES or len(self._runs) >= _MAX_SEGMENTS:
            self.flush()
        elif self._flush_timer is None:
            loop = asyncio.get_running_loop()
            self._flush_timer = loop.call_later(FLUSH_SECONDS, self._on_flush_timer)

    def _emit_held(self) -> None:
        for line in self._lines.values():
            if line.held:
                self._append(line.origin, bytes(line.held), 0)
                line.held.clear()

    def _on_flush_timer(self) -> None:
        self._flush_timer = None
        self.flush()

    def _on_hold_timer(self) -> None:
        self._hold_timer = None
        self._emit_held()
        self.flush()
