"""Waiting for the database to change: short polls of one number, longer ones while it is quiet."""

import time
from collections.abc import Callable, Iterator

from core.errors import WaitTimeoutError
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.cli.records import notice_lost

SHORTEST = 0.05
LONGEST = 0.5
LOOK_ANYWAY = 2.0
"""Seconds after which a round is made though nothing was committed: a runner may have died."""


class LostWatch:
    """Looks for runners that are gone, but not more often than every few seconds."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._next = time.monotonic() + LOOK_ANYWAY

    def look(self) -> None:
        """Record the loss of runners, if it is time to look again."""
        if time.monotonic() >= self._next:
            notice_lost(self._invocation)
            self._next = time.monotonic() + LOOK_ANYWAY


def rounds(
    reader: Reader, *, timeout: float | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Yield at once, then after every commit of somebody, and every few seconds without one.

    Raises `WaitTimeoutError` when `timeout` seconds have passed.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        seen = reader.data_version()
        yield
        pause = SHORTEST
        quiet_until = time.monotonic() + LOOK_ANYWAY
        is_quiet = True
        while is_quiet:
            if deadline is not None and time.monotonic() >= deadline:
                raise WaitTimeoutError(
                    f"it has not ended within {timeout:g} seconds",
                    hint="the execution itself was left alone; `mission watch` waits for it again",
                )
            is_quiet = reader.data_version() == seen and time.monotonic() < quiet_until
            if is_quiet:
                sleep(pause)
                pause = min(pause * 1.5, LONGEST)
