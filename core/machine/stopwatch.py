"""Durations by the event loop's monotonic clock, of what began in this process.

The wall clock says when something happened. It may be adjusted meanwhile, so durations are not
computed from it.
"""

import asyncio
from collections.abc import Callable


class Stopwatch:
    """Remembers when the execution, its task runs and their running attempts began."""

    __slots__ = ("_attempts", "_clock", "_execution", "_tasks")

    def __init__(self) -> None:
        self._clock: Callable[[], float] | None = None
        self._execution: float | None = None
        self._tasks: dict[str, float] = {}
        self._attempts: dict[str, float] = {}

    def execution_began(self) -> None:
        """Record that the execution began."""
        self._execution = self._now()

    def task_began(self, task_id: str) -> None:
        """Record that a task run began, which had not begun before."""
        self._tasks[task_id] = self._now()

    def attempt_began(self, task_id: str, *, is_first: bool, at: float | None = None) -> None:
        """Record that an attempt began, now or `at`; with the first one its task run does."""
        now = self._attempts[task_id] = self._now() if at is None else at
        if is_first:
            self._tasks[task_id] = now

    def execution_us(self) -> int | None:
        """Return the microseconds since the execution began, None if another process began it."""
        return None if self._execution is None else self._since(self._execution)

    def task_us(self, task_id: str, at: float | None = None) -> int | None:
        """Return the microseconds since a task run began, None if not in this process.

        Until now, or `at`.
        """
        began = self._tasks.get(task_id)
        return None if began is None else self._since(began, at)

    def attempt_ended(self, task_id: str, at: float | None = None) -> int | None:
        """Return the microseconds that the running attempt of a task run took, and forget it."""
        began = self._attempts.pop(task_id, None)
        return None if began is None else self._since(began, at)

    def _now(self) -> float:
        if self._clock is None:  # made before there is a loop
            self._clock = asyncio.get_running_loop().time
        return self._clock()

    def _since(self, began: float, at: float | None = None) -> int:
        return int(((self._now() if at is None else at) - began) * 1_000_000)
