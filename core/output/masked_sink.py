"""A sink that masks secrets in output before another sink gets it.

Knows neither the process that writes nor what becomes of the output.
"""

from collections.abc import Callable

from core.domain.records import LogStream
from core.output.masker import MaskedStream, Masker
from core.ports.executor import Census, OutputSink, Placement


class MaskedSink:
    """Implements `core.ports.executor.OutputSink`: masks each stream on its way into another sink.

    `before_output` is called before any bytes are masked, and at the end; `passed` gets the masked
    bytes just before the sink does.
    """

    def __init__(
        self,
        sink: OutputSink,
        masker: Masker,
        before_output: Callable[[], None] = lambda: None,
        passed: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._passed = passed
        self._sink = sink
        self._masker = masker
        self._before_output = before_output
        self._streams: dict[LogStream, MaskedStream] = {}

    def write(self, stream: LogStream, data: bytes) -> bool:
        """Pass on those bytes that cannot be the beginning of a secret any more."""
        self._before_output()
        masked = self._streams.get(stream)
        if masked is None:
            masked = self._streams[stream] = MaskedStream(self._masker)
        certain = masked.feed(data)
        self._passed(certain)
        return self._sink.write(stream, certain)

    async def drain(self) -> None:
        """Wait until more may be written."""
        await self._sink.drain()

    def placed(self, where: Placement) -> None:
        """Pass on where the process runs."""
        self._sink.placed(where)

    def census(self, census: Census) -> None:
        """Pass on what was found of the processes at the end."""
        self.flush()
        self._sink.census(census)

    def flush(self) -> dict[str, int]:
        """Pass on what is held back, and return all redactions by the secret's name."""
        self._before_output()
        counts: dict[str, int] = {}
        for stream, masked in self._streams.items():
            if rest := masked.flush():
                self._passed(rest)
                self._sink.write(stream, rest)
            for name, number in masked.redactions.items():
                counts[name] = counts.get(name, 0) + number
        return counts
