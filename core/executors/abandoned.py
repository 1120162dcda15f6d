"""Ending what a runner and its supervisor have left of an execution when both were killed (Linux).

The processes of a job carry its key in their environment (`MISSION_JOB`), and those below them are
theirs; a supervisor carries the identity of its runner. Where the runner had control groups, all
that it started is in them. Elsewhere what has shed its environment and lost its parents is found by
nobody once the supervisor is dead.
"""

import asyncio
import contextlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from core.executors.cgroups.group_folder import GroupFolder
from core.executors.cgroups.runner_groups import abandoned_groups
from core.executors.ladder import Ladder
from core.executors.spawn import KEPT_VARIABLE, RUNNER_VARIABLE
from core.executors.tree import (
    ProcessInfo,
    ProcessTable,
    environment_value,
    has_process_table,
    read_table,
    still_alive,
)
from core.machine.runner_identity import identity, is_alive
from core.ports.control import RunnerIdentity
from core.ports.executor import NOTHING_ABANDONED, Abandoned, LeftProcess

GRACE_SECONDS = 5.0
"""Between TERM and KILL for what a dead runner has left."""

SUPERVISOR_SECONDS = 15.0
"""How long to wait for a supervisor that outlives its runner: it is ending what is below it."""

_POLL_SECONDS = 0.05


async def end_abandoned(
    execution_id: str,
    *,
    newest: Mapping[str, int],
    running: Collection[str],
    runner: RunnerIdentity | None,
    left: Collection[tuple[int, int]] = (),
    grace_seconds: float = GRACE_SECONDS,
) -> Abandoned:
    """End what is left of an execution whose runner is dead, and return what that was.

    `newest` has the newest attempt of each step as the dead runner left them: later ones are not
    touched, a new runner may have started them. `running` are the steps whose newest attempt was
    under way; what other attempts left on purpose (`leftovers: keep`) is spared, as are this
    process and those above it. `left` are pid and start of processes that the dead runner saw
    outlive their steps, and that may have shed what else tells them. A supervisor of `runner` that
    still lives is given time to end what it alone knows.
    """
    if not has_process_table():
        return NOTHING_ABANDONED
    is_dead = runner is not None and is_alive(runner) is False
    groups = abandoned_groups(runner) if runner is not None and is_dead else []
    if runner is None or runner.boot_id != identity().boot_id:
        left = ()
    tree = _AbandonedTree(execution_id, newest, running, groups, frozenset(left))
    _, survivors = await Ladder(tree, grace_seconds).climb()
    if runner is not None and is_dead:
        await _wait_for_supervisor(runner)
    for folder in {group.path.parent for group in groups}:
        GroupFolder(folder).remove()
    return Abandoned(found=tuple(tree.found.values()), survivors=survivors)


class _AbandonedTree:
    """The live processes of all jobs of an execution."""

    def __init__(
        self,
        execution_id: str,
        newest: Mapping[str, int],
        running: Collection[str],
        groups: Sequence[GroupFolder],
        left: frozenset[tuple[int, int]],
    ) -> None:
        self._left = left
        self._groups = groups
        self._prefix = f"{execution_id}/"
        self._newest = newest
        self._running = running
        self.found: dict[ProcessInfo, LeftProcess] = {}

    async def members(self) -> frozenset[ProcessInfo]:
        """Return those alive now."""
        table = read_table()
        spared = _line_of(os.getpid(), table)
        found: set[int] = set()
        for key, pids in table.marked.items():
            attempt = self._attempt_of(key.decode(errors="replace"))
            if attempt is not None:
                found |= pids
                if not self._was_running(*attempt):
                    spared |= {pid for pid in pids if _is_kept(pid)}
        found |= {
            pid
            for pid, start in self._left
            if (info := table.processes.get(pid)) is not None and info.start == start
        }
        grouped = {pid for group in self._groups for pid in group.processes()}
        found |= {pid for pid in grouped & table.processes.keys() if not self._supervises(pid)}
        members = table.with_descendants(found - spared, spared)
        for one in members:
            if one not in self.found:
                self.found[one] = LeftProcess(
                    pid=one.pid, start=one.start, command=_command_of(one.pid)
                )
        return members

    def _supervises(self, pid: int) -> bool:
        """Tell whether a process is a supervisor: it ends by itself, after what it knows."""
        return environment_value(pid, RUNNER_VARIABLE) is not None

    def _attempt_of(self, key: str) -> tuple[str, int] | None:
        """Return step and number of an attempt of the dead runner, None for any other key."""
        if not key.startswith(self._prefix):
            return None
        task_id, _, rest = key.removeprefix(self._prefix).partition("/")
        number = rest.partition("/")[0]
        if not number.isdecimal() or int(number) > self._newest.get(task_id, 0):
            return None
        return task_id, int(number)

    def _was_running(self, task_id: str, number: int) -> bool:
        return task_id in self._running and number == self._newest[task_id]

    def remaining(self, processes: Iterable[ProcessInfo]) -> list[ProcessInfo]:
        """Return those of `processes` that are still alive."""
        return still_alive(processes)

    def signal(self, number: int, processes: Iterable[ProcessInfo]) -> None:
        """Send a signal to each."""
        for process in processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)


async def _wait_for_supervisor(runner: RunnerIdentity) -> None:
    wanted = runner_mark(runner).encode()
    supervisors = [
        info
        for pid, info in read_table().processes.items()
        if environment_value(pid, RUNNER_VARIABLE) == wanted
    ]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SUPERVISOR_SECONDS):
            while still_alive(supervisors):  # noqa: ASYNC110 - a stranger's process tells no event
                await asyncio.sleep(_POLL_SECONDS)


def runner_mark(runner: RunnerIdentity) -> str:
    """Return the value of `RUNNER_VARIABLE` in the environment of a runner's supervisor."""
    return f"{runner.pid} {runner.start_time} {runner.boot_id}"


def _line_of(pid: int, table: ProcessTable) -> set[int]:
    """Return `pid` and the processes above it."""
    found: set[int] = set()
    while (info := table.processes.get(pid)) is not None and pid not in found:
        found.add(pid)
        pid = info.parent
    return found


def _is_kept(pid: int) -> bool:
    return environment_value(pid, KEPT_VARIABLE) is not None


def _command_of(pid: int) -> str:
    from core.executors.supervised.supervisor import command_of  # it loads what few commands need

    return command_of(pid)
