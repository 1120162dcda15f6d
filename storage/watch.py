"""Tells when something was committed: polls `PRAGMA data_version`, slower while nothing happens.

It only says that there is something new; what it is, the reader tells (`seq > cursor`). A wake-up
from within the process makes it sooner, never more correct.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

from core.ports import Reader

BUSY_SECONDS = 0.05
IDLE_SECONDS = 0.1
IDLE_AFTER = 5.0
"""Poll every 50 ms; every 100 ms once nothing has changed for five seconds."""


class Watch:
    """Changes seen through one reader. Iterate it, or call `poll`, from the reader's thread only.

    `async for version in watch` suits an event loop, `for version in watch` a thread of its own;
    both yield at once when there was a change since the last look, the first look included, and
    end after `stop`.
    """

    def __init__(
        self, reader: Reader, *, busy: float = BUSY_SECONDS, idle: float = IDLE_SECONDS
    ) -> None:
        self._reader = reader
        self._busy = busy
        self._idle = idle
        self._version: int | None = None
        self._changed_at = time.monotonic()
        self._stopped = False
        self._event = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._async_event: asyncio.Event | None = None

    def poll(self) -> int | None:
        """Return the data version when it is another than at the last call, else None."""
        version = self._reader.data_version()
        if version == self._version:
            return None
        self._version = version
        self._changed_at = time.monotonic()
        return version

    def wake(self) -> None:
        """Make a waiting iterator look now. From any thread."""
        self._event.set()
        loop, event = self._loop, self._async_event
        if loop is not None and event is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    def stop(self) -> None:
        """End the iterations. From any thread; idempotent."""
        self._stopped = True
        self.wake()

    def __iter__(self) -> Iterator[int]:
        while not self._stopped:
            version = self.poll()
            if version is not None:
                yield version
                continue
            self._event.wait(self._pause())
            self._event.clear()

    async def __aiter__(self) -> AsyncIterator[int]:
        self._loop = asyncio.get_running_loop()
        self._async_event = event = asyncio.Event()
        while not self._stopped:
            version = self.poll()
            if version is not None:
                yield version
                continue
            try:
                async with asyncio.timeout(self._pause()):
                    await event.wait()
            except TimeoutError:
                continue
            event.clear()

    def _pause(self) -> float:
        idle = time.monotonic() - self._changed_at > IDLE_AFTER
        return self._idle if idle else self._busy
