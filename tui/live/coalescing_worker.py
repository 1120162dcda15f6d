"""Coalesces requests for the same work: one run at a time, and one more if requested meanwhile."""

from collections.abc import Awaitable, Callable, Generator
from typing import Any

Start = Callable[[Awaitable[None]], object]
"""Awaits what it is given in a task of its own."""


class CoalescingWorker:
    """Runs `work`; requests made during a run cause exactly one further run.

    Unlike cancelling the previous run, this makes progress even when requests come faster than the
    work completes.
    """

    def __init__(self, work: Callable[[], Awaitable[None]], start: Start) -> None:
        self._work = work
        self._start = start
        self._running = False
        self._again = False

    def request(self) -> None:
        """Request a run of the work: now, or after the current run."""
        self._again = True
        if not self._running:
            self._running = True
            self._start(_Run(self._run))

    async def _run(self) -> None:
        try:
            while self._again:
                self._again = False
                await self._work()
        finally:
            self._running = False


class _Run:
    """Makes its coroutine only when it is awaited.

    The coroutine of a task that is cancelled before it begins would never be awaited.
    """

    def __init__(self, begin: Callable[[], Awaitable[None]]) -> None:
        self._begin = begin

    def __await__(self) -> Generator[Any, Any, None]:
        return self._begin().__await__()
