"""What has happened since the engine looked last, and how the engine waits for more."""

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec.structs import replace

from core.engine.attempt import Ended
from core.engine.turn.happening import Happening


class Inbox:
    """Holds what happened in order. `told` learns of each item at once, before its turn."""

    def __init__(self, now: Callable[[], int], told: Callable[[Happening], None]) -> None:
        self._now = now
        self._told = told
        self.items: deque[Happening] = deque()
        self.wake = asyncio.Event()

    def post(self, item: Happening) -> None:
        """Put something in and wake the engine; the end of an attempt gets its time."""
        if isinstance(item, Ended):
            item = replace(item, at=self._now(), loop_time=asyncio.get_running_loop().time())
        self.items.append(item)
        self._told(item)
        self.wake.set()

    async def wait_until(self, loop_time: float) -> None:
        """Wait until something is put in, until `loop_time` of the event loop's clock at most."""
        timer = asyncio.get_running_loop().call_at(loop_time, self.wake.set)
        await self.wake.wait()
        timer.cancel()
