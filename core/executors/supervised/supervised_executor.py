"""The executor of Linux: jobs as children of a supervisor that outlives a killed runner.

Output never passes through the supervisor: the reading ends of the pipes stay in the runner, which
also ends the tree of a job that is cancelled. The supervisor spawns, waits, and knows what a job
left behind, for it adopts what escaped from session, group and environment too. If it dies, the
runner ends the jobs that ran and starts another for the next one.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from functools import partial

from core.errors import BugError
from core.executors.cgroups.group_folder import GroupFolder
from core.executors.cgroups.runner_groups import RunnerGroups, runner_groups
from core.executors.local import LocalExecutor
from core.executors.lookup import ImpossibleError
from core.executors.poller import EpollPoller, LoopPoller
from core.executors.running import Running
from core.executors.spawn import OpenedJob
from core.executors.supervised import supervisor
from core.executors.supervised.adopted import become_subreaper, end_adopted
from core.executors.supervised.supervisor_link import (
    Finished,
    JobEnd,
    SupervisorLink,
    SupervisorLostError,
)
from core.executors.tree import NOBODY, read_process
from core.ports.executor import Census, Job, Leftovers, LeftProcess, OutputSink, Resources

LEFTOVER_GRACE_SECONDS = 1.0
"""Between TERM and KILL for what jobs left behind."""


_DEFAULT_STOP = int(signal.SIGTERM), supervisor.GRACE_SECONDS


class SupervisedExecutor(LocalExecutor):
    """Runs jobs on this machine under a supervisor, which is started with the first job.

    `adopts` makes this process a child subreaper, so that it can end what a killed supervisor has
    left. That is for a process that has no other children.
    """

    def __init__(self, *, adopts: bool = False) -> None:
        super().__init__(portable=False)
        self._adopts = adopts
        self._link: SupervisorLink | None = None
        self._left: dict[Running, tuple[LeftProcess, ...]] = {}
        self._leavers: dict[str, list[str]] = {}
        """Keys of jobs that left processes to be ended with the execution, by execution id."""
        self._clearing: asyncio.Future[None] | None = None
        self._groups: RunnerGroups | None = None
        self._has_looked_for_groups = False
        self._held: dict[str, list[GroupFolder]] = {}
        """Groups in which jobs left processes to be ended with the execution, by its id."""

    @property
    def supervisor_pid(self) -> int | None:
        """The process that supervises now, None before the first job."""
        return None if self._link is None else self._link.pid

    async def end_leftovers(self, execution_id: str) -> Census:
        """End what the jobs of an execution left behind, except what is kept on purpose."""
        keys, groups = self._leavers.pop(execution_id, []), self._held.pop(execution_id, [])
        if not keys or self._link is None:
            return Census(processes=0)
        try:
            census = _census(await self._link.end(keys, LEFTOVER_GRACE_SECONDS))
        except SupervisorLostError:
            return Census(processes=0)
        for group in groups:
            census = await self._end_group(group, census)
        return census

    async def close(self) -> None:
        """End what still runs, leftovers too, and free the resources. Idempotent."""
        await super().close()
        link, self._link = self._link, None
        if link is not None:
            try:
                await link.finish(LEFTOVER_GRACE_SECONDS)
            except SupervisorLostError:
                pass
            finally:
                await asyncio.to_thread(link.close)
        if self._clearing is not None:
            await self._clearing
        if self._groups is not None:
            await asyncio.to_thread(self._groups.close)

    async def _launch(
        self,
        job: Job,
        sink: OutputSink,
        loop: asyncio.AbstractEventLoop,
        poller: EpollPoller | LoopPoller,
    ) -> Running:
        groups = self._group_maker()
        group = None
        if groups is not None and groups.needs_own(job):
            group = await asyncio.to_thread(groups.open, job)
        try:
            running = await self._launch_in(group, job, sink, loop, poller)
        except BaseException:
            if group is not None and groups is not None:
                groups.forget(group)
            raise
        return running

    async def _launch_in(
        self,
        group: GroupFolder | None,
        job: Job,
        sink: OutputSink,
        loop: asyncio.AbstractEventLoop,
        poller: EpollPoller | LoopPoller,
    ) -> Running:
        opened = self._spawner.open(job, None if group is None else group.door)
        watched = partial(
            Running,
            job,
            sink=sink,
            poller=poller,
            loop=loop,
            tables=self._tables,
            is_supervised=True,
            group=group,
        )
        try:
            link = self._supervisor(loop)
            try:
                number, pid = await self._spawn(link, opened)
            except FileNotFoundError:
                if not self._spawner.find_again(opened):
                    raise
                number, pid = await self._spawn(link, opened)
            running = watched(spawned=opened.started(pid))
        except OSError as error:
            raise self._spawner.failure(error, opened) from error
        except (ValueError, TypeError) as error:  # what is no text, in argv or environment
            raise ImpossibleError(f"cannot start the process: {error}") from error
        except SupervisorLostError:  # nobody knows whether it was started: it counts as lost
            running = watched(spawned=opened.started(NOBODY))
            running.lose()
            self._running.add(running)
            return running
        finally:
            opened.close()
        self._running.add(running)
        link.watch(number, lambda end: self._on_end(running, end))
        if link.is_lost:
            running.lose()
        return running

    async def _spawn(self, link: SupervisorLink, opened: OpenedJob) -> tuple[int, int]:
        job = opened.job
        return await link.spawn(
            opened.program,
            opened.argv,
            opened.env,
            job.cwd,
            job.key,
            job.leftovers is Leftovers.KEEP,
            _stop_of(job),
            opened.ends,
        )

    def _supervisor(self, loop: asyncio.AbstractEventLoop) -> SupervisorLink:
        """Return the supervisor, started when there is none."""
        if self._link is not None and self._link.is_lost:
            self._link.close()  # it is dead: this does not block
            self._link = None
        if self._link is None:
            self._link = SupervisorLink(loop, self._on_lost)
            if (groups := self._group_maker()) is not None:
                with contextlib.suppress(OSError):  # a refinement: it works without
                    groups.place(self._link.pid)
            if self._adopts:
                loop.run_in_executor(None, become_subreaper)
        return self._link

    def _group_maker(self) -> RunnerGroups | None:
        if not self._has_looked_for_groups:
            self._has_looked_for_groups = True
            self._groups = runner_groups()
        return self._groups

    def _on_end(self, running: Running, end: JobEnd) -> None:
        group = running.group
        running.resources = Resources(
            user_seconds=end.user_seconds,
            system_seconds=end.system_seconds,
            peak_memory_bytes=end.peak_memory_bytes,
            peak_total_memory_bytes=None if group is None else group.peak_memory_bytes(),
            peak_processes=None if group is None else group.peak_processes(),
        )
        if group is not None:
            met = {"memory_mb": group.memory_kills(), "processes": group.refused_forks()}
            running.limits_met = frozenset(name for name, times in met.items() if times)
        if end.left:
            self._left[running] = end.left
        running.exited(end.exit_code)

    async def _settle(self, running: Running) -> None:
        """Tell what the job left behind, and end it if that is wanted at once."""
        left = self._left.pop(running, ())
        link, job, group = self._link, running.job, running.group
        if group is not None:
            left += _others_in(group, left)
        if not left or running.ending is not None or link is None:
            return
        if job.leftovers is Leftovers.STEP:
            try:
                census = _census(await link.end([job.key], LEFTOVER_GRACE_SECONDS))
            except SupervisorLostError:
                return
            if group is not None:
                census = await self._end_group(group, census)
            running.sink.census(census)
            return
        if job.leftovers is Leftovers.EXECUTION:
            execution_id = job.key.partition("/")[0]
            self._leavers.setdefault(execution_id, []).append(job.key)
            if group is not None:
                self._held.setdefault(execution_id, []).append(group)
        running.sink.census(Census(processes=len(left), left=left))

    async def _sweep(self, running: Running, census: Census) -> Census:
        """End what escaped from session, group and environment, too; the supervisor adopted it."""
        left, link = self._left.pop(running, ()), self._link
        if not left or link is None:
            return census
        try:
            finished = await link.end([running.job.key], 0.0)
        except SupervisorLostError:
            return census
        return Census(
            processes=census.processes + len(finished.found),
            survivors=census.survivors + finished.survivors,
        )

    async def _end_group(self, group: GroupFolder, census: Census) -> Census:
        """Kill what is still in the group of a job that was ended; return the census with it."""
        others = _others_in(group, census.ended)
        survivors = 0
        if others:
            survivors = await asyncio.to_thread(group.end, supervisor.KILL_SECONDS)
        if self._groups is not None:
            self._groups.forget(group)
        return Census(
            processes=census.processes + len(others),
            survivors=census.survivors + survivors,
            ended=census.ended + others,
        )

    def _over(self, running: Running) -> None:
        if running.group is not None and self._groups is not None:
            self._groups.forget(running.group)

    def _on_lost(self) -> None:
        """End what the dead supervisor had started; what ran is lost."""
        link = self._link
        if link is None:
            raise BugError("a supervisor was lost that was never there")
        self._leavers.clear()
        self._left.clear()
        self._held.clear()
        keys = frozenset(running.job.key for running in self._running)
        for running in list(self._running):
            running.lose()
        groups: list[GroupFolder] = []
        if self._groups is not None:
            own = [running.group for running in self._running if running.group is not None]
            groups = self._groups.give_up(own)
        began = link.began if self._adopts else None
        spared = frozenset({os.getpid(), link.pid})

        def clear() -> None:
            if began is not None:
                end_adopted(began, spared, keys)
            for group in groups:
                group.end(supervisor.KILL_SECONDS)
                group.remove()

        if self._adopts or groups:
            self._clearing = asyncio.get_running_loop().run_in_executor(None, clear)


def _stop_of(job: Job) -> tuple[int, float] | None:
    """Return signal and grace of a job, None for those that the supervisor has by default."""
    stop = int(signal.Signals[f"SIG{job.stop_signal}"]), job.grace_seconds
    return None if stop == _DEFAULT_STOP else stop


def _census(finished: Finished) -> Census:
    return Census(processes=len(finished.found), survivors=finished.survivors, ended=finished.found)


def _others_in(group: GroupFolder, known: Sequence[LeftProcess]) -> tuple[LeftProcess, ...]:
    """Return what is in a group besides what is known."""
    pids = {one.pid for one in known}
    return tuple(
        LeftProcess(pid=pid, start=found.start, command=supervisor.command_of(pid))
        for pid in group.processes()
        if pid not in pids and (found := read_process(pid)) is not None
    )
