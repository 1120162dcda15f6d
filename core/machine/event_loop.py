"""An event loop whose time goes on while the machine is suspended.

asyncio counts CLOCK_MONOTONIC, which stands still during a suspend on Linux: a deadline of one hour
would pass an hour of work later, whatever the time of day. This loop counts CLOCK_BOOTTIME
(clock_gettime(2)). A timer that has become due meanwhile fires once, when the loop wakes next.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from core.machine.daemon_threads import DaemonThreads

T = TypeVar("T")

_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class SuspendAwareLoop(asyncio.SelectorEventLoop):
    """A selector event loop over `now`, seconds of a clock that is never set."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = _since_boot if now is None else now
        self._executor: ThreadPoolExecutor | None = None
        super().__init__()

    def time(self) -> float:
        """Return seconds that include the time for which the machine was suspended."""
        return self._now()

    def set_default_executor(self, executor: ThreadPoolExecutor) -> None:  # type: ignore[override]
        """Take the executor of `run_in_executor`."""
        self._executor = executor
        super().set_default_executor(executor)

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """Shut the executor down; one that nobody waits for needs no thread for that.

        asyncio starts a thread to wait, which fails where no more threads can be had.
        """
        if isinstance(self._executor, DaemonThreads):
            self._executor.shutdown(wait=False)
        else:
            await super().shutdown_default_executor(*timeout)


def run_suspend_aware(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine like `asyncio.run`, on a `SuspendAwareLoop`.

    A suspended loop notices the time at its next wake-up, which the caller has to see to: a wait in
    the kernel does not count the suspend either.
    """
    with asyncio.Runner(loop_factory=SuspendAwareLoop) as runner:
        return runner.run(main)


def _since_boot() -> float:
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)
