"""The progress of a verification as one line on stderr, if that is a terminal."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

DELAY_SECONDS: Final = 1.0
"""A verification that takes less shows nothing."""
INTERVAL_SECONDS: Final = 0.2
_CLEAR: Final = "\r\x1b[K"


class VerifyProgress:
    """Shows how many of all events were verified, and how many in a second.

    `what` replaces the words `events verified`.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, what: str = "events verified"
    ) -> None:
        self._what = what
        self._clock = clock
        self._stream = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None
        self._started = clock()
        self._next = self._started + DELAY_SECONDS
        self._is_shown = False

    def show(self, count: int, total: int) -> None:
        """Draw the line, at most five times a second."""
        now = self._clock()
        if self._stream is None or now < self._next:
            return
        self._next = now + INTERVAL_SECONDS
        rate = round(count / (now - self._started))
        text = f"{count:,} of {total:,} {self._what}, {rate:,} per second"
        self._write(f"{_CLEAR}{text}")
        self._is_shown = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the line."""
        if self._is_shown:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        if self._stream is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except OSError:
                self._stream = None
