"""Determines why a database cannot be read or written: owner, mode or mount."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from core.machine.file_owner import user_name

_ELSEWHERE = "--db or MISSION_DB names another file"


class AccessProblem(NamedTuple):
    """Why access is denied, and a hint how to fix it."""

    message: str
    hint: str


def find_access_problem(path: Path) -> AccessProblem | None:
    """Return the first problem that prevents this process from writing the database at `path`.

    Checks its folder, the file itself, `-wal` and `-shm`; returns None if all are accessible.
    """
    path = path.absolute()
    companions = (path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))
    for place in (path.parent, path, *companions):
        try:
            found = place.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return AccessProblem(f"{place}: {error.strerror or error}", _ELSEWHERE)
        if _may(place, os.W_OK | os.R_OK):
            continue
        if _is_mounted_readonly(place):
            return AccessProblem(f"{place} is on a read-only file system", _ELSEWHERE)
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


def _denied(place: Path, found: os.stat_result, what: str) -> AccessProblem:
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == os.geteuid():
        right = "u+rwx" if stat.S_ISDIR(found.st_mode) else "u+rw"
        return AccessProblem(
            f"{place} cannot be {what}, mode {mode:03o}", f"chmod {right} {place}, or {_ELSEWHERE}"
        )
    return AccessProblem(
        f"{place} belongs to {user_name(found.st_uid)} and cannot be {what} by"
        f" {user_name(os.geteuid())}, mode {mode:03o}",
        f"run as its owner, or {_ELSEWHERE}",
    )
