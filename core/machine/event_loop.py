"""An event loop whose time goes on while the machine is suspended.

asyncio counts CLOCK_MONOTONIC, which stands still during a suspend on Linux: a deadline of one hour
would pass an hour of work later, whatever the time of day. This loop counts CLOCK_BOOTTIME
(clock_gettime(2)). A timer that has become due meanwhile fires once, when the loop wakes next.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class SuspendAwareLoop(asyncio.SelectorEventLoop):
    """A selector event loop over `now`, seconds of a clock that is never set."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = _since_boot if now is None else now
        super().__init__()

    def time(self) -> float:
        """Return seconds that include the time for which the machine was suspended."""
        return self._now()


def run_suspend_aware(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine like `asyncio.run`, on a `SuspendAwareLoop`.

    A suspended loop notices the time at its next wake-up, which the caller has to see to: a wait in
    the kernel does not count the suspend either.
    """
    with asyncio.Runner(loop_factory=SuspendAwareLoop) as runner:
        return runner.run(main)


def _since_boot() -> float:
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)
