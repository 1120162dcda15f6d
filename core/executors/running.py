"""One process while it runs: its output into the sink, its end noticed, its descent awaited.

The leader is left a zombie until its pipes are closed and no signal will be sent any more: so its
number cannot become another process's while its group may still be signalled.
"""

import asyncio
import contextlib
import os
import signal
import threading

from core.domain.records import LogStream
from core.executors.cgroups.group_folder import GroupFolder
from core.executors.ladder import GroupTree, Ladder, ProcTree, Tree
from core.executors.poller import READABLE, EpollPoller, LoopPoller
from core.executors.spawn import Spawned
from core.executors.tree import TableReader
from core.ports.executor import Census, Job, OutputSink, Resources

READ_BYTES = 64 * 1024

DRAIN_SECONDS = 0.5
"""How long the pipes may stay open once the process has ended: another process holds them."""

_POLL_SECONDS = 0.001


class Running:
    """A started job, until it is reaped and its pipes are closed (`is_over`).

    `exit_code` is -N for death by signal N, and None when nobody could tell it.
    """

    __slots__ = (
        "_exited",
        "_heedless",
        "_is_supervised",
        "_is_zombie",
        "_ladder",
        "_loop",
        "_pidfd",
        "_pipes",
        "_poller",
        "_resuming",
        "_tables",
        "_timer",
        "_waiter",
        "ending",
        "error",
        "exit_code",
        "group",
        "is_lost",
        "is_over",
        "job",
        "limits_met",
        "pid",
        "resources",
        "sink",
    )

    def __init__(
        self,
        job: Job,
        spawned: Spawned,
        sink: OutputSink,
        poller: EpollPoller | LoopPoller,
        loop: asyncio.AbstractEventLoop,
        tables: TableReader | None,
        *,
        is_supervised: bool = False,
        group: GroupFolder | None = None,
    ) -> None:
        self.job = job
        self.pid = spawned.pid
        self.exit_code: int | None = None
        self.is_over = False
        self.is_lost = False
        """Whoever was to tell how it ends is gone."""
        self.resources: Resources | None = None
        self.group = group
        """Its own control group."""
        self.limits_met: frozenset[str] = frozenset()
        """The limits of its group that stopped it, by their names in the mission file."""
        self.error: Exception | None = None
        self.ending: asyncio.Task[None] | None = None
        self.sink = sink
        self._poller = poller
        self._loop = loop
        self._tables = tables
        self._pipes = {spawned.out: LogStream.STDOUT, spawned.err: LogStream.STDERR}
        self._pidfd = -1
        self._exited = False
        self._is_zombie = False
        self._heedless = False
        self._ladder: Ladder | None = None
        self._resuming: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        poller.watch(spawned.out, self._on_output)
        poller.watch(spawned.err, self._on_output)
        self._is_supervised = is_supervised
        if is_supervised:
            return
        if tables is None:
            threading.Thread(target=self._wait_in_thread, daemon=True).start()
        else:
            try:
                self._pidfd = os.pidfd_open(self.pid)
            except ProcessLookupError:  # somebody else has waited for it already
                self._exited = True
            else:
                poller.watch(self._pidfd, self._on_exit)

    async def wait(self) -> None:
        """Return when it is over or lost, or has ended while another process holds its pipes."""
        if not self.is_over and not self.is_lost:
            self._waiter = self._loop.create_future()
            await self._waiter

    async def end(self, grace_seconds: float) -> Census:
        """Bring the tree down and return what was found; cancelling this only hurries it."""
        stop_signal = signal.Signals[f"SIG{self.job.stop_signal}"]
        self._ladder = Ladder(self._tree(), grace_seconds, stop_signal=stop_signal)
        self._read_on()
        found, survivors = await self._ladder.climb()
        deadline = self._loop.time() + DRAIN_SECONDS
        while (self._pipes or not self._exited) and self._loop.time() < deadline:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(_POLL_SECONDS)
        self._close_pipes()
        self._ladder = None
        self._finish()
        return Census(processes=found, survivors=survivors)

    def lose(self) -> None:
        """Stop waiting for the end: nobody will tell it."""
        if not self._exited:
            self.is_lost = True
            self._exited = True
            self._wake()

    def hurry(self) -> None:
        """End the grace of a descent now."""
        if self._ladder is not None:
            self._ladder.hurry()

    # --- output ----------------------------------------------------------------------------------

    def _on_output(self, fd: int, events: int) -> None:
        if events & READABLE:
            data = os.read(fd, READ_BYTES)
            if data:
                try:
                    if not self.sink.write(self._pipes[fd], data) and not self._heedless:
                        self._pause()
                except Exception as error:  # noqa: BLE001 - passed on to who waits in `run`
                    self.error = error
                    self._close_pipes()
                    self._wake()
                return
        self._close_pipe(fd)
        self._advance()

    def _close_pipe(self, fd: int) -> None:
        del self._pipes[fd]
        self._poller.forget(fd)
        os.close(fd)

    def _close_pipes(self) -> None:
        for fd in list(self._pipes):
            self._close_pipe(fd)

    def _pause(self) -> None:
        """Leave the output in the pipes, so that the process waits, until the sink has drained."""
        if self._resuming is None:
            for fd in self._pipes:
                self._poller.forget(fd)
            self._resuming = self._loop.create_task(self._drain(), name=f"drain {self.job.key}")

    async def _drain(self) -> None:
        await self.sink.drain()
        self._resuming = None
        for fd in self._pipes:
            self._poller.watch(fd, self._on_output)
        self._advance()

    def _read_on(self) -> None:
        """Read whatever the sink says: the end of a process must not wait for a disk."""
        self._heedless = True
        if self._resuming is not None:
            self._resuming.cancel()
            self._resuming = None
            for fd in self._pipes:
                self._poller.watch(fd, self._on_output)

    # --- the end ---------------------------------------------------------------------------------

    def _on_exit(self, fd: int, events: int) -> None:  # noqa: ARG002 - the poller's signature
        self._close_pidfd()
        self._is_zombie = bool(self._pipes) or self._ladder is not None
        self.exit_code = _reap(self.pid, os.WNOWAIT if self._is_zombie else 0)
        self._exited = True
        self._advance()

    def _wait_in_thread(self) -> None:
        try:
            code: int | None = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            code = None
        with contextlib.suppress(RuntimeError):  # the loop may be gone
            self._loop.call_soon_threadsafe(self.exited, code)

    def exited(self, code: int | None) -> None:
        """Take note that the process has ended and was waited for by somebody else."""
        self.exit_code = code
        self._exited = True
        self._advance()

    def _advance(self) -> None:
        """Go on after a pipe was closed or the process has ended."""
        if not self._exited or self._ladder is not None:
            return
        if not self._pipes:
            self._finish()
        elif self._resuming is None and self._timer is None:
            self._timer = self._loop.call_later(DRAIN_SECONDS, self._on_held)

    def _on_held(self) -> None:
        self._timer = None
        if self._resuming is None:  # else `_drain` starts the time again
            self._wake()

    def _finish(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        if self._is_zombie:
            self._is_zombie = False
            _reap(self.pid, 0)
        self._close_pidfd()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._resuming is not None:
            self._resuming.cancel()
            self._resuming = None
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _close_pidfd(self) -> None:
        if self._pidfd >= 0:
            self._poller.forget(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _tree(self) -> Tree:
        if self._tables is None:
            return GroupTree(self.pid)
        return ProcTree(
            self.pid,
            self.job.key,
            self._tables,
            is_reaped=lambda: self._is_supervised and self.exit_code is not None,
            group=self.group,
        )


def _reap(pid: int, options: int) -> int | None:
    """Return the exit code of an ended child, -N for signal N; None when another took it."""
    try:
        result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | options)
    except ChildProcessError:
        return None
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
