"""Translate exceptions of the system into errors of the program; anything unknown is a bug."""

import os
import sys
from pathlib import Path

from core.errors import BugError, MissionDeckError, UnavailableError
from core.machine.thread_shortage import NO_THREAD, NO_THREAD_HINT

_NO_THREAD = "can't start new thread"
"""What `threading` raises as a `RuntimeError`."""


def as_mission_error(error: Exception) -> MissionDeckError:
    """Return the error that is reported for an exception: `BugError` for one that is unknown."""
    if isinstance(error, MissionDeckError):
        return error
    ours: MissionDeckError
    sqlite = sys.modules.get("sqlite3")
    if sqlite is not None and isinstance(error, sqlite.OperationalError | sqlite.DatabaseError):
        ours = UnavailableError(f"the database cannot be used: {error}")
    elif isinstance(error, FileNotFoundError) and _is_homeless(error.filename):
        ours = UnavailableError("the working directory is gone", hint="change to one that exists")
    elif isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        ours = UnavailableError(NO_THREAD, hint=NO_THREAD_HINT)
    elif isinstance(error, OSError) and error.filename is not None:
        ours = UnavailableError(f"{os.fsdecode(error.filename)}: {error.strerror or error}")
    elif isinstance(error, OSError) and error.strerror:
        ours = UnavailableError(error.strerror)
    else:
        ours = BugError(f"{type(error).__name__}: {error}", hint="please send us the report")
    ours.__cause__ = error
    return ours


def _is_homeless(name: object) -> bool:
    """Tell whether a name, or None, is not found because the working directory was deleted."""
    if isinstance(name, str | bytes | os.PathLike) and Path(os.fsdecode(name)).is_absolute():
        return False
    try:
        os.getcwd()  # noqa: PTH109 - only whether there is one
    except FileNotFoundError:
        return True
    return False
