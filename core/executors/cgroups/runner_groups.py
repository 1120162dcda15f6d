"""The control groups of one runner: where its jobs are, so that none of them is ever lost.

Below the delegated group lies one of the runner, `mission.PID.START.NAMESPACE`, which tells it from
any other runner as long as the machine runs. In it are

    supervised.N    a supervisor and all that it starts: a process is born where its parent is, so
                    this costs a job nothing
    job.N           one job whose memory or processes are limited
    kept.N          one job that may leave processes on purpose (`leftovers: keep`)
    runner          the runner itself, if it was in the delegated group: a group that shares out
                    memory may have no processes of its own

A job gets into a group of its own by the launcher (`core.executors.limit_launcher`).
"""

import contextlib
import errno
import itertools
import os
import time
from collections.abc import Collection
from pathlib import Path

from msgspec.structs import replace

from core.executors.cgroups.delegation import (
    Delegation,
    NotDelegatedError,
    all_mounts,
    find_delegation,
    is_version_2,
)
from core.executors.cgroups.group_folder import GroupFolder
from core.executors.lookup import ImpossibleError, UnstartableError
from core.executors.process_limits import BYTES_PER_MB, unenforceable
from core.machine.runner_identity import identity, is_alive
from core.ports.control import RunnerIdentity
from core.ports.executor import Job, Leftovers

KILL_SECONDS = 5.0
"""How long what is in a group is killed before it counts as unreachable."""

BUSY_SECONDS = 2.0
"""How long to wait for others to leave the delegated group: the command that started the runner."""

_PAUSE_SECONDS = 0.02
_PREFIX = "mission."
_KEPT = "kept."

_numbers = itertools.count(1)


class RunnerGroups:
    """The groups of this runner, made when they are first needed. Blocks for milliseconds."""

    def __init__(self, delegation: Delegation) -> None:
        self._delegation = delegation
        self._root = GroupFolder(delegation.group.path / group_name(identity()))
        self._made: list[GroupFolder] = []
        self._has_controllers = False

    def place(self, supervisor: int) -> None:
        """Put a supervisor that has not started anything yet into a group; raises `OSError`."""
        remove_stale(self._delegation.group)
        group = GroupFolder(self._root.path / f"supervised.{next(_numbers)}")
        group.create()
        self._made.append(group)
        group.add(supervisor)

    def needs_own(self, job: Job) -> bool:
        """Tell whether a job needs a group of its own."""
        return job.leftovers is Leftovers.KEEP or _is_limited(job)

    def open(self, job: Job) -> GroupFolder:
        """Return a new group for a job that needs its own.

        Raises `ImpossibleError` and `UnstartableError` when its limits cannot be set. Waits for
        `BUSY_SECONDS` at most.
        """
        limits = job.limits
        name = _KEPT if job.leftovers is Leftovers.KEEP else "job."
        group = GroupFolder(self._root.path / f"{name}{next(_numbers)}")
        try:
            if _is_limited(job):
                reason = unenforceable(limits)
                if reason is not None:
                    raise ImpossibleError(
                        f"cannot start `{job.argv[0]}` within its limits: {reason}"
                    )
                self._enable()
            group.create()
            self._made.append(group)
            memory = None if limits.memory_mb is None else limits.memory_mb * BYTES_PER_MB
            group.limit(memory_bytes=memory, processes=limits.processes)
        except OSError as error:
            raise UnstartableError(
                f"cannot start `{job.argv[0]}`: no cgroup could be made for it: {error.strerror}"
            ) from error
        return group

    def forget(self, group: GroupFolder) -> bool:
        """Remove a group whose job is over, if nothing is left in it; tell whether it is gone."""
        is_gone = group.remove()
        if is_gone and group in self._made:
            self._made.remove(group)
        return is_gone

    def give_up(self, running: Collection[GroupFolder]) -> list[GroupFolder]:
        """Return the groups of a dead supervisor, for the caller to end and remove.

        Those that may be left on purpose are not among them, unless they are those of `running`
        jobs.
        """
        lost = [one for one in self._made if not is_kept(one) or one in running]
        self._made = [one for one in self._made if one not in lost]
        return lost

    def close(self) -> None:
        """End what is left in the groups, except what is kept on purpose, and remove them."""
        for group in self._made:
            if not is_kept(group):
                group.end(KILL_SECONDS)
            group.remove()
        self._made.clear()
        with contextlib.suppress(OSError):  # something is kept, or the runner itself is in it
            self._root.path.rmdir()

    def _enable(self) -> None:
        """Let the groups of jobs have limits; the runner leaves the delegated group if it must."""
        if self._has_controllers:
            return
        shared = self._delegation.group
        wanted = shared.controllers() & {"memory", "pids"}
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                shared.enable(wanted)
                break
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
            own = GroupFolder(self._root.path / "runner")
            if self._delegation.is_own and not own.path.exists():
                own.create()
                own.add(os.getpid())
            elif time.monotonic() >= deadline:
                raise ImpossibleError(
                    f"limits need a cgroup without processes of its own, and others than the "
                    f"runner are in {shared.path}"
                )
            else:
                time.sleep(_PAUSE_SECONDS)
        self._root.create()
        self._root.enable(wanted)
        self._has_controllers = True


def runner_groups() -> RunnerGroups | None:
    """Return the groups of this runner, None where no cgroup v2 is delegated to it."""
    try:
        return RunnerGroups(find_delegation())
    except NotDelegatedError:
        return None


def _is_limited(job: Job) -> bool:
    return job.limits.memory_mb is not None or job.limits.processes is not None


def is_kept(group: GroupFolder) -> bool:
    """Tell whether a group is that of a job that may leave processes on purpose."""
    return group.path.name.startswith(_KEPT)


def group_name(runner: RunnerIdentity) -> str:
    """Return the name of a runner's group: its pid, start time and namespace of pids."""
    return f"{_PREFIX}{runner.pid}.{runner.start_time}.{_namespace(runner)}"


def abandoned_groups(runner: RunnerIdentity) -> list[GroupFolder]:
    """Return the groups that a dead runner has left since this machine was started.

    Those of jobs that may leave processes on purpose are not among them.
    """
    own = identity()
    if (runner.boot_id, runner.host) != (own.boot_id, own.host):
        return []
    name = group_name(runner)
    return [
        GroupFolder(one)
        for _, point in all_mounts()
        if is_version_2(point)
        for folder, below, _ in os.walk(point)
        if name in below
        for one in sorted((Path(folder) / name).glob("*/"))
        if not is_kept(GroupFolder(one))
    ]


def remove_stale(shared: GroupFolder) -> None:
    """Remove the groups of dead runners in which nothing runs."""
    own = identity()
    with contextlib.suppress(OSError):
        for folder in shared.path.glob(f"{_PREFIX}*"):
            match folder.name.removeprefix(_PREFIX).split("."):
                case [pid, start, namespace] if namespace == _namespace(own):
                    if not (pid.isdecimal() and start.isdecimal()):
                        continue
                    owner = replace(own, pid=int(pid), start_time=int(start))
                    if is_alive(owner) is False:
                        GroupFolder(folder).remove()


def _namespace(runner: RunnerIdentity) -> str:
    return runner.boot_id.rpartition("/")[2]
