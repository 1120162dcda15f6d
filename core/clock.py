"""The wall clock. Knows no event loop: deadlines and backoff use monotonic time instead."""

import threading
import time


class SystemClock:
    """Nanoseconds since the epoch, strictly rising within the process even when the clock is not.

    May be asked from any thread.
    """

    __slots__ = ("_last", "_lock")

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        """Return the wall time, or one more than the last value where that is greater."""
        with self._lock:
            now = time.time_ns()
            if now <= self._last:
                now = self._last + 1
            self._last = now
            return now
