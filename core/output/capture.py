"""Captures the output of one attempt: the `OutputSink` that caps it and emits it as log chunks.

All output of attempts passes through here: what processes write and what steps log. No other module
makes log chunks of output, so what must hold of stored output is ensured here.

Knows nothing of processes or of the database. All methods belong to the event loop's thread, except
`log`, and none of them blocks.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping

from msgspec import Struct

from core.domain.mission import EMPTY
from core.domain.records import LogLevel, LogStream
from core.explain.process_text import counts_text
from core.output.chunker import CHUNK_BYTES, Chunker, Origin
from core.output.last_lines import Tail
from core.output.log_format import DROPPED_NOTICE, LINE_LIMIT_BYTES
from core.output.masker import MaskedStream, Masker
from core.ports.clock import Clock
from core.ports.executor import Census, Placement
from core.ports.journal import LogChunk

DEFAULT_LIMIT_BYTES = 10 * 1024 * 1024
"""Bytes kept of one attempt's output: its beginning and its end, half each."""

BACKLOG_LIMIT_BYTES = 8 * 1024 * 1024
"""Backpressure: above this many bytes queued for the disk, writers wait for it to halve."""

PROCESS = "process"
"""The `source` of the entries of a process's output."""

_POLL_SECONDS = 0.005
_MAX_PIECES = 20_000  # a piece of one byte costs 300 bytes of memory
_LEVELS = {
    LogStream.STDOUT: LogLevel.INFO,
    LogStream.STDERR: LogLevel.WARN,
    LogStream.SYSTEM: LogLevel.INFO,
}


class LogSeal(Struct, frozen=True, kw_only=True):
    """What an attempt's end event records of its output.

    `entries` and `bytes` are what is stored, `dropped_bytes` what the cap dropped in the middle,
    `digest` that of `core.output.log_digest` over all that is stored, None when that is nothing.
    `redactions` counts the places at which a secret was masked, by its name.
    """

    entries: int
    bytes: int
    dropped_bytes: int
    digest: str | None
    redactions: Mapping[str, int] = EMPTY


class Capture:
    """The `OutputSink` of one attempt, and the log of engine and step.

    The first half of `limit_bytes` is emitted as it arrives. From then on only the newest bytes are
    kept, in memory, up to the other half, and a system entry says so to whoever follows; `close`
    emits them, behind a system entry that says how many bytes were dropped between the halves.
    These two entries alone are not counted by the limit.

    Secrets that `masker` knows are masked in each stream before anything else sees its bytes; what
    may be the beginning of one is held back until the next bytes or `close`. Bytes that were masked
    on their way here are not masked again: see `passed`.
    """

    def __init__(
        self,
        *,
        execution_id: str,
        task_id: str,
        attempt: int,
        emit: Callable[[LogChunk], None],
        clock: Clock,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        line_limit: int = LINE_LIMIT_BYTES,
        backlog: Callable[[], int] | None = None,
        masker: Masker | None = None,
    ) -> None:
        self._masker = masker
        self._masked: dict[LogStream, MaskedStream] = {}
        self._passed: bytes | None = None
        self._redactions: Counter[str] = Counter()
        self._chunker = Chunker(
            execution_id=execution_id,
            task_id=task_id,
            attempt=attempt,
            emit=emit,
            line_limit=line_limit,
        )
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._backlog = backlog
        self._head_left = limit_bytes - limit_bytes // 2
        self._tail_limit = limit_bytes // 2
        self._tail: deque[tuple[Origin, bytearray]] | None = None
        self._tail_size = 0
        self._dropped = 0
        self._errors = Tail()
        self._census: Census | None = None
        self._seal: LogSeal | None = None

    def write(self, stream: LogStream, data: bytes) -> bool:
        """Accept bytes; False is backpressure: await `drain` before the next write."""
        is_masked = data is self._passed and stream not in self._masked
        if self._masker and self._seal is None and not is_masked:
            data = self._mask(self._masker, stream, data)
        if self._seal is None and data:
            if stream is LogStream.STDERR:
                self._errors.add(data)
            self._take(Origin(self._clock.now(), stream, _LEVELS[stream], PROCESS), data)
        return self._backlog is None or self._backlog() <= BACKLOG_LIMIT_BYTES

    async def drain(self) -> None:
        """Wait until the bytes queued for the disk have shrunk to half of the limit."""
        while self._backlog is not None and self._backlog() > BACKLOG_LIMIT_BYTES // 2:  # noqa: ASYNC110 - the journal tells no event
            await asyncio.sleep(_POLL_SECONDS)

    def placed(self, where: Placement) -> None:
        """Say in the log on which machine of a cluster the process runs."""
        self.log(LogLevel.INFO, f"runs on {where.host}, worker {where.worker}", "executor")

    def census(self, census: Census) -> None:
        """Take note of what was found of the processes at the end, and say it in the log."""
        self._census = census
        if census.left:
            for process in census.left:
                self.log(
                    LogLevel.WARN,
                    f"left running: {process.command} (pid {process.pid})",
                    "executor",
                )
        else:
            self.log(
                LogLevel.WARN if census.survivors else LogLevel.INFO,
                counts_text(census.processes, census.survivors),
                "executor",
            )

    def log(self, level: LogLevel, message: str, source: str = "engine") -> None:
        """Add a system entry, one for each line of `message`, where the output has got to.

        May be called from the thread of a blocking step: the entry is then made by the loop.
        """
        if threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self.log, level, message, source)
        elif self._seal is None:
            data = message.encode("utf-8", "backslashreplace").rstrip(b"\n") + b"\n"
            if self._masker:
                data = self._masker.mask(data, self._redactions)
            self._take(Origin(self._clock.now(), LogStream.SYSTEM, level, source), data)

    @property
    def found(self) -> Census | None:
        """What was found of the processes at the end, None when there was nothing to find."""
        return self._census

    def tail(self, count: int = 20) -> list[str]:
        """Return the last lines of stderr, at most `count` and 4 KiB."""
        masked = self._masked.get(LogStream.STDERR)
        return self._errors.lines(count, rest=b"" if masked is None else masked.peek())

    def redacted(self, counts: Mapping[str, int]) -> None:
        """Count redactions that were made before the output came here, by the secret's name."""
        self._redactions.update(counts)

    def passed(self, data: bytes) -> None:
        """Take note of masked bytes. If the next write brings this very object, it stays as it is.

        A step between the process and this sink may have made other bytes of them, decoded ones for
        example; only the identical object is certain to be what was masked.
        """
        self._passed = data

    def close(self) -> LogSeal:
        """Emit what is held back and return the seal. Idempotent; later writes are ignored."""
        if self._seal is None:
            self._flush_masked()
            if self._tail is not None:
                self._emit_tail(self._tail)
            self._chunker.close(self._clock.now())
            self._seal = LogSeal(
                entries=self._chunker.entries,
                bytes=self._chunker.bytes,
                dropped_bytes=self._dropped,
                digest=self._chunker.digest,
                redactions=dict(self._redactions),
            )
        return self._seal

    def _mask(self, masker: Masker, stream: LogStream, data: bytes) -> bytes:
        masked = self._masked.get(stream)
        if masked is None:
            masked = self._masked[stream] = MaskedStream(masker)
        return masked.feed(data)

    def _flush_masked(self) -> None:
        """Take what the masking of each stream still holds back: the streams have ended."""
        for stream, masked in self._masked.items():
            data = masked.flush()
            self._redactions.update(masked.redactions)
            if data:
                if stream is LogStream.STDERR:
                    self._errors.add(data)
                self._take(Origin(self._clock.now(), stream, _LEVELS[stream], PROCESS), data)

    def _take(self, origin: Origin, data: bytes) -> None:
        if self._tail is None:
            room = self._head_left
            if len(data) <= room:
                self._head_left = room - len(data)
                self._chunker.add(origin, data)
                return
            cut = data.rfind(b"\n", 0, room) + 1 or room
            self._tail_limit += room - cut  # the tail gets what the head leaves unused
            self._chunker.add(origin, data[:cut])
            self._say(
                f"much output: the rest is stored when the attempt ends, of it at most the last"
                f" {self._tail_limit} bytes"
            )
            self._chunker.flush()
            data = data[cut:]
            self._tail = deque()
        self._push(self._tail, origin, data)

    def _push(self, tail: deque[tuple[Origin, bytearray]], origin: Origin, data: bytes) -> None:
        if tail and len(tail[-1][1]) < CHUNK_BYTES and tail[-1][0].is_like(origin):
            tail[-1][1].extend(data)
        else:
            tail.append((origin, bytearray(data)))
        self._tail_size += len(data)
        while tail and (self._tail_size > self._tail_limit or len(tail) > _MAX_PIECES):
            oldest = tail[0][1]
            excess = self._tail_size - self._tail_limit
            if 0 < excess < len(oldest):
                del oldest[:excess]
            else:
                excess = len(oldest)
                tail.popleft()
            self._tail_size -= excess
            self._dropped += excess

    def _emit_tail(self, tail: deque[tuple[Origin, bytearray]]) -> None:
        if self._dropped:
            self._chunker.end_lines(self._clock.now())
            self._say(f"{DROPPED_NOTICE}: {self._dropped} bytes dropped here")
        while tail:
            origin, data = tail.popleft()
            self._chunker.add(origin, bytes(data))

    def _say(self, notice: str) -> None:
        """Add a system entry that the limit does not count."""
        origin = Origin(self._clock.now(), LogStream.SYSTEM, LogLevel.WARN, "engine")
        self._chunker.add(origin, f"{notice}\n".encode())
