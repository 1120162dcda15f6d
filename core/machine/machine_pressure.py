"""Measures what the machine has left: disk, memory, file descriptors, processes.

What a system does not tell is left out. On Linux the limits of the cgroups count that this process
is in, from its own up to the root: the tightest holds.
"""

import asyncio
import contextlib
import os
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.ports.pressure import DiskSpace, Readings

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")

_V1_UNLIMITED = 1 << 60
"""A cgroup v1 without a limit says a number near 2^63."""

_KIB = 1024


class MachinePressure:
    """Implements `core.ports.pressure.PressureGauge` for this machine and process."""

    def __init__(
        self, folders: Sequence[Path], *, proc: Path = PROC, cgroups: Path = CGROUPS
    ) -> None:
        self._folders = tuple(folders)
        self._proc = proc
        self._memory, self._pids = _cgroups_of(proc, cgroups)
        self._reading: asyncio.Future[Readings] | None = None

    async def read(self) -> Readings:
        """Measure in a thread: a network file system that hangs must not hold up the event loop.

        While one measurement hangs no other is begun, and nothing is known.
        """
        if self._reading is not None and not self._reading.done():
            return Readings()
        self._reading = asyncio.get_running_loop().run_in_executor(None, self.measure)
        done, _ = await asyncio.wait({self._reading}, timeout=_HANG_SECONDS)
        return self._reading.result() if done else Readings()

    def awake(self) -> float:
        """Return the seconds that the machine has been awake (CLOCK_MONOTONIC on Linux)."""
        return time.monotonic()

    def measure(self) -> Readings:
        """Return what is left now."""
        return Readings(
            disks=tuple(_disks(self._folders)),
            free_memory_bytes=_least([self._available(), *map(_free_memory, self._memory)]),
            free_open_files=self.free_open_files(),
            free_processes=_least([self._free_processes(), *map(_free_pids, self._pids)]),
        )

    def _available(self) -> int | None:
        """Return MemAvailable of `/proc/meminfo`, see proc_meminfo(5)."""
        found = _field(self._proc / "meminfo", "MemAvailable:")
        return None if found is None else found * _KIB

    def free_open_files(self) -> int | None:
        """Return how many more descriptors this process may open (RLIMIT_NOFILE)."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        for folder in (self._proc / "self" / "fd", Path("/dev/fd")):
            with contextlib.suppress(OSError):
                return limit - len(os.listdir(folder))  # noqa: PTH208 - they are only counted
        return None

    def _free_processes(self) -> int | None:
        """Return how many more the user may have (RLIMIT_NPROC); root may have any number."""
        limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
        user = os.getuid()
        if limit == resource.RLIM_INFINITY or user == 0:
            return None
        with contextlib.suppress(OSError, ValueError, IndexError):
            # All threads of the machine, from proc_loadavg(5): counting those of the user is dear.
            everybody = int((self._proc / "loadavg").read_text().split()[3].split("/")[1])
            if limit - everybody >= _PLENTY:
                return limit - everybody
            return limit - sum(_threads_of(self._proc, user))
        return None


_HANG_SECONDS = 2.0
"""How long a measurement may take before nothing is known."""

_PLENTY = 1000
"""Free processes from which it does not matter whose the others are."""


def _disks(folders: Sequence[Path]) -> Iterator[DiskSpace]:
    """Yield the free space of each file system that one of the folders is on, once."""
    seen: set[int] = set()
    for folder in folders:
        with contextlib.suppress(OSError):
            device = folder.stat().st_dev
            if device not in seen:
                seen.add(device)
                found = os.statvfs(folder)
                yield DiskSpace(str(folder), found.f_bavail * found.f_frsize)


def _cgroups_of(proc: Path, root: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders of the cgroups that may limit memory, and of those that may limit pids.

    `/proc/self/cgroup` names one of v2 (`0::/path`) and one of v1 for each controller
    (`4:memory:/path`), see cgroups(7). Within a container the path may be that of the host: then
    only the root is there.
    """
    memory: list[Path] = []
    pids: list[Path] = []
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return [], []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found = _up_to(root, path)
            memory += found
            pids += found
        elif "memory" in controllers.split(","):
            memory += _up_to(root / "memory", path)
        elif "pids" in controllers.split(","):
            pids += _up_to(root / "pids", path)
    return memory, pids


def _up_to(root: Path, path: str) -> list[Path]:
    """Return the folder of a cgroup and those above it, as far as they exist."""
    folder = root / path.lstrip("/")
    if not folder.is_dir():
        folder = root
    above = [one for one in folder.parents if one == root or root in one.parents]
    return [one for one in (folder, *above) if one.is_dir()]


def _free_memory(folder: Path) -> int | None:
    """Return what a cgroup may still take; cached pages of files are given back on demand."""
    for limit_name, usage_name, cached in (
        ("memory.max", "memory.current", ("inactive_file", "active_file", "slab_reclaimable")),
        (
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            ("total_inactive_file", "total_active_file"),
        ),
    ):
        limit, usage = _number(folder / limit_name), _number(folder / usage_name)
        if limit is not None and usage is not None and limit < _V1_UNLIMITED:
            stat = folder / "memory.stat"
            return limit - usage + sum(_field(stat, name) or 0 for name in cached)
    return None


def _free_pids(folder: Path) -> int | None:
    limit, usage = _number(folder / "pids.max"), _number(folder / "pids.current")
    return None if limit is None or usage is None else limit - usage


def _number(path: Path) -> int | None:
    """Return the number that a file holds; None where there is no file, or it says `max`."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int | None:
    """Return the number behind a name in a file of lines `name number`."""
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            words = line.split()
            if words and words[0] == name:
                return int(words[1])
    return None


def _threads_of(proc: Path, user: int) -> Iterator[int]:
    """Yield the number of threads of each process of a user."""
    for name in os.listdir(proc):  # noqa: PTH208 - names are what is wanted
        if name.isdecimal():
            with contextlib.suppress(OSError):  # it may have ended
                if (proc / name).stat().st_uid == user:
                    yield _field(proc / name / "status", "Threads:") or 1


def _least(numbers: Sequence[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
