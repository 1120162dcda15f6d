"""An event loop whose time jumps to the next timer when nothing else can happen.

Tests of deadlines and backoff run in no time and without sleeping. Real file descriptors still
work: time only jumps when a poll without waiting finds nothing. Threads do not: nobody waits for
them.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

START = 1_700_000_000_000_000_000
"""Where the wall clock of a virtual loop starts: nanoseconds since the epoch."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop with its own time, in seconds from 0."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return virtual seconds."""
        return self._virtual

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._virtual += seconds


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        """Poll; where there is nothing, pass the time until the next timer."""
        if timeout is None:
            return super().select(None)
        found = super().select(0)
        if not found and timeout > 0:
            self._loop.jump(timeout)
        return found


class VirtualClock:
    """The wall clock of the running virtual loop, strictly rising."""

    def __init__(self) -> None:
        self._last = 0
        self._back = 0

    def set_back(self, seconds: float) -> None:
        """Set the clock back, as a new process with a clock that was set back has it."""
        self._back += int(seconds * 1e9)
        self._last = 0

    def set_forward(self, seconds: float) -> None:
        """Set the clock forward."""
        self._back -= int(seconds * 1e9)

    def now(self) -> int:
        """Return nanoseconds since the epoch."""
        now = START - self._back + int(asyncio.get_running_loop().time() * 1e9)
        self._last = max(now, self._last + 1)
        return self._last


def run_virtually(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run a coroutine function on a fresh virtual loop and return its result."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
