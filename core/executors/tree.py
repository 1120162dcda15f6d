"""Which processes belong to a job, read from /proc (see proc(5)); knows nothing of executors.

A job's processes are those of its session or process group, their descendants, and any that carry
the job's name in their environment: the ones that left the session by a double fork.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from core.executors.spawn import JOB_VARIABLE

NOBODY = -1
"""No process's number: for a leader that is not known."""

_DEAD = frozenset({b"Z", b"X", b"x"})


class ProcessInfo(Struct, frozen=True):
    """One live process. `start` is in clock ticks since boot: with it a pid is unmistakable."""

    pid: int
    parent: int
    group: int
    session: int
    start: int


class ProcessTable(Struct, frozen=True):
    """All live processes at one moment, and the jobs that environments name."""

    processes: Mapping[int, ProcessInfo]
    marked: Mapping[bytes, frozenset[int]]

    def members(self, leader: int, key: str) -> frozenset[ProcessInfo]:
        """Return the live processes of the job whose session leader is, or was, `leader`."""
        marked = self.marked.get(key.encode(), frozenset())
        found = {
            pid
            for pid, info in self.processes.items()
            if leader in (pid, info.session, info.group) or pid in marked
        }
        return self.with_descendants(found)

    def with_descendants(
        self, roots: Iterable[int], without: Collection[int] = ()
    ) -> frozenset[ProcessInfo]:
        """Return the live processes `roots` and all below them, but for `without` and below."""
        found = set(roots)
        children: defaultdict[int, list[int]] = defaultdict(list)
        for info in self.processes.values():
            children[info.parent].append(info.pid)
        queue = list(found)
        while queue:
            fresh = [
                pid for pid in children[queue.pop()] if pid not in found and pid not in without
            ]
            found.update(fresh)
            queue += fresh
        return frozenset(self.processes[pid] for pid in found)


def has_process_table() -> bool:
    """Tell whether this system has /proc as Linux has it."""
    return read_process(os.getpid()) is not None


def read_process(pid: int) -> ProcessInfo | None:
    """Return what /proc says of `pid`, None when it is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - hot path
            text = file.read()
    except OSError:
        return None
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 20 or fields[0] in _DEAD:
        return None
    return ProcessInfo(pid, int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def read_table() -> ProcessTable:
    """Read all processes; those of other users without their environments."""
    processes = {}
    marked: defaultdict[bytes, set[int]] = defaultdict(set)
    for info in _live_processes():
        processes[info.pid] = info
        key = environment_value(info.pid, JOB_VARIABLE)
        if key is not None:
            marked[key].add(info.pid)
    return ProcessTable(processes, {key: frozenset(pids) for key, pids in marked.items()})


def is_group_alive(group: int) -> bool:
    """Tell whether any process of a group has not ended, by /proc."""
    return any(info.group == group for info in _live_processes())


def _live_processes() -> Iterator[ProcessInfo]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - hot path
        if name.isdigit() and (info := read_process(int(name))) is not None:
            yield info


def still_alive(processes: Iterable[ProcessInfo]) -> list[ProcessInfo]:
    """Return those of `processes` that have not ended."""
    return [
        process
        for process in processes
        if (now := read_process(process.pid)) is not None and now.start == process.start
    ]


def environment_value(pid: int, name: str) -> bytes | None:
    """Return a variable of a process's environment; None if it is not set or cannot be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123 - hot path
            text = file.read()
    except OSError:
        return None
    _, mark, rest = (b"\0" + text).partition(b"\0" + name.encode() + b"=")
    return rest.partition(b"\0")[0] if mark else None


class TableReader:
    """Reads the table once for all who ask in the same turn of the loop: it takes milliseconds."""

    def __init__(self) -> None:
        self._next: asyncio.Future[ProcessTable] | None = None

    async def read(self) -> ProcessTable:
        """Return a table read after this call."""
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            loop.call_soon(self._read)
        return await asyncio.shield(self._next)

    def _read(self) -> None:
        waiting, self._next = self._next, None
        if waiting is not None and not waiting.done():
            waiting.set_result(read_table())
