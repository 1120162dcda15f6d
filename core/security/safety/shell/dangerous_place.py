"""Which paths are dangerous to delete as a whole, and which are block devices. Asks no system."""

import posixpath
import re
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from core.security.safety.shell.shell_mark import ANY, HOME, UNKNOWN, plain

SYSTEM_FOLDERS: Final = frozenset(
    f"/{name}"
    for name in (
        *("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "proc", "root", "sbin"),
        *("sys", "usr", "var"),
    )
)
"""Folders of every Unix without which it does not run (Filesystem Hierarchy Standard 3.0)."""

_LIVE: Final = re.compile(rf"[*?{ANY}]|\[[^\]/]*\]")
_HOME_NAMES: Final = ("$HOME", "${HOME}")
_OTHER_ROOT: Final = re.compile(r"^/proc/(?:self|thread-self|\d+)/root(?:/|$)")
"""Another name of `/` (proc(5))."""
_DEVICE: Final = re.compile(
    r"/dev/(?:(?:sd|hd|vd|xvd)[a-z]+\d*|nvme\d+n\d+(?:p\d+)?|mmcblk\d+(?:p\d+|boot\d+|rpmb)?"
    r"|(?:dm-|md|loop|nbd|ram|zram|sr|fd)\d+(?:p\d+)?|md/.+|mapper/(?!control$).+|disk/by-[^/]+/.+"
    r"|block/.+|root)"
)
_DEVICE_NAMES: Final = (
    *("sda", "sda1", "hda", "hda1", "vda", "vda1", "xvda", "xvda1", "nvme0n1", "nvme0n1p1"),
    *("mmcblk0", "mmcblk0p1", "dm-0", "md0", "loop0", "mapper/x", "disk/by-id/x"),
    *("disk/by-uuid/x", "disk/by-label/x", "disk/by-path/x"),
)
"""Block devices that a wildcard may stand for."""


class Places(Struct, frozen=True, kw_only=True):
    """What is known of the machine: the user's home folder, and where file systems are mounted."""

    home: str = ""
    mounts: frozenset[str] = frozenset()


def absolute(word: str, folder: str | None) -> str | None:
    """Return the path that a word means in `folder`, None when that is not known.

    What follows an unknown part is kept; symbolic links are not followed.
    """
    for name in _HOME_NAMES:
        if plain(word).startswith(name):
            word = HOME + plain(word).removeprefix(name)
    if word.startswith(HOME):
        path = HOME + posixpath.normpath("/" + word[1:])
        return path.rstrip("/") or path
    if word.startswith("/"):
        return _OTHER_ROOT.sub("/", posixpath.normpath("/" + word.lstrip("/")))
    if folder is None or not word or word.startswith(UNKNOWN):
        return None
    joined = posixpath.normpath(posixpath.join(folder, word))
    return "/" + joined.lstrip("/") if joined.startswith("//") else joined


def dangerous_folder(word: str, folder: str | None, places: Places) -> str | None:
    """Return what a word means if deleting that would delete a system, a home or a mount.

    `/`, a home folder and whatever it is in, a mount point and the folders of the system, and all
    that is in one of them: `/*`.
    """
    path = absolute(word, folder)
    if path is None:
        return None
    parent, _, last = path.rpartition("/")
    while last and (_LIVE.search(last) or last in {".", ".."}) and _is_everything(last):
        path = parent or "/"
        parent, _, last = path.rpartition("/")
    if UNKNOWN in path or _LIVE.search(path):
        return None
    if path.startswith(HOME):
        return "a home folder" if path.rstrip("/") == HOME else None
    path = plain(path)
    if path == "/":
        return "/"
    if places.home and (path == places.home or places.home.startswith(path + "/")):
        return f"the home folder {places.home}"
    if path in SYSTEM_FOLDERS:
        return f"the system's folder {path}"
    return f"the mounted file system {path}" if path in places.mounts else None


def _is_everything(name: str) -> bool:
    """Tell whether a name of nothing but wildcards matches all that is in a folder."""
    return not _LIVE.sub("", name).strip(".") and bool(re.search(rf"[*{ANY}]", name))


def block_device(word: str, folder: str | None) -> str | None:
    """Return the path of the block device that a word names, present or not; None for others."""
    path = absolute(word, folder)
    if path is None or not path.startswith("/dev/"):
        return None
    if _LIVE.search(path):
        pattern = path.replace(ANY, "*")
        if not any(fnmatchcase(f"/dev/{name}", pattern) for name in _DEVICE_NAMES):
            return None
        return plain(path)
    path = plain(path)
    return path if _DEVICE.fullmatch(path) else None
