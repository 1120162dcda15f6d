"""Lists what is below an open folder, in a fixed order, following no link and bounded in number."""

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.reasons import Reason
from core.steps.failure import StepFailedError
from core.steps.place import LIST_FLAGS

VISIT_LIMIT = 1_000_000
"""Entries looked at by one step at most."""
DEPTH_LIMIT = 200
TEMPORARY = re.compile(r"\.mission-[0-9a-f]{16}\.tmp")
"""The names under which files are written before they get their own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder; `path` is relative to where the walk began.

    `directory` is the open folder that holds it, valid until the walk goes on.
    """

    path: str
    name: str
    directory: int
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder (a link to one is not)."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file (a link to one is not)."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.status.st_mode)


def walk(folder: int, *, recursive: bool, look: Callable[[], None]) -> Iterator[Entry]:
    """Yield all entries of an open folder, each folder before what it holds, names in byte order.

    `look` is called now and then and may raise. What vanishes while the walk goes on is left out.
    Raises `StepFailedError` (OUTPUT_LIMIT) beyond the limits.
    """
    budget = [VISIT_LIMIT]
    yield from _walk(folder, "", budget, DEPTH_LIMIT if recursive else 0, look)


def _walk(
    folder: int, prefix: str, budget: list[int], depth: int, look: Callable[[], None]
) -> Iterator[Entry]:
    for name in _names(folder, budget, look):
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            continue
        entry = Entry(prefix + name, name, folder, status)
        yield entry
        if depth and entry.is_folder:
            try:
                inner = os.open(name, LIST_FLAGS, dir_fd=folder)
            except (FileNotFoundError, NotADirectoryError):
                continue
            try:
                if depth == 1:
                    raise StepFailedError(
                        f"{entry.path}: more than {DEPTH_LIMIT} folders deep",
                        "too_deep",
                        reason=Reason.OUTPUT_LIMIT,
                    )
                yield from _walk(inner, f"{entry.path}/", budget, depth - 1, look)
            finally:
                os.close(inner)


def _names(folder: int, budget: list[int], look: Callable[[], None]) -> list[str]:
    look()
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if TEMPORARY.fullmatch(entry.name):
                continue
            budget[0] -= 1
            if budget[0] < 0:
                raise StepFailedError(
                    f"more than {VISIT_LIMIT} entries", "too_many", reason=Reason.OUTPUT_LIMIT
                )
            if not budget[0] % 1000:
                look()
            names.append(entry.name)
    return sorted(names, key=os.fsencode)


class Glob:
    """A pattern of path components: `*`, `?`, `[a-z]` within one, `**` for any number of them.

    A pattern without a slash is held against the name alone, at any depth; names that begin with a
    dot match like all others.
    """

    def __init__(self, pattern: str) -> None:
        parts = [part for part in pattern.split("/") if part not in {"", "."}]
        self._by_name = "/" not in pattern.rstrip("/")
        self._parts = [
            None if part == "**" else re.compile(fnmatch.translate(part)) for part in parts
        ]

    def matches(self, path: str) -> bool:
        """Tell whether the relative `path` matches."""
        components = path.split("/")
        if self._by_name:
            components = components[-1:]
        # Which prefixes of the pattern match the components so far: linear, however many stars.
        reached = self._skip_stars({0})
        for component in components:
            after = set()
            for position in reached:
                if position == len(self._parts):
                    continue
                part = self._parts[position]
                if part is None:
                    after.add(position)
                elif part.match(component):
                    after.add(position + 1)
            reached = self._skip_stars(after)
        return len(self._parts) in reached

    def _skip_stars(self, positions: set[int]) -> set[int]:
        reached = set(positions)
        for position in sorted(positions):
            after = position
            while after < len(self._parts) and self._parts[after] is None:
                after += 1
                reached.add(after)
        return reached
