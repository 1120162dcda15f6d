"""Paths that are protected from file steps: the home folder with database, keys and configuration.

A protected path is recognised by its identity (device and inode, which a hard link shares) and by
its name in its folder, so that a file that does not exist yet cannot be planted either. Missing
ancestors of a protected path may be created; the first of them is remembered, and `refresh` must
be called after it was created.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from core.steps.file.place import PathRefusedError

SIDECARS = ("", "-wal", "-shm", "-journal")
"""Suffixes of the files of one SQLite database: protecting the database protects all of them."""

Identity = tuple[int, int]
Name = tuple[int, int, str]


class Protection:
    """Protected files and folders, the latter with everything in them."""

    __slots__ = ("_identities", "_missing_ancestors", "_names", "paths")

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = tuple(paths)
        """The files and folders that steps may not touch."""
        self._identities: set[Identity] = set()
        self._names: set[Name] = set()
        self._missing_ancestors: set[Name] = set()
        self.refresh()

    def refresh(self) -> None:
        """Locate the protected paths; what was protected before stays protected."""
        self._missing_ancestors.clear()
        stats = _StatCache()
        for path in self.paths:
            absolute = os.path.abspath(path)  # noqa: PTH100 - runs for every file step: str is faster
            self._add(absolute, stats)
            if stats.has_link(absolute):  # SQLite follows a link to its database
                self._add(os.path.realpath(absolute), stats)

    def _add(self, path: str, stats: "_StatCache") -> None:
        for suffix in SIDECARS:
            found = stats.status(path + suffix)
            if found is not None:
                self._identities.add(_identity(found))
        folder, name = os.path.split(path)
        holder = stats.status(folder)
        if holder is not None:
            self._names.update(_name(holder, name + suffix) for suffix in SIDECARS)
        while folder != "/":
            above, name = os.path.split(folder)
            upper = stats.status(above)
            if upper is not None and stats.is_link(folder):
                self._names.add(_name(upper, name))
            elif upper is not None and holder is None:
                self._missing_ancestors.add(_name(upper, name))
                holder = upper
            folder = above

    def __bool__(self) -> bool:
        return bool(self.paths)

    def covers(self, found: os.stat_result) -> bool:
        """Tell whether that file or folder is a protected one, by identity."""
        return _identity(found) in self._identities

    def covers_name(self, directory: int, name: str) -> bool:
        """Tell whether `name` in an open folder is protected, whether it exists or not."""
        return _name(os.fstat(directory), name) in self._names

    def is_missing_ancestor(self, directory: int, name: str) -> bool:
        """Tell whether `name` in an open folder is a missing ancestor of a protected path.

        Whoever creates or opens that folder has to call `refresh`.
        """
        return (
            bool(self._missing_ancestors)
            and _name(os.fstat(directory), name) in self._missing_ancestors
        )

    def check_root(self, root: Path) -> None:
        """Raise `PathRefusedError` if a folder is protected or inside a protected folder."""
        if not self:
            return
        resolved = root.resolve()
        for folder in (resolved, *resolved.parents):
            if self.covers(folder.stat()):
                raise PathRefusedError(
                    f"the working directory {root} is inside {folder}, which belongs to Mission"
                    " Deck: file steps need a different working directory"
                )


class _StatCache:
    """Caches file status during one refresh, so that each path is read once."""

    def __init__(self) -> None:
        self._found: dict[str, os.stat_result | None] = {}
        self._links: dict[str, bool] = {}

    def status(self, path: str) -> os.stat_result | None:
        """Return the status of `path`, following links; None if it does not exist."""
        if path not in self._found:
            try:
                self._found[path] = os.stat(path)  # noqa: PTH116 - see `refresh`
            except OSError:
                self._found[path] = None
        return self._found[path]

    def is_link(self, path: str) -> bool:
        """Tell whether `path` itself is a symbolic link."""
        if path not in self._links:
            self._links[path] = os.path.islink(path)  # noqa: PTH114 - see `refresh`
        return self._links[path]

    def has_link(self, path: str) -> bool:
        """Tell whether `path` or one of its ancestors is a symbolic link."""
        while path != "/":
            if self.is_link(path):
                return True
            path = path.rpartition("/")[0] or "/"
        return False


def _name(folder: os.stat_result, name: str) -> Name:
    return (*_identity(folder), name.casefold())  # macOS ignores the case


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino
