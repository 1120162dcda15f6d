"""What a running job uses now, with its share of the processor since the reading before.

Knows the readings of `live_usage` and a clock; nothing of who watches.
"""

import threading
import time
from collections.abc import Callable

from msgspec import Struct

from core.executors.live_usage import LiveUsage, live_usage
from core.ports.control import RunnerIdentity
from core.ports.executor import JobUsage

MIN_INTERVAL_SECONDS = 0.2
"""Over less time the share of the processor is not measured: the kernel counts in 10 ms ticks."""


class _Sample(Struct, frozen=True):
    """A reading of one job at an instant in monotonic seconds."""

    key: str
    at: float
    cpu_ms: int


class JobUsageReader:
    """Reads one job at a time; remembers the reading before."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._before: _Sample | None = None

    def read(self, runner: RunnerIdentity, key: str) -> JobUsage | None:
        """Return what the job `key` of a runner uses now; None where `live_usage` finds nothing.

        Blocks for some milliseconds. May be called from several threads.
        """
        with self._lock:
            found = live_usage(runner, key)
            if found is None:
                self._before = None
                return None
            return JobUsage(
                processes=found.processes,
                cpu_share=self._cpu_share(key, found),
                memory_bytes=found.memory_bytes,
            )

    def _cpu_share(self, key: str, found: LiveUsage) -> float | None:
        """Return processor seconds per second since the reading before; None without one.

        None, too, when processes have taken their time along: they ended and nobody waited for
        them.
        """
        now = _Sample(key, self._monotonic(), found.cpu_ms)
        before = self._before
        if before is None or before.key != key:
            self._before = now
            return None
        seconds = now.at - before.at
        if seconds < MIN_INTERVAL_SECONDS:
            return None
        self._before = now
        used_ms = now.cpu_ms - before.cpu_ms
        return used_ms / 1000 / seconds if used_ms >= 0 else None
