"""Polls the database for commits, with longer pauses while nothing changes."""

import time
from collections.abc import Callable, Iterator

from core.errors import UnavailableError, WaitTimeoutError
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.cli.records import notice_lost

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5
LOST_CHECK_SECONDS = 2.0
"""The longest time without an iteration, since a runner may have died without a commit."""


class LostRunnerCheck:
    """Checks for dead runners, at most once every few seconds.

    `awaited` is the execution whose end the command waits for, if it does.
    """

    def __init__(self, invocation: Invocation, awaited: str | None = None) -> None:
        self._invocation = invocation
        self._awaited = awaited
        self._next = time.monotonic() + LOST_CHECK_SECONDS

    def check(self) -> None:
        """Record lost runners, if the last check was long enough ago.

        Raises `UnavailableError` if the runner of `awaited` died and that cannot be recorded: its
        records would never tell, and the command would wait for ever.
        """
        if time.monotonic() < self._next:
            return
        if self._awaited in notice_lost(self._invocation):
            raise UnavailableError(
                "the runner of the execution died",
                hint="`mission resume` continues it once the database can be written",
            )
        self._next = time.monotonic() + LOST_CHECK_SECONDS


def poll_commits(
    reader: Reader, *, timeout: float | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Yield at once, then after every commit, and every few seconds without one.

    Raises `WaitTimeoutError` when `timeout` seconds have passed.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        seen = reader.data_version()
        yield
        pause = FIRST_PAUSE_SECONDS
        quiet_until = time.monotonic() + LOST_CHECK_SECONDS
        is_quiet = True
        while is_quiet:
            if deadline is not None and time.monotonic() >= deadline:
                raise WaitTimeoutError(
                    f"the execution has not ended within {timeout:g} seconds",
                    hint="it was not stopped; `mission watch` waits for it again",
                )
            is_quiet = reader.data_version() == seen and time.monotonic() < quiet_until
            if is_quiet:
                sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
