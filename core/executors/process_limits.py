"""The limits of a job in the system's terms, and which of them this system can hold.

Each process has resource limits (`setrlimit(2)`) that its children inherit. Memory and number of
processes of a whole job need a cgroup: RLIMIT_AS counts reserved addresses, RLIMIT_NPROC all
processes of the user.
"""

import resource
from collections.abc import Callable

from core.domain.process_policy import ProcessLimits

BYTES_PER_MB = 1024 * 1024

CPU_KILL_SECONDS = 5
"""Processor time between SIGXCPU, which a process may handle, and SIGKILL."""

HardLimit = Callable[[int], int]


def unenforceable(limits: ProcessLimits, *, hard_limit: HardLimit | None = None) -> str | None:
    """Return what of `limits` cannot be enforced here and why, or None when all of it can."""
    names = [name for name in ("memory_mb", "processes") if getattr(limits, name) is not None]
    if names:
        what = f"`{names[0]}` needs" if len(names) == 1 else "`memory_mb` and `processes` need"
        return f"{what} a delegated cgroup v2, which the runner does not have"
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
