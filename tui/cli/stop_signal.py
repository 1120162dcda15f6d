"""The signals of a process that drives an execution, heard from before the execution exists.

Between its creation and the first turn of its engine, and between its end and that of the process,
a signal must neither leave an execution that nobody drives nor change an exit code.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

STOPPING = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Keeps SIGINT and SIGTERM for whoever listens, and outlives SIGHUP, while it is entered.

    Entered again within itself it does nothing more. Of the signals that nobody listens to, the
    first is kept and a second one ends the process, by `KeyboardInterrupt` or `SystemExit`.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._before: dict[int, object] = {}
        self._kept: list[int] = []
        self._tell: Callable[[int], object] | None = None

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
        for number in kept:
            tell(number)
        try:
            yield
        finally:
            self._tell = None

    def over(self, then: Callable[[], None]) -> None:
        """Stop nothing any more, for the outcome is there: only call `then`."""
        self._tell = lambda _number: then()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._tell is not None:
            self._tell(number)
        elif not self._kept:
            self._kept.append(number)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Outlive the terminal: losing it is no reason to stop a mission."""
