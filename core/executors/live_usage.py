"""What the processes of a running attempt use at this moment, read from /proc (see proc(5))."""

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from core.executors.tree import read_table
from core.machine.runner_identity import is_alive
from core.ports.control import RunnerIdentity

_MS = 1000


class LiveUsage(Struct, frozen=True):
    """Sums over the live processes of a job that are found on this machine.

    `cpu_ms` includes ended children that were waited for. Memory is the resident set: pages that
    processes share count for each of them.
    """

    processes: int
    cpu_ms: int
    memory_bytes: int


def live_usage(runner: RunnerIdentity, key: str) -> LiveUsage | None:
    """Return what the job `key` of a runner uses.

    None when that runner does not live on this machine, when no process is found, without /proc.

    Its processes are those that carry `key` in their environment, all of their sessions, for a job
    has sessions of its own, and all below them.
    """
    if not is_alive(runner):
        return None
    try:
        table = read_table()
    except OSError:
        return None
    marked = table.marked.get(key.encode(), frozenset())
    sessions = {table.processes[pid].session for pid in marked}
    members = {info.pid for info in table.processes.values() if info.session in sessions}
    found = [
        usage
        for process in table.with_descendants(marked | members)
        for usage in _usage_of(process.pid)
    ]
    if not found:
        return None
    return LiveUsage(
        processes=len(found),
        cpu_ms=sum(cpu for cpu, _ in found),
        memory_bytes=sum(memory for _, memory in found),
    )


def _usage_of(pid: int) -> Iterator[tuple[int, int]]:
    """Yield processor time in milliseconds and memory in bytes, nothing for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
        fields = [int(one) for one in text[text.rfind(b")") + 4 :].split()]
    except (OSError, ValueError):
        return
    # Fields 14 to 17 of proc_pid_stat(5) are processor times in ticks, field 24 is rss in pages;
    # the first of `fields` is field 4.
    ticks = sum(fields[10:14])
    yield ticks * _MS // os.sysconf("SC_CLK_TCK"), fields[20] * os.sysconf("SC_PAGE_SIZE")
