"""The signals of a process that drives an execution, heard from before the execution exists.

Between its creation and the first turn of its engine, and between its end and that of the process,
a signal must neither leave an execution that nobody drives nor change an exit code.
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
"""How long a process may take to end by itself after a second signal."""


class StopSignals:
    """Keeps SIGINT and SIGTERM for whoever listens, and outlives SIGHUP, while it is entered.

    Entered again within itself it does nothing more. Of the signals that nobody listens to, the
    first is kept and a second one ends the process, by `KeyboardInterrupt` or `SystemExit`. Where
    somebody listens the second one ends it too: by force once `LAST_SECONDS` have passed.
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
            # a handler, not SIG_IGN, which children would inherit
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
        """Call `listener` in the running loop for each signal, also for one that came before."""
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
        """Have `insist` call `then` while this is entered."""
        self._insisted.append(then)
        try:
            yield
        finally:
            self._insisted.remove(then)

    def insist(self) -> None:
        """Tell everybody who drives something under these signals that a second one came."""
        for then in list(self._insisted):
            then()

    def over(self, then: Callable[[], None]) -> None:
        """Stop nothing any more, for the outcome is there: only call `then`."""
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
    """End the process after `LAST_SECONDS`, whatever its event loop and its threads do."""
    timer = threading.Timer(LAST_SECONDS, os._exit, [code])
    timer.daemon = True
    timer.start()


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Outlive the terminal: losing it is no reason to stop a mission."""
