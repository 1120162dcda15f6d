"""Which control group of version 2 a runner may divide: one that was delegated to it.

It is that of this process, or the one that `MISSION_CGROUP` names. Files are told by what the
kernel says of them (statfs(2)), not by their paths: /sys/fs/cgroup may be version 1.
"""

import os
from pathlib import Path

from msgspec import Struct

from core.executors.cgroups.group_folder import GroupFolder

VARIABLE = "MISSION_CGROUP"
"""Names the folder of a delegated group, for runners that are started outside of it."""

PROC = Path("/proc/self")
_MAGIC = 0x63677270
"""CGROUP2_SUPER_MAGIC of statfs(2)."""

_STATFS_BYTES = 256
_MARKS = ("trusted.delegate", "user.delegate")
"""Attributes by which systemd marks a group that it leaves to its service (`Delegate=yes`)."""


class NotDelegatedError(Exception):
    """Raised when there is no group that may be divided; says why."""


class Delegation(Struct, frozen=True):
    """A group that may be divided; `is_own` when this process is in it."""

    group: GroupFolder
    is_own: bool


def find_delegation() -> Delegation:
    """Return the delegated group; raise `NotDelegatedError`."""
    own = _own_folder(PROC)
    named = os.environ.get(VARIABLE)
    if named:
        folder = Path(named)
        if not folder.is_absolute():
            raise NotDelegatedError(f"{VARIABLE} is no absolute path: {named}")
        reason = _unusable(folder)
        if reason is not None:
            raise NotDelegatedError(f"{VARIABLE} names {named}, {reason}")
        is_own = own is not None and _is_same(own, folder)
        return Delegation(GroupFolder(folder), is_own=is_own)
    if own is None:
        raise NotDelegatedError("this process is in no cgroup v2 that is mounted")
    reason = _unusable(own)
    if reason is not None:
        raise NotDelegatedError(f"its cgroup is {own}, {reason}")
    if os.geteuid() == 0 and not _is_marked(own):
        raise NotDelegatedError(f"its cgroup {own} is not marked as delegated to it")
    return Delegation(GroupFolder(own), is_own=True)


def missing_controllers(wanted: frozenset[str]) -> str | None:
    """Return why groups of jobs cannot have these controllers here, None when they can."""
    try:
        found = find_delegation().group
    except NotDelegatedError as error:
        return str(error)
    missing = wanted - found.controllers()
    return f"{found.path} has no controller `{min(missing)}`" if missing else None


def all_mounts(proc: Path = PROC) -> list[tuple[str, Path]]:
    """Return the mounts of cgroup v2: the group that is mounted, and where.

    A line of /proc/self/mountinfo reads, see proc(5):
    `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS`.
    """
    try:
        lines = (proc / "mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        fields = line.split(" ")
        if "-" in fields[6:] and fields[fields.index("-", 6) + 1] == "cgroup2":
            found.append((_unescaped(fields[3]), Path(_unescaped(fields[4]))))
    return found


def _own_folder(proc: Path) -> Path | None:
    """Return the folder of this process's group of version 2, the line `0::PATH` (cgroups(7))."""
    try:
        lines = (proc / "cgroup").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    group = next((line[3:] for line in lines if line.startswith("0::/")), None)
    if group is None:
        return None
    for root, point in all_mounts(proc):
        if root == "/" or group == root or group.startswith(root + "/"):
            return point / group.removeprefix("" if root == "/" else root).lstrip("/")
    return None


def _unusable(folder: Path) -> str | None:
    """Return why a folder cannot be divided by this process, None when it can."""
    if not folder.is_dir():
        return "which is no folder"
    needed = (folder, folder / "cgroup.procs", folder / "cgroup.subtree_control")
    if not all(os.access(path, os.W_OK) for path in needed):
        return "which it may not change" if is_version_2(folder) else "which is no cgroup v2"
    return None if is_version_2(folder) else "which is no cgroup v2"


def is_version_2(folder: Path) -> bool:
    """Tell whether a folder is a control group of version 2, by the type of its file system."""
    import ctypes  # takes milliseconds; most commands need no groups

    buffer = ctypes.create_string_buffer(_STATFS_BYTES)
    try:
        if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(folder), buffer):
            return False
    except (OSError, AttributeError):
        return False
    return ctypes.c_long.from_buffer(buffer).value & 0xFFFF_FFFF == _MAGIC


def _is_marked(folder: Path) -> bool:
    """Tell whether root may take a group for its own: root can write to all of them.

    Either systemd has marked it, or it is the topmost group of a container: the root of a
    namespace, while that of the machine has no `cgroup.type`.
    """
    if any(point == folder and (folder / "cgroup.type").exists() for _, point in all_mounts()):
        return True
    for mark in _MARKS:
        try:
            if os.getxattr(folder, mark) == b"1":
                return True
        except OSError:
            continue
    return False


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _unescaped(text: str) -> str:
    for code in ("040", "011", "012", "134"):
        text = text.replace("\\" + code, chr(int(code, 8)))
    return text
