"""Signal handling of a process that drives an execution, installed before the execution exists.

A signal between the creation of an execution and the first turn of its engine must not leave an
execution without a runner; one between its end and that of the process must not change the exit
code.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

STOPPING = (signal.SIGINT, signal.SIGTERM)

LAST_SECONDS = 10.0
"""How long a process may take to exit after a second signal before it is killed."""


class StopSignals:
    """While entered, delivers SIGINT and SIGTERM to a listener and ignores SIGHUP.

    Entering it again is allowed and has no effect. Without a listener, the first signal is kept for
    the next one, and a second signal ends the process by `KeyboardInterrupt` or `SystemExit`. With
    a listener, a second signal also forces the process to exit after `LAST_SECONDS`.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._before: dict[int, object] = {}
        self._kept: list[int] = []
        self._tell: Callable[[int], object] | None = None
        self._told = 0
        self._insisted: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        self._depth += 1
        if self._depth == 1:
            for number in STOPPING:
                self._before[number] = signal.signal(number, self._on_signal)
            # a handler instead of SIG_IGN, which child processes would inherit
            self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _go_on)
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            for number, before in self._before.items():
                signal.signal(number, before)  # type: ignore[arg-type]  # as signal() gave it
            self._before.clear()

    @contextmanager
    def heard_by(self, listener: Callable[[int], None]) -> Iterator[None]:
        """Call `listener` in the running loop for each signal, including one that was kept."""
        loop = asyncio.get_running_loop()

        def tell(number: int) -> None:
            loop.call_soon_threadsafe(listener, number)

        self._tell = tell
        kept, self._kept = self._kept, []
        self._told = len(kept)
        for number in kept:
            tell(number)
        try:
            yield
        finally:
            self._tell = None

    @contextmanager
    def insisting(self, then: Callable[[], None]) -> Iterator[None]:
        """Register `then` to be called by `insist` while this is entered."""
        self._insisted.append(then)
        try:
            yield
        finally:
            self._insisted.remove(then)

    def insist(self) -> None:
        """Notify all drivers in this process of a second signal."""
        for then in list(self._insisted):
            then()

    def over(self, then: Callable[[], None]) -> None:
        """From now on a signal only calls `then`, because the outcome is already final."""
        self._tell = lambda _number: then()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._tell is not None:
            self._told += 1
            if self._told == 2:
                _end_at_last(128 + number)
            self._tell(number)
        elif not self._kept:
            self._kept.append(number)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)


def _end_at_last(code: int) -> None:
    """Exit after `LAST_SECONDS`, even if the event loop or a thread hangs."""
    timer = threading.Timer(LAST_SECONDS, os._exit, [code])
    timer.daemon = True
    timer.start()


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Ignore the signal: a closed terminal must not stop a mission."""
