"""Whether there is a database at a path, and whether it is still the one that was opened."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from core.errors import UnavailableError

LOOK_SECONDS = 0.05
"""How often commits that follow each other closely look whether their file is still there."""


class Place(NamedTuple):
    """A file by device and inode: another file under the same name is another place."""

    device: int
    inode: int


def is_created(path: Path) -> bool:
    """Tell whether somebody has made a database there; an empty file is one yet to be made.

    Raises `UnavailableError` for an empty file beside a log that holds records: the file was
    emptied, and SQLite would throw those records away.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return False
    except OSError:  # it is there, in some way; opening it says what is wrong
        return True
    if size or not path.is_file():
        return True
    if _has_content(path.with_name(f"{path.name}-wal")):
        raise UnavailableError(
            f"the database {path} was emptied, but {path.name}-wal beside it still holds records",
            hint="restore a backup; keep the -wal file until then",
        )
    return False


def place_of(path: str | Path) -> Place | None:
    """Return which file is at `path` now, None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - half as dear as Path.stat, and asked often
    except OSError:
        return None
    return Place(found.st_dev, found.st_ino)


class MovedError(UnavailableError):
    """Raised when an open database is no longer the file at its path."""


class Anchorage:
    """Watches that an open database, and its log of new pages, stay the files at their paths.

    A file that was deleted or replaced can still be written through an open connection, and nobody
    would ever read what was written. May be used from one thread.
    """

    def __init__(self, path: Path) -> None:
        """Take the file that is at `path` now as the right one: it has just been opened."""
        self._path = str(path.absolute())
        self._log = f"{self._path}-wal"
        self._place = place_of(self._path)
        self._log_place: Place | None = None
        self._looked_at = 0.0

    def require(self, *, at_once: bool) -> None:
        """Raise `MovedError` unless everything is where it was.

        Looks at most every `LOOK_SECONDS` unless it is to be known `at_once`: a commit should not
        pay for two calls of `stat`. The log is there from the first commit on, and known from then.
        """
        now = time.monotonic()
        if not at_once and now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        if self._place is None or place_of(self._path) != self._place:
            raise _moved(self._path)
        place = place_of(self._log)
        if self._log_place is None:
            self._log_place = place
        if place is None or place != self._log_place:
            raise _moved(self._log)


def _moved(path: str) -> MovedError:
    what = "replaced by another file" if os.path.lexists(path) else "deleted"
    return MovedError(
        f"{path} was {what} while it was in use",
        hint="what was written since cannot be read any more: restore the file or a backup",
    )


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
