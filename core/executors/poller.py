"""Watching many descriptors cheaply: an epoll set of our own, itself watched by the event loop.

One registration in the loop serves all processes. Against `loop.add_reader` for each descriptor
that saves about 50 µs of CPU per process, and it tells a hang-up from data without a read.
"""

import asyncio
import select
from collections.abc import Callable

READABLE = 1
"""There is data to read (EPOLLIN)."""

_INTEREST = getattr(select, "EPOLLIN", READABLE)


class EpollPoller:
    """Calls back with (descriptor, events) while a descriptor is readable or hung up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[int, int], None]] = {}
        loop.add_reader(self._epoll.fileno(), self._dispatch)

    def watch(self, fd: int, callback: Callable[[int, int], None]) -> None:
        """Call `callback` from now on."""
        self._callbacks[fd] = callback
        self._epoll.register(fd, _INTEREST)

    def forget(self, fd: int) -> None:
        """Stop; must come before the descriptor is closed. Idempotent."""
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def close(self) -> None:
        """Free the set. Idempotent."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _dispatch(self) -> None:
        callbacks = self._callbacks
        for fd, events in self._epoll.poll(0):
            callback = callbacks.get(fd)  # one before may have ended this one's watch
            if callback is not None:
                callback(fd, events)


class LoopPoller:
    """The same over `loop.add_reader`, for systems without epoll."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[int] = set()

    def watch(self, fd: int, callback: Callable[[int, int], None]) -> None:
        """Call `callback` from now on; a hang-up is told as readable."""
        self._watched.add(fd)
        self._loop.add_reader(fd, callback, fd, READABLE)

    def forget(self, fd: int) -> None:
        """Stop; must come before the descriptor is closed. Idempotent."""
        if fd in self._watched:
            self._watched.remove(fd)
            self._loop.remove_reader(fd)

    def close(self) -> None:
        """Stop watching. Idempotent."""
        for fd in list(self._watched):
            self.forget(fd)
