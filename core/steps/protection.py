"""What no file step may touch: the home folder with database, keys and configuration.

A protected path is known by what it is (device and inode, which a hard link shares) and by where
its name stands, so that a file or folder that does not exist yet cannot be planted either.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from core.steps.place import PathRefusedError

SIDECARS = ("", "-wal", "-shm", "-journal")
"""A SQLite database is these files: protecting one protects all."""

Identity = tuple[int, int]


class Protection:
    """Protected files and folders; of a folder, everything in it."""

    __slots__ = ("_identities", "_names")

    def __init__(self, paths: Iterable[Path]) -> None:
        self._identities: set[Identity] = set()
        self._names: set[tuple[int, int, str]] = set()
        for path in paths:
            for form in {path.absolute(), path.resolve()}:  # SQLite follows a link to its database
                for suffix in SIDECARS:
                    self._add(form.with_name(form.name + suffix) if suffix else form)

    def _add(self, path: Path) -> None:
        with suppress(OSError):
            self._identities.add(_identity(path.stat()))
        for folder, name in _names(path):
            self._names.add((*_identity(folder), name.casefold()))  # macOS ignores the case

    def __bool__(self) -> bool:
        return bool(self._names)

    def covers(self, found: os.stat_result) -> bool:
        """Tell whether that file or folder is protected itself."""
        return _identity(found) in self._identities

    def covers_name(self, directory: int, name: str) -> bool:
        """Tell whether `name` in an open folder is protected, whether it exists or not."""
        return (*_identity(os.fstat(directory)), name.casefold()) in self._names

    def check_root(self, root: Path) -> None:
        """Raise `PathRefusedError` when a folder is protected, or lies in one that is."""
        if not self:
            return
        resolved = root.resolve()
        for folder in (resolved, *resolved.parents):
            if self.covers(folder.stat()):
                raise PathRefusedError(
                    f"the working directory {root} is inside {folder}, which belongs to Mission"
                    " Deck: file steps need another one"
                )


def _names(path: Path) -> Iterator[tuple[os.stat_result, str]]:
    """Yield where a path can be replaced, as folder and name.

    That is its last component or, when its folder is missing too, the first that is; and every
    symbolic link on the way.
    """
    child = path
    found = False
    for folder in path.parents:
        if not found:
            with suppress(OSError):
                yield folder.stat(), child.name
                found = True
        elif child.is_symlink():
            with suppress(OSError):
                yield folder.stat(), child.name
        child = folder


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino
