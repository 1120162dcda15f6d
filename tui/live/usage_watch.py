"""Keeps what the processes of the step under the cursor use now, for as long as it is true.

Knows when a reading may be asked for and shown; the reading itself is the backend's.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from core.domain.states import TaskState
from core.ports.control import RunnerIdentity
from core.ports.executor import JobUsage, job_key
from core.value.timestamp import SECOND_NS
from tui.live.backend import Backend
from tui.live.board import Board
from tui.live.coalescing_worker import CoalescingWorker, Start

INTERVAL_SECONDS = 1.0
"""The least time between two readings."""

OLDEST_SECONDS = 3.0
"""An older reading is not shown."""


@dataclass(frozen=True, slots=True)
class _Reading:
    key: str
    at: int
    usage: JobUsage | None


class UsageWatch:
    """Reads, in a thread, at most once a second. `now` gives nanoseconds since the epoch."""

    def __init__(
        self,
        backend: Callable[[], Backend],
        now: Callable[[], int],
        start: Start,
    ) -> None:
        self._backend = backend
        self._now = now
        self._asked: tuple[RunnerIdentity, str] | None = None
        self._reading: _Reading | None = None
        self._reader = CoalescingWorker(self._read, start)

    def look(self, board: Board, task_id: str) -> JobUsage | None:
        """Return what a step uses, None if that is not known now; ask for a fresh reading.

        The number of its processes is noted on the board.
        """
        now = self._now()
        self._asked = _job_of(board, task_id, now)
        if self._asked is not None:
            self._reader.request()
        usage = self._known(now)
        board.processes = {} if usage is None else {task_id: usage.processes}
        return usage

    def _known(self, now: int) -> JobUsage | None:
        reading = self._reading
        if reading is None or self._asked is None or reading.key != self._asked[1]:
            return None
        return reading.usage if now - reading.at <= OLDEST_SECONDS * SECOND_NS else None

    async def _read(self) -> None:
        if self._asked is None:
            return
        runner, key = self._asked
        usage = await asyncio.to_thread(self._backend().job_usage, runner, key)
        self._reading = _Reading(key, self._now(), usage)
        await asyncio.sleep(INTERVAL_SECONDS)


def _job_of(board: Board, task_id: str, now: int) -> tuple[RunnerIdentity, str] | None:
    """Return the runner and the job of a step's running attempt, None if there is none."""
    task = board.tasks.get(task_id)
    if task is None or task.state is not TaskState.RUNNING or not task.attempt:
        return None
    if board.lease is None or board.is_orphaned(now):
        return None
    execution_id = board.execution.execution_id
    return board.lease.identity, job_key(execution_id, task_id, task.attempt)
