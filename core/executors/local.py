"""The local executor: jobs as processes of this machine, each in its own session.

On Linux a job's end is noticed through a pidfd, and cancelling it finds its whole tree through
/proc. Elsewhere a thread waits for each process, and the process group is all that can be ended.
A process that outlives its job and has closed the job's pipes is left alone: it was sent to the
background on purpose.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

from core.errors import BugError
from core.executors.lookup import ImpossibleError, UnstartableError
from core.executors.poller import EpollPoller, LoopPoller
from core.executors.running import Running
from core.executors.spawn import ExhaustedError, Spawner
from core.executors.tree import TableReader
from core.ports.executor import (
    Census,
    Job,
    LateEnd,
    Outcome,
    OutcomeKind,
    OutputSink,
    WorkerLoad,
    is_within,
)

LEFTOVER_GRACE_SECONDS = 1.0
"""Between TERM and KILL for processes that hold the pipes of one that has exited."""

HAS_LINUX_WAYS = sys.platform == "linux" and hasattr(os, "pidfd_open")


class LocalExecutor:
    """Runs jobs on this machine. Belongs to the event loop it first runs a job on.

    `portable` does without what only Linux has, as on other systems.
    """

    def __init__(self, *, portable: bool = not HAS_LINUX_WAYS) -> None:
        self._portable = portable
        self._spawner = Spawner(portable=portable)
        self._tables = None if portable else TableReader()
        self._poller: EpollPoller | LoopPoller | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[Running] = set()
        self._waiting_for_room: list[asyncio.Future[None]] = []
        self._launching = 0
        """How many jobs are about to start."""
        self._without_grace: set[str] = set()
        """Executions whose jobs are killed at once."""
        self._is_closed = False

    async def run(self, job: Job, sink: OutputSink) -> Outcome:
        """Run `job` to its end, output into `sink`.

        Cancelling the awaiting task ends the process tree TERM → grace → KILL and raises
        `CancelledError` only when it is gone or known to be unreachable, its output kept.
        """
        try:
            running = await self._start(job, sink)
        except ImpossibleError as error:
            return Outcome(kind=OutcomeKind.IMPOSSIBLE, message=str(error))
        except UnstartableError as error:
            return Outcome(kind=OutcomeKind.UNSTARTABLE, message=str(error))
        note = None
        try:
            await running.wait()
            if not running.is_over:
                if running.error is None and not running.is_lost:
                    note = "ended what was left running and held the output open"
                await self._see_to_end(running, 0.0 if running.is_lost else LEFTOVER_GRACE_SECONDS)
            await self._settle(running)
        except asyncio.CancelledError:
            await self._see_to_end(running, job.grace_seconds)
            raise
        finally:
            self._running.discard(running)
            self._tell_room()
            self._over(running)
        if running.error is not None:
            raise running.error
        if running.exit_code is None:
            told = "its supervisor was killed" if running.is_lost else "nobody could tell how"
            return Outcome(kind=OutcomeKind.LOST, message=f"it was ended: {told}")
        return Outcome(
            kind=OutcomeKind.EXITED,
            exit_code=running.exit_code,
            message=note,
            resources=running.resources,
            limits_met=running.limits_met,
        )

    async def slots(self) -> int | None:
        """Return None: the limit of the execution is the only one."""
        return None

    async def workers(self) -> Sequence[WorkerLoad] | None:
        """Return None: jobs run on this machine."""
        return None

    async def end_leftovers(self, execution_id: str) -> Census:  # noqa: ARG002 - of the port
        """Find nothing: without a supervisor, what a job leaves behind is nobody's child."""
        return Census(processes=0)

    def late_ends(self, execution_id: str) -> Sequence[LateEnd]:  # noqa: ARG002 - of the port
        """Return none: how a lost job ended is never told here."""
        return ()

    def hurry(self, scope: str | None = None) -> None:
        """End the grace of what is being ended, or of all that will be within the scope."""
        if scope is not None:
            self._without_grace.add(scope)
        for running in self._running:
            if scope is None or is_within(running.job.key, scope):
                running.hurry()

    async def close(self) -> None:
        """End what still runs and free the resources. Idempotent."""
        self._is_closed = True
        self._tell_room()
        async with asyncio.TaskGroup() as group:
            for running in list(self._running):
                group.create_task(
                    self._see_to_end(running, running.job.grace_seconds),
                    name=f"close {running.job.key}",
                )
        self._spawner.close()
        if self._poller is not None:
            self._poller.close()
            self._poller = None

    async def _start(self, job: Job, sink: OutputSink) -> Running:
        while True:
            if self._is_closed:
                raise UnstartableError("the executor is closed")
            try:
                loop, poller = self._bind()
                self._launching += 1
                try:
                    return await self._launch(job, sink, loop, poller)
                finally:
                    self._launching -= 1
            except ExhaustedError:
                if not self._running and not self._launching:
                    self._tell_room()
                    raise
                room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting_for_room.append(room)
                await room

    async def _launch(
        self,
        job: Job,
        sink: OutputSink,
        loop: asyncio.AbstractEventLoop,
        poller: EpollPoller | LoopPoller,
    ) -> Running:
        """Start the process and watch it."""
        running = Running(job, self._spawner.spawn(job), sink, poller, loop, self._tables)
        self._running.add(running)
        return running

    async def _settle(self, running: Running) -> None:
        """See to what a job left behind that has ended by itself."""

    def _over(self, running: Running) -> None:
        """Free what a job that is over had for itself."""

    def _bind(self) -> tuple[asyncio.AbstractEventLoop, EpollPoller | LoopPoller]:
        loop = asyncio.get_running_loop()
        if self._poller is None or self._loop is None:
            self._loop = loop
            self._poller = LoopPoller(loop) if self._portable else EpollPoller(loop)
        elif self._loop is not loop:
            raise BugError("a local executor was used on two event loops")
        return loop, self._poller

    def _tell_room(self) -> None:
        """Let those that found no descriptor or process left try again."""
        waiting, self._waiting_for_room = self._waiting_for_room, []
        for room in waiting:
            if not room.done():
                room.set_result(None)

    async def _end(self, running: Running, grace_seconds: float) -> None:
        if any(is_within(running.job.key, scope) for scope in self._without_grace):
            grace_seconds = 0.0
        census = await running.end(grace_seconds)
        running.sink.census(await self._sweep(running, census))

    async def _sweep(self, running: Running, census: Census) -> Census:  # noqa: ARG002 - a hook
        """End what of a job was not found in its tree; return the census with it."""
        return census

    async def _see_to_end(self, running: Running, grace_seconds: float) -> None:
        """Bring `running` down once, however often this is called or cancelled."""
        was_cancelled = False
        while not running.is_over or (running.ending is not None and not running.ending.done()):
            if running.ending is None or running.ending.cancelled():  # before it could start
                running.ending = asyncio.create_task(
                    self._end(running, grace_seconds), name=f"end {running.job.key}"
                )
            try:
                await asyncio.shield(running.ending)
            except asyncio.CancelledError:
                was_cancelled = True
        if was_cancelled:
            raise asyncio.CancelledError
