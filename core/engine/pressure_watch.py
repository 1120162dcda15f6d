"""Feeds the circuit breaker of one execution with readings, once a second, and reports changes."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from core.planning.breaker import Breaker, BreakerChange
from core.ports.pressure import PressureGauge

INTERVAL_SECONDS = 1.0


class PressureWatch:
    """Adds to the readings of the machine what the runner sees itself: loop lag and commits."""

    def __init__(
        self,
        breaker: Breaker,
        gauge: PressureGauge | None,
        changed: Callable[[BreakerChange], None],
    ) -> None:
        self._breaker = breaker
        self._gauge = gauge
        self._changed = changed
        self._commit_began: float | None = None
        self._longest_commit = 0.0

    def start(self, group: asyncio.TaskGroup) -> asyncio.Task[None] | None:
        """Measure in a task of its own from now on; None where there is nothing that measures."""
        return None if self._gauge is None else group.create_task(self._run(), name="pressure")

    def commit_began(self) -> None:
        """Take note that the database has been handed a batch."""
        if self._gauge is not None:
            self._commit_began = self._gauge.awake()

    def commit_ended(self) -> None:
        """Take note that it has written the batch."""
        self._longest_commit = self._commit_seconds()
        self._commit_began = None

    async def look(self, lag: float = 0.0) -> None:
        """Measure once; the event loop was `lag` seconds late."""
        if self._gauge is None:
            return
        readings = replace(
            await self._gauge.read(),
            loop_lag_seconds=lag,
            database_busy_seconds=self._commit_seconds(),
        )
        self._longest_commit = 0.0
        change = self._breaker.observe(readings, asyncio.get_running_loop().time())
        if change is not None:
            self._changed(change)

    async def _run(self) -> None:
        while self._gauge is not None:
            due = self._gauge.awake() + INTERVAL_SECONDS
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.look(self._gauge.awake() - due)

    def _commit_seconds(self) -> float:
        """Return how long the longest commit since the last look took, or has been taking."""
        if self._commit_began is None or self._gauge is None:
            return self._longest_commit
        return max(self._longest_commit, self._gauge.awake() - self._commit_began)
