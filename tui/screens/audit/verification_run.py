"""A verification in a thread of its own: its progress, and how to stop it. Knows no widgets."""

import asyncio
import threading
import time
from collections.abc import Callable

from core.audit.verify.log_checked import LogChecked
from tui.live.backend import Progress

YIELD_SECONDS = 0.0005
"""How long the thread sleeps at each step, so that the screen is drawn while it computes."""


class VerifyStoppedError(Exception):
    """Raised in the thread of a verification that was stopped."""


class VerificationRun:
    """At most one verification at a time. `count` of `total` events were read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stopped = threading.Event()
        self._started = 0.0
        self.is_running = False
        self.count = self.total = 0

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return self._clock() - self._started

    def stop(self) -> None:
        """Stop it at its next step."""
        self._stopped.set()

    async def run(self, act: Callable[[Progress], LogChecked]) -> LogChecked | None:
        """Run `act` in a thread and return its result; None if it was stopped.

        Raises what `act` raises.
        """
        self._stopped.clear()
        self._started = self._clock()
        self.count = self.total = 0
        self.is_running = True
        try:
            return await asyncio.to_thread(act, self._progress)
        except VerifyStoppedError:
            return None
        finally:
            self.is_running = False
            self.stop()  # also a thread that was left behind, when the screen is closed

    def _progress(self, count: int, total: int) -> None:
        self.count, self.total = count, total
        if self._stopped.is_set():
            raise VerifyStoppedError
        time.sleep(YIELD_SECONDS)
