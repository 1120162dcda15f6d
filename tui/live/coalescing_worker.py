"""Coalesces requests for the same work: one run at a time, and one more if requested meanwhile."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

Start = Callable[[Callable[[], Coroutine[Any, Any, None]]], object]
"""Starts a coroutine function as a task.

It takes the function and no coroutine: the coroutine of a task that is cancelled before it begins
would never be awaited.
"""


class CoalescingWorker:
    """Runs `work`; requests made during a run cause exactly one further run.

    Unlike cancelling the previous run, this makes progress even when requests come faster than the
    work completes.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        start: Start,
    ) -> None:
        self._work = work
        self._start = start
        self._running = False
        self._again = False

    def request(self) -> None:
        """Request a run of the work: now, or after the current run."""
        self._again = True
        if not self._running:
            self._running = True
            self._start(self._run)

    async def _run(self) -> None:
        try:
            while self._again:
                self._again = False
                await self._work()
        finally:
            self._running = False
