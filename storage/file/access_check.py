"""Why the system does not let us read or write a database: its owner, its mode, its mount."""

import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple

_ELSEWHERE = "--db or MISSION_DB names another file"


class Obstacle(NamedTuple):
    """What stands in the way, in words, and what to do about it."""

    message: str
    hint: str


def find_obstacle(path: Path) -> Obstacle | None:
    """Return the first thing that keeps this process from writing the database at `path`.

    Looks at its folder, at the file and at its `-wal` and `-shm`; None when all of them allow it.
    """
    path = path.absolute()
    companions = (path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))
    for place in (path.parent, path, *companions):
        try:
            found = place.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return Obstacle(f"{place}: {error.strerror or error}", _ELSEWHERE)
        if _may(place, os.W_OK | os.R_OK):
            continue
        if _is_mounted_readonly(place):
            return Obstacle(f"{place} is on a read-only file system", _ELSEWHERE)
        return _denied(place, found, "written" if _may(place, os.R_OK) else "read")
    return None


def is_writable_folder(folder: Path) -> bool:
    """Tell whether this process may create files in `folder`."""
    return _may(folder, os.W_OK | os.X_OK)


def _may(place: Path, mode: int) -> bool:
    return os.access(place, mode, effective_ids=os.access in os.supports_effective_ids)


def _is_mounted_readonly(place: Path) -> bool:
    try:
        return bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _denied(place: Path, found: os.stat_result, what: str) -> Obstacle:
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == os.geteuid():
        right = "u+rwx" if stat.S_ISDIR(found.st_mode) else "u+rw"
        return Obstacle(
            f"{place} cannot be {what}, mode {mode:03o}", f"chmod {right} {place}, or {_ELSEWHERE}"
        )
    return Obstacle(
        f"{place} belongs to {user_name(found.st_uid)} and cannot be {what} by"
        f" {user_name(os.geteuid())}, mode {mode:03o}",
        f"work as its owner, or {_ELSEWHERE}",
    )


def user_name(uid: int) -> str:
    """Return `user NAME (uid N)`, or `uid N` for one that the system does not know."""
    try:
        return f"user {pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
