"""Bringing a process tree down: the stop signal, a grace, then KILL until nothing is left."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from typing import Protocol

from core.executors.cgroups.group_folder import GroupFolder
from core.executors.tree import (
    NOBODY,
    ProcessInfo,
    TableReader,
    has_process_table,
    is_group_alive,
    still_alive,
)

KILL_SECONDS = 5.0
"""How long KILL is repeated before what is left counts as unreachable."""

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.05


class Tree(Protocol):
    """The processes of one job."""

    async def members(self) -> frozenset[ProcessInfo]:
        """Return those alive now."""

    def remaining(self, processes: Iterable[ProcessInfo]) -> list[ProcessInfo]:
        """Return those of `processes` that are still alive, without looking for others."""

    def signal(self, number: int, processes: Iterable[ProcessInfo]) -> None:
        """Send a signal to all of them."""


class ProcTree:
    """A tree found in /proc: session, group, descendants, and who carries the job's name.

    The members of a control group of its own belong to it as well.
    """

    def __init__(
        self,
        leader: int,
        key: str,
        tables: TableReader,
        is_reaped: Callable[[], bool] = lambda: False,
        group: GroupFolder | None = None,
    ) -> None:
        self._leader = leader
        self._key = key
        self._tables = tables
        self._is_reaped = is_reaped
        self._group = group

    async def members(self) -> frozenset[ProcessInfo]:
        """Return those alive now, ourselves excepted."""
        table = await self._tables.read()
        own = os.getpid()
        leader = self._leader
        if self._is_reaped() and leader in table.processes:
            leader = NOBODY  # its number is another process's by now
        members = table.members(leader, self._key)
        if self._group is not None:
            grouped = self._group.processes()
            members |= {table.processes[pid] for pid in grouped if pid in table.processes}
        return frozenset(process for process in members if process.pid != own)

    def remaining(self, processes: Iterable[ProcessInfo]) -> list[ProcessInfo]:
        """Return those of `processes` that are still alive."""
        return still_alive(processes)

    def signal(self, number: int, processes: Iterable[ProcessInfo]) -> None:
        """Signal the group at once, so that none is forked in between, and who left it singly.

        A control group is killed as a whole.
        """
        if number == signal.SIGKILL and self._group is not None:
            self._group.kill()
        grouped = False
        for process in processes:
            if process.group == self._leader:
                grouped = True
            else:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process.pid, number)
        if grouped:
            _signal_group(self._leader, number)


class GroupTree:
    """The process group alone, for systems without pidfd: it stands for all of its members.

    Whoever has ended still belongs to it until its parent has waited for it. Of an orphan that is
    process 1, which in a container may do so late or never; so where there is /proc, only members
    that have not ended count.
    """

    def __init__(self, leader: int) -> None:
        self._group = ProcessInfo(leader, 0, leader, leader, 0)
        self._has_table = has_process_table()

    async def members(self) -> frozenset[ProcessInfo]:
        """Return the group, if it has members."""
        return frozenset(self.remaining([self._group]))

    def remaining(self, processes: Iterable[ProcessInfo]) -> list[ProcessInfo]:
        """Return the group, if it has members."""
        return [process for process in processes if self._has_members(process.pid)]

    def _has_members(self, group: int) -> bool:
        return _signal_group(group, 0) and (not self._has_table or is_group_alive(group))

    def signal(self, number: int, processes: Iterable[ProcessInfo]) -> None:
        """Signal the group."""
        for process in processes:
            _signal_group(process.pid, number)


class Ladder:
    """One descent of a tree. It always runs to its end: cancelling `climb` only hurries it."""

    def __init__(
        self,
        tree: Tree,
        grace_seconds: float,
        *,
        stop_signal: int = signal.SIGTERM,
        kill_seconds: float = KILL_SECONDS,
    ) -> None:
        self._tree = tree
        self._grace_seconds = grace_seconds
        self._stop_signal = stop_signal
        self._kill_seconds = kill_seconds
        self._hurried = False

    def hurry(self) -> None:
        """End the grace now."""
        self._hurried = True

    async def climb(self) -> tuple[int, int]:
        """Return how many processes were found, and how many are left."""
        now = asyncio.get_running_loop().time
        grace_ends = now() if self._grace_seconds <= 0 else float("inf")
        kill_ends = float("inf")
        pause = _FIRST_PAUSE
        found: set[ProcessInfo] = set()
        told: set[ProcessInfo] = set()
        alive: list[ProcessInfo] = []
        while True:
            try:
                killing = self._hurried or now() >= grace_ends
                if killing or not (alive := self._tree.remaining(alive)):
                    alive = list(await self._tree.members())
                found.update(alive)
                if not alive or now() >= kill_ends:
                    return len(found), len(alive)
                if killing:
                    kill_ends = min(kill_ends, now() + self._kill_seconds)
                    self._tree.signal(signal.SIGKILL, alive)
                elif fresh := [process for process in alive if process not in told]:
                    if not told:  # finding the tree must not use up the grace
                        grace_ends = now() + self._grace_seconds
                    told.update(fresh)
                    self._tree.signal(self._stop_signal, fresh)
                    self._tree.signal(signal.SIGCONT, fresh)  # a stopped process takes no signal
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except asyncio.CancelledError:
                self._hurried = True


def _signal_group(leader: int, number: int) -> bool:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
