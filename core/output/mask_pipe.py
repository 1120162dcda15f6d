"""The pipe on which a step names values that it made itself, so that they are masked in its output.

Knows neither what masks the output nor what becomes of it.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.domain.records import LogLevel
from core.output.masker import Masker
from core.output.secret_forms import MIN_FORM_BYTES

MASK_VARIABLE = "MISSION_MASK"
"""Names the pipe on which a step says what else is to be masked: lines `mask:VALUE`."""

MINTED = "minted"
"""The name under which redactions of values that a step added are counted."""

_MARK = b"mask:"
_READ_BYTES = 65_536
_MAX_LINE_BYTES = 1024 * 1024

Log = Callable[[LogLevel, str], None]


class MaskPipe:
    """The pipe on which a step names values that it made and that are to be masked, too.

    `drain` is called before output of the step is masked: what the step wrote to the pipe before it
    wrote the output is then known. `passed` gets all that was read, for whoever else masks this
    output. Closing removes nothing: the pipe is in the attempt's folder.
    """

    def __init__(
        self,
        path: Path,
        masker: Masker,
        log: Log,
        *,
        passed: Callable[[bytes], None] = lambda _data: None,
    ) -> None:
        self._masker = masker
        self._log = log
        self._passed = passed
        self._rest = b""
        os.mkfifo(path, 0o600)
        self._handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._handle, self.drain)

    def drain(self) -> None:
        """Take in the lines that were written so far."""
        with suppress(BlockingIOError):
            while data := os.read(self._handle, _READ_BYTES):
                self._passed(data)
                self.feed(data)

    def feed(self, data: bytes) -> None:
        """Take in what was written to this pipe, or to that of the same attempt elsewhere.

        A line without an end counts as far as it goes: the step may print its value before it ends
        the line, or never end it.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._rest) > _MAX_LINE_BYTES:
            self._log(LogLevel.WARN, f"a line on ${MASK_VARIABLE} is too long: ignored")
            self._rest = b""
        value = self._rest.removeprefix(_MARK)
        if value != self._rest and len(value) >= MIN_FORM_BYTES:
            self._masker.add(MINTED, value)

    def close(self) -> None:
        """Take in what is left, also a line without an end."""
        self.drain()
        if self._rest:
            self._take(self._rest)
        self._loop.remove_reader(self._handle)
        os.close(self._handle)

    def _take(self, line: bytes) -> None:
        value = line.removeprefix(_MARK)
        if value is line or not line.startswith(_MARK):
            self._log(LogLevel.WARN, f"a line on ${MASK_VARIABLE} does not begin with `mask:`")
        elif len(value) < MIN_FORM_BYTES:
            self._log(
                LogLevel.WARN,
                f"a value on ${MASK_VARIABLE} has fewer than {MIN_FORM_BYTES} bytes: not masked",
            )
        else:
            self._masker.add(MINTED, value)
