"""Whether there is a database at a path, and whether it is still the one that was opened."""

from pathlib import Path
from typing import NamedTuple

from core.errors import UnavailableError


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


def place_of(path: Path) -> Place | None:
    """Return which file is at `path` now, None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Place(found.st_dev, found.st_ino)


class MovedError(UnavailableError):
    """Raised when an open database is no longer the file at its path."""


class Anchorage:
    """Watches that an open database, and its log of new pages, stay the files at their paths.

    A file that was deleted or replaced can still be written through an open connection, and nobody
    would ever read what was written. Two `stat` calls a check. May be used from one thread.
    """

    def __init__(self, path: Path) -> None:
        """Take the file that is at `path` now as the right one: it has just been opened."""
        self._path = path.absolute()
        self._files: dict[Path, Place | None] = {self._path: place_of(path)}

    def require(self) -> None:
        """Raise `MovedError` unless everything is where it was.

        The log exists from the first read or write on: it is known from the first call on.
        """
        for path, known in self._files.items():
            if known is None or place_of(path) != known:
                raise self._moved(path)
        if len(self._files) == 1:
            log = self._path.with_name(f"{self._path.name}-wal")
            self._files[log] = place_of(log)

    def _moved(self, path: Path) -> MovedError:
        what = "replaced by another file" if path.exists() else "deleted"
        return MovedError(
            f"{path} was {what} while it was in use",
            hint="what was written since cannot be read any more: restore the file or a backup",
        )


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
