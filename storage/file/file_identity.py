"""Whether a database exists at a path, and whether it is still the file that was opened."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from core.errors import UnavailableError

CHECK_INTERVAL_SECONDS = 0.05
"""The shortest time between two checks that the file is still in place, unless one is demanded."""


class FileIdentity(NamedTuple):
    """Device and inode of a file: two files under the same name differ in them."""

    device: int
    inode: int


def is_created(path: Path) -> bool:
    """Tell whether a database was created at `path`; an empty file does not count as one.

    Raises `UnavailableError` for an empty file beside a WAL that holds records: the file was
    truncated, and SQLite would discard those records.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return False
    except OSError:  # something is there; opening it will report what is wrong
        return True
    if size or not path.is_file():
        return True
    if _has_content(path.with_name(f"{path.name}-wal")):
        raise UnavailableError(
            f"the database {path} was truncated, but {path.name}-wal beside it still holds records",
            hint="restore a backup; keep the -wal file until then",
        )
    return False


def file_identity_of(path: str | Path) -> FileIdentity | None:
    """Return the identity of the file at `path`, None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - half the cost of Path.stat, and called often
    except OSError:
        return None
    return FileIdentity(found.st_dev, found.st_ino)


class DatabaseReplacedError(UnavailableError):
    """Raised when an open database is no longer the file at its path."""


class DatabaseFileGuard:
    """Checks that an open database and its write-ahead log are still the files at their paths.

    A file that was deleted or replaced can still be written through an open connection, but nobody
    could ever read what was written. Not thread-safe.
    """

    def __init__(self, path: Path) -> None:
        """Remember the identity of the file at `path`, which has just been opened."""
        self._path = str(path.absolute())
        self._log = f"{self._path}-wal"
        self._identity = file_identity_of(self._path)
        self._log_identity: FileIdentity | None = None
        self._checked_at = 0.0

    def require(self, *, immediately: bool) -> None:
        """Raise `DatabaseReplacedError` unless both files are still in place.

        Checks at most every `CHECK_INTERVAL_SECONDS` unless `immediately` is set: a commit should
        not pay for two calls of `stat`. The WAL exists and is known from the first commit on.
        """
        now = time.monotonic()
        if not immediately and now - self._checked_at < CHECK_INTERVAL_SECONDS:
            return
        self._checked_at = now
        if self._identity is None or file_identity_of(self._path) != self._identity:
            raise _replaced(self._path)
        identity = file_identity_of(self._log)
        if self._log_identity is None:
            self._log_identity = identity
        if identity is None or identity != self._log_identity:
            raise _replaced(self._log)


def _replaced(path: str) -> DatabaseReplacedError:
    what = "replaced by another file" if os.path.lexists(path) else "deleted"
    return DatabaseReplacedError(
        f"{path} was {what} while it was in use",
        hint="records written since then are lost: restore the file or a backup",
    )


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
