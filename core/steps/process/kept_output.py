"""What a step keeps of the output of its process while it passes all of it on."""

from typing import Protocol

from core.domain.records import LogStream
from core.output.last_lines import Tail
from core.ports.executor import Census, OutputSink, Placement


class Copy(Protocol):
    """Gets a copy of all output."""

    def write(self, stream: LogStream, data: bytes) -> None:
        """Take bytes of a stream."""


class KeptOutput:
    """Forwards output; keeps its beginning for the result and the last lines for error messages."""

    __slots__ = ("_copy", "_limit", "_sink", "_tails", "err", "out", "truncated")

    def __init__(self, sink: OutputSink, limit: int, copy: Copy | None) -> None:
        self._copy = copy
        self._sink = sink
        self._limit = limit
        self._tails: dict[LogStream, Tail] = {}
        self.out = bytearray()
        self.err = bytearray()
        self.truncated: set[LogStream] = set()

    def write(self, stream: LogStream, data: bytes) -> bool:
        """Forward bytes to the sink."""
        tail = self._tails.get(stream)
        if tail is None:
            tail = self._tails[stream] = Tail()
        tail.add(data)
        kept = self.out if stream is LogStream.STDOUT else self.err
        room = self._limit - len(kept)
        if len(data) > room:
            self.truncated.add(stream)
            kept += data[:room]
        else:
            kept += data
        if self._copy is not None:
            self._copy.write(stream, data)
        return self._sink.write(stream, data)

    async def drain(self) -> None:
        """Wait until more may be written (backpressure)."""
        await self._sink.drain()

    def placed(self, where: Placement) -> None:
        """Forward where the process runs."""
        self._sink.placed(where)

    def census(self, census: Census) -> None:
        """Forward the process counts of a kill."""
        self._sink.census(census)

    def last_lines(self) -> str:
        """Return the last lines of stderr, or of stdout if stderr is empty."""
        for stream in (LogStream.STDERR, LogStream.STDOUT):
            tail = self._tails.get(stream)
            if tail is not None and (lines := tail.lines()):
                return "\n".join(lines)
        return ""
