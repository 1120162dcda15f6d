"""One control group: its folder and files as the kernel has them; knows nothing of jobs.

The formats are those of the kernel's Documentation/admin-guide/cgroup-v2.rst.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

from msgspec import Struct

_PAUSE_SECONDS = 0.005


class GroupFolder(Struct, frozen=True):
    """A control group of version 2."""

    path: Path

    @property
    def door(self) -> str:
        """The file that a process's pid is written to, so that it moves here."""
        return str(self.path / "cgroup.procs")

    def create(self) -> None:
        """Create the group, which may exist; raises `OSError`."""
        self.path.mkdir(parents=True, exist_ok=True)

    def add(self, pid: int) -> None:
        """Move a process here, with all its threads; raises `OSError`."""
        _write(self.path / "cgroup.procs", str(pid))

    def processes(self) -> list[int]:
        """Return the pids of the group and of those below it; zombies are not among them."""
        found: list[int] = []
        for folder in self._family():
            with contextlib.suppress(OSError):  # it was removed meanwhile
                found += map(int, (folder / "cgroup.procs").read_text("ascii").split())
        return found

    def kill(self) -> None:
        """Kill all that is in the group and below it, whatever is forked meanwhile."""
        try:
            _write(self.path / "cgroup.kill", "1")
        except OSError:  # Linux before 5.14 has no such file
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def end(self, seconds: float) -> int:
        """Kill until nothing is left; return how many were left after `seconds`. Blocks."""
        deadline = time.monotonic() + seconds
        while left := self.processes():
            if time.monotonic() >= deadline:
                return len(left)
            self.kill()
            time.sleep(_PAUSE_SECONDS)
        return 0

    def remove(self) -> bool:
        """Remove the group and those below it, except where something runs; tell if all is gone."""
        for folder in reversed(self._family()):
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not self.path.exists()

    # --- controllers -----------------------------------------------------------------------------

    def controllers(self) -> frozenset[str]:
        """Return the controllers that groups below this one may use."""
        return self._words("cgroup.controllers")

    def enable(self, wanted: frozenset[str]) -> None:
        """Let the groups below use controllers; raises `OSError`: EBUSY while it has processes."""
        missing = wanted - self._words("cgroup.subtree_control")
        if missing:
            text = " ".join(f"+{name}" for name in sorted(missing))
            _write(self.path / "cgroup.subtree_control", text)

    def limit(self, *, memory_bytes: int | None, processes: int | None) -> None:
        """Limit the memory, without swap, and the number of processes; raises `OSError`."""
        if memory_bytes is not None:
            _write(self.path / "memory.max", str(memory_bytes))
            with contextlib.suppress(FileNotFoundError):  # a kernel without accounting of swap
                _write(self.path / "memory.swap.max", "0")
            with contextlib.suppress(FileNotFoundError):  # Linux before 4.19
                _write(self.path / "memory.oom.group", "1")
        if processes is not None:
            _write(self.path / "pids.max", str(processes))

    def memory_kills(self) -> int:
        """Return how many processes the kernel has killed here for lack of memory."""
        return self._event("memory.events", "oom_kill")

    def refused_forks(self) -> int:
        """Return how often the limit on processes was met."""
        return self._event("pids.events", "max")

    def peak_memory_bytes(self) -> int | None:
        """Return the most memory it had, pages of files included; None where this is not kept."""
        return self._number("memory.peak")

    def peak_processes(self) -> int | None:
        """Return the most processes and threads it had; None where this is not kept."""
        return self._number("pids.peak")

    def _event(self, file: str, name: str) -> int:
        try:
            lines = (self.path / file).read_text("ascii").splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)

    def _number(self, file: str) -> int | None:
        try:
            return int((self.path / file).read_text("ascii"))
        except (OSError, ValueError):
            return None

    def _words(self, file: str) -> frozenset[str]:
        try:
            return frozenset((self.path / file).read_text("ascii").split())
        except OSError:
            return frozenset()

    def _family(self) -> list[Path]:
        """Return this folder and all below it, parents first."""
        return [Path(folder) for folder, _, _ in os.walk(self.path)]


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode("ascii"))
    finally:
        os.close(handle)
