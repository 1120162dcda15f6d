"""The wall clock, and detection of adjustments to it. Knows no event loop.

Deadlines, backoffs and durations use monotonic time instead.
"""

import threading
import time

STEP_NS = 1_000_000_000
"""How far wall and monotonic clock must diverge between two checks to count as an adjustment."""


class SystemClock:
    """Nanoseconds since the epoch, strictly rising within the process even when the clock is not.

    Where the wall clock was set back, it continues by monotonic time. May be asked from any thread.
    """

    __slots__ = ("_last", "_lock", "_steady")

    def __init__(self) -> None:
        self._last = 0
        self._steady = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        """Return the wall time, or the last value and the time since where that is greater."""
        with self._lock:
            now, steady = time.time_ns(), time.monotonic_ns()
            if now <= self._last:
                now = self._last + max(1, steady - self._steady)
            self._last, self._steady = now, steady
            return now


class ClockWatch:
    """Detects adjustments of the wall clock by a clock that keeps counting during suspend."""

    __slots__ = ("_ahead",)

    def __init__(self) -> None:
        self._ahead = time.time_ns() - _steady_ns()

    def step_ns(self) -> int:
        """Return by how much it was adjusted since the last check, 0 for less than `STEP_NS`."""
        ahead = time.time_ns() - _steady_ns()
        step, self._ahead = ahead - self._ahead, ahead
        return step if abs(step) >= STEP_NS else 0


def _steady_ns() -> int:
    """Return nanoseconds since boot, including sleep where possible; never adjusted."""
    if _BOOTTIME is None:
        return time.monotonic_ns()
    return time.clock_gettime_ns(_BOOTTIME)


_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)
