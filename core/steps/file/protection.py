"""What no file step may touch: the home folder with database, keys and configuration.

A protected path is known by what it is (device and inode, which a hard link shares) and by where
its name stands, so that a file or folder that does not exist yet cannot be planted either. Where
folders on the way to it are missing as well, they may be made; the first of them is remembered, and
whoever has gone through it looks anew.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from core.steps.file.place import PathRefusedError

SIDECARS = ("", "-wal", "-shm", "-journal")
"""A SQLite database is these files: protecting one protects all."""

Identity = tuple[int, int]
Name = tuple[int, int, str]


class Protection:
    """Protected files and folders; of a folder, everything in it."""

    __slots__ = ("_identities", "_names", "_paths", "_ways")

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._identities: set[Identity] = set()
        self._names: set[Name] = set()
        self._ways: set[Name] = set()
        self.look()

    def look(self) -> None:
        """Look where the protected paths are now; what was protected before stays so."""
        self._ways.clear()
        glance = _Glance()
        for path in self._paths:
            absolute = os.path.abspath(path)  # noqa: PTH100 - for every file step: strings are quick
            self._add(absolute, glance)
            if glance.has_link(absolute):  # SQLite follows a link to its database
                self._add(os.path.realpath(absolute), glance)

    def _add(self, path: str, glance: "_Glance") -> None:
        for suffix in SIDECARS:
            found = glance.status(path + suffix)
            if found is not None:
                self._identities.add(_identity(found))
        folder, name = os.path.split(path)
        holder = glance.status(folder)
        if holder is not None:
            self._names.update(_name(holder, name + suffix) for suffix in SIDECARS)
        while folder != "/":
            above, name = os.path.split(folder)
            upper = glance.status(above)
            if upper is not None and glance.is_link(folder):
                self._names.add(_name(upper, name))
            elif upper is not None and holder is None:
                self._ways.add(_name(upper, name))
                holder = upper
            folder = above

    def __bool__(self) -> bool:
        return bool(self._paths)

    def covers(self, found: os.stat_result) -> bool:
        """Tell whether that file or folder is protected itself."""
        return _identity(found) in self._identities

    def covers_name(self, directory: int, name: str) -> bool:
        """Tell whether `name` in an open folder is protected, whether it exists or not."""
        return _name(os.fstat(directory), name) in self._names

    def is_way(self, directory: int, name: str) -> bool:
        """Tell whether `name` in an open folder is a missing folder on the way to a protected one.

        Who has made or opened that folder has to call `look`.
        """
        return bool(self._ways) and _name(os.fstat(directory), name) in self._ways

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


class _Glance:
    """What the file system says at one moment: each path is asked for once."""

    def __init__(self) -> None:
        self._found: dict[str, os.stat_result | None] = {}
        self._links: dict[str, bool] = {}

    def status(self, path: str) -> os.stat_result | None:
        """Return what is at `path`, links followed; None when nothing is."""
        if path not in self._found:
            try:
                self._found[path] = os.stat(path)  # noqa: PTH116 - see `look`
            except OSError:
                self._found[path] = None
        return self._found[path]

    def is_link(self, path: str) -> bool:
        """Tell whether `path` itself is a symbolic link."""
        if path not in self._links:
            self._links[path] = os.path.islink(path)  # noqa: PTH114 - see `look`
        return self._links[path]

    def has_link(self, path: str) -> bool:
        """Tell whether `path` or a folder on the way to it is a symbolic link."""
        while path != "/":
            if self.is_link(path):
                return True
            path = path.rpartition("/")[0] or "/"
        return False


def _name(folder: os.stat_result, name: str) -> Name:
    return (*_identity(folder), name.casefold())  # macOS ignores the case


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino
