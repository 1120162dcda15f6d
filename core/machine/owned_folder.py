"""Temporary folders of this process, known by their names when it was killed and left them.

A name holds what tells a process apart: pid, start time, and a digest of boot and pid namespace.
"""

import hashlib
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from core.machine.runner_identity import identity, is_alive

SCRIPT_PREFIX = "mission-script-"
"""Begins the names of folders with the script of a step."""

VALUES_PREFIX = "mission-values-"
"""Begins the names of folders with the files in which steps leave values."""


def make_owned_folder(prefix: str, parent: Path | None = None) -> Path:
    """Create a folder that only this user can enter, in the system's temporary one by default."""
    if parent is not None:
        folder = parent / f"{prefix}{_owner_mark()}-{os.urandom(6).hex()}"
        folder.mkdir(mode=0o700)
        return folder
    import tempfile  # 10 ms with what it imports, which most missions save

    return Path(tempfile.mkdtemp(prefix=f"{prefix}{_owner_mark()}-"))


def memory_folders() -> list[Path]:
    """Return folders that are kept in memory, the user's own first."""
    own = os.environ.get("XDG_RUNTIME_DIR")
    return [Path(one) for one in (own, "/dev/shm") if one and Path(one).is_dir()]  # noqa: S108 - a private folder is made in it


def usable_memory_folder() -> Path | None:
    """Return the first of them in which this process can make a folder, None without any."""
    return next((one for one in memory_folders() if os.access(one, os.W_OK | os.X_OK)), None)


def remove_abandoned_folders(prefix: str, parents: Iterable[Path]) -> None:
    """Remove the folders that processes of this user left which were killed on this machine."""
    for parent in parents:
        with suppress(OSError):
            for folder in parent.glob(f"{prefix}*-*"):
                mark = folder.name.removeprefix(prefix).rpartition("-")[0]
                about = folder.lstat()
                is_ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()
                if is_ours and _is_of_dead_process(mark):
                    import shutil

                    shutil.rmtree(folder, ignore_errors=True)


def temporary_folder() -> Path:
    """Return the system's folder for temporary files."""
    import tempfile

    return Path(tempfile.gettempdir())


def _owner_mark() -> str:
    return _mark_of(os.getpid())


@cache  # later there may be no descriptor left with which to read it
def _mark_of(pid: int) -> str:
    owner = identity(pid)
    boot = hashlib.sha256(owner.boot_id.encode()).hexdigest()[:16]
    return f"{owner.pid}-{owner.start_time}-{boot}"


def _is_of_dead_process(mark: str) -> bool:
    """Tell whether the process of a mark ran here and runs no more; of others nothing is known."""
    pid, _, rest = mark.partition("-")
    start, _, boot = rest.partition("-")
    if not (pid.isdecimal() and start.isdecimal()) or boot != _owner_mark().rpartition("-")[2]:
        return False
    return is_alive(replace(identity(), pid=int(pid), start_time=int(start))) is False
