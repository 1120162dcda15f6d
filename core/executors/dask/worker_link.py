"""The runner's end of the conversation with one worker: fetches output, extends the lease.

An attempt counts as lost only when the worker has certainly ended it: when its process is gone and
its supervisor has had time, or when the worker's lease has run out. The lease is counted on the
worker from a time that the runner has heard from it, so it ends there no later than it does here.
"""

import asyncio
from collections.abc import Callable

from core.executors.dask.cluster import CallError, Cluster, WorkerGoneError
from core.executors.dask.message import OutputBatch, Placed, Poll
from core.executors.dask.remote_attempt import RemoteAttempt
from core.executors.ladder import KILL_SECONDS

POLL_SECONDS = 1.0
"""How long a worker waits for something to tell before it answers."""

LATE_POLL_SECONDS = 2.0
"""Between questions for what became of lost attempts."""

MARGIN_SECONDS = 2.0
"""More than the supervisor of a worker takes longer than the worker itself."""

_FULL_PAUSE_SECONDS = 0.05
_RETRY_SECONDS = 0.2
_CALL_SECONDS = POLL_SECONDS + 4.0


class WorkerLink:
    """One worker process, and the attempts that it was given.

    `on_late` is told of the end of an attempt that was lost before.
    """

    def __init__(
        self,
        cluster: Cluster,
        placed: Placed,
        lease_seconds: float,
        on_late: Callable[[RemoteAttempt, OutputBatch], None],
    ) -> None:
        self._cluster = cluster
        self._loop = asyncio.get_running_loop()
        self._lease_seconds = lease_seconds
        self._on_late = on_late
        self._instance = placed.public_key
        self._received: dict[str, int] = {}
        self._gone_since: float | None = None
        """Since when it is known that the process of the worker is gone."""
        self._task: asyncio.Task[None] | None = None
        self._heard_at = self._loop.time()
        self.address = placed.worker
        self.host = placed.host
        self.granted = placed.at
        self.attempts: dict[str, RemoteAttempt] = {}
        self.lost: dict[str, RemoteAttempt] = {}
        self.executions: set[str] = set()
        """Those that had attempts here."""

    @property
    def is_gone(self) -> bool:
        """Whether the process of the worker is known to be gone."""
        return self._gone_since is not None

    def heard(self, at: float) -> None:
        """Take note that the worker said something at `at`, a time of its own."""
        self.granted = max(self.granted, at)
        self._heard_at = self._loop.time()

    def add(self, attempt: RemoteAttempt) -> None:
        """Follow an attempt that this worker is to run."""
        self.attempts[attempt.job.key] = attempt
        self.executions.add(attempt.job.key.partition("/")[0])
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(), name=f"worker {self.address}")

    def remove(self, attempt: RemoteAttempt) -> None:
        """Forget an attempt that never began here."""
        self.attempts.pop(attempt.job.key, None)

    def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()

    async def _follow(self) -> None:
        while self.attempts or self.lost or self._received:
            if not self.attempts and self.lost:
                await asyncio.sleep(LATE_POLL_SECONDS)
            full = [key for key, one in self.attempts.items() if one.is_full]
            wait = _FULL_PAUSE_SECONDS if full else POLL_SECONDS
            if not self.attempts:
                wait = 0.0  # it is only told what was received
            request = Poll(
                session=self._cluster.session,
                granted=self.granted,
                received=dict(self._received),
                paused=full,
                wait_seconds=wait,
            )
            told = set(self._received)
            try:
                answer = await self._cluster.call(self.address, request, _CALL_SECONDS)
            except CallError as error:
                if isinstance(error, WorkerGoneError) and self._gone_since is None:
                    self._gone_since = self._loop.time()
                self._lose_overdue(str(error))
                if not self.attempts and self._gone_since is not None:
                    return
                await asyncio.sleep(_RETRY_SECONDS if self.attempts else LATE_POLL_SECONDS)
                continue
            if answer.instance != self._instance:
                if self._gone_since is None:
                    self._gone_since = self._loop.time()
                self._lose_overdue("its worker was replaced")
                if not self.attempts:
                    return
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self.heard(answer.at)
            for key in told:
                if key not in self.attempts and key not in self.lost:
                    self._received.pop(key, None)
            for batch in answer.batches:
                self._take(batch)

    def _take(self, batch: OutputBatch) -> None:
        key = batch.key
        self._received[key] = max(batch.number, self._received.get(key, 0))
        attempt = self.attempts.get(key)
        if attempt is not None:
            attempt.receive(batch)
            if batch.end is not None:
                del self.attempts[key]
        elif key in self.lost and batch.end is not None:
            self._on_late(self.lost.pop(key), batch)

    def _lose_overdue(self, reason: str) -> None:
        """Lose the attempts that the worker has certainly ended."""
        now = self._loop.time()
        for key, attempt in list(self.attempts.items()):
            ending = attempt.job.grace_seconds + MARGIN_SECONDS
            due = self._heard_at + self._lease_seconds + ending + KILL_SECONDS
            if self._gone_since is not None:
                due = min(due, self._gone_since + ending)
            if now < due:
                continue
            del self.attempts[key]
            if self._gone_since is None:
                self.lost[key] = attempt
                silent = now - self._heard_at
                attempt.lose(
                    f"its worker {self.address} on {self.host} has been silent"
                    f" for {silent:.0f} s: {reason}"
                )
            else:
                self._received.pop(key, None)
                attempt.lose(f"its worker {self.address} on {self.host} is gone")
