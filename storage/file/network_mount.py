"""Detects paths on a network file system, where a WAL cannot be shared between machines.

SQLite keeps the index of a write-ahead log in memory shared by the processes of one machine, and
relies on locks that many network file systems do not implement (https://sqlite.org/wal.html).
"""

import os
from pathlib import Path

from core.errors import UnavailableError

MOUNTS = Path("/proc/self/mountinfo")
"""The mount table of this process (proc(5)); it exists on Linux only."""

NETWORK_TYPES = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "gpfs", "lustre",
        "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "pvfs2", "smb2", "smb3", "smbfs",
        "vboxsf",
        "fuse.ceph", "fuse.ceph-fuse", "fuse.davfs", "fuse.gcsfuse", "fuse.glusterfs",
        "fuse.goofys", "fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs", "fuse.sshfs",
    }
)  # fmt: skip
"""Types of file systems, as named in the mount table, that other machines may write to."""


def require_local(path: Path) -> None:
    """Raise `UnavailableError` if `path`, which need not exist, lies on a network file system."""
    kind = network_file_system(path)
    if kind is not None:
        raise UnavailableError(
            f"{path} is on a network file system ({kind}), where a database in use can be damaged",
            hint="--db or MISSION_DB names a file on a local disk; "
            "`mission db backup FILE` copies an existing database there",
        )


def network_file_system(path: Path) -> str | None:
    """Return the type of the network file system of `path`, None if it is a local one.

    Also None if it is unknown: without a mount table, or for a mount that is not in it.
    """
    device = _device(path.absolute())
    if device is None:
        return None
    try:
        table = MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    kinds = _types(table)
    kind = kinds.get(f"{os.major(device)}:{os.minor(device)}")
    return kind if kind in NETWORK_TYPES else None


def _device(path: Path) -> int | None:
    """Return the device of `path`, or of its nearest existing ancestor."""
    for place in (path, *path.parents):
        try:
            return place.stat().st_dev
        except OSError:
            continue
    return None


def _types(table: str) -> dict[str, str]:
    """Return the types of mounted file systems by `major:minor` of their devices.

    A line reads `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS`.
    """
    found = {}
    for line in table.splitlines():
        fields = line.split(" ")
        try:
            found[fields[2]] = fields[fields.index("-", 6) + 1]
        except (ValueError, IndexError):
            continue
    return found
