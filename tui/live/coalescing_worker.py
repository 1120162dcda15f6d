"""Work that is asked for more often than it can be done: never twice at once, never forgotten."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


class OneAtATime:
    """Runs `work`; who asks while it runs gets one more run behind it, however many ask.

    `start` makes a task of a coroutine. Unlike cancelling the run before, this gets done while
    asking goes on faster than the work.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        start: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._work = work
        self._start = start
        self._running = False
        self._again = False

    def ask(self) -> None:
        """Have the work done from its beginning, now or once it has ended."""
        self._again = True
        if not self._running:
            self._running = True
            self._start(self._run())

    async def _run(self) -> None:
        try:
            while self._again:
                self._again = False
                await self._work()
        finally:
            self._running = False
