"""The limits of a job in the system's terms, and which of them this system can hold.

Each process has resource limits (`setrlimit(2)`) that its children inherit. Memory and number of
processes of a whole job need a cgroup: RLIMIT_AS counts reserved addresses, RLIMIT_NPROC all
processes of the user.
"""

import resource
from collections.abc import Callable

from core.domain.process_policy import ProcessLimits
from core.executors.cgroups.delegation import missing_controllers

BYTES_PER_MB = 1024 * 1024

CPU_KILL_SECONDS = 5
"""Processor time between SIGXCPU, which a process may handle, and SIGKILL."""

HardLimit = Callable[[int], int]


CONTROLLERS = {"memory_mb": "memory", "processes": "pids"}
"""The controllers of cgroup v2 that hold the limits of all processes together."""


def unenforceable(
    limits: ProcessLimits, *, hard_limit: HardLimit | None = None, has_group: bool = False
) -> str | None:
    """Return what of `limits` cannot be enforced here and why, or None when all of it can.

    With `has_group` the job has a control group, which holds what is limited for all processes
    together.
    """
    names = [name for name in CONTROLLERS if getattr(limits, name) is not None]
    if names and not has_group:
        reason = missing_controllers(frozenset(CONTROLLERS[name] for name in names))
        if reason is not None:
            what = f"`{names[0]}` needs" if len(names) == 1 else "`memory_mb` and `processes` need"
            return f"{what} a delegated cgroup v2, which the runner does not have: {reason}"
    find = _hard_limit if hard_limit is None else hard_limit
    for name, kind, wanted in _soft_limits(limits):
        most = find(kind)
        if most != resource.RLIM_INFINITY and wanted > most:
            shown = most // BYTES_PER_MB if name == "file_mb" else most
            return f"`{name}` is above this system's limit of {shown:,}"
    return None


def resource_limits(limits: ProcessLimits) -> list[tuple[int, int, int]]:
    """Return resource, soft and hard limit for `setrlimit`; no hard limit is ever raised."""
    result = []
    for name, kind, wanted in _soft_limits(limits):
        hard = wanted + CPU_KILL_SECONDS if name == "cpu_seconds" else wanted
        most = _hard_limit(kind)
        result.append((kind, wanted, hard if most == resource.RLIM_INFINITY else min(hard, most)))
    return result


def _soft_limits(limits: ProcessLimits) -> list[tuple[str, int, int]]:
    size = None if limits.file_mb is None else limits.file_mb * BYTES_PER_MB
    wanted = (
        ("cpu_seconds", resource.RLIMIT_CPU, limits.cpu_seconds),
        ("open_files", resource.RLIMIT_NOFILE, limits.open_files),
        ("file_mb", resource.RLIMIT_FSIZE, size),
    )
    return [(name, kind, value) for name, kind, value in wanted if value is not None]


def _hard_limit(kind: int) -> int:
    return resource.getrlimit(kind)[1]
