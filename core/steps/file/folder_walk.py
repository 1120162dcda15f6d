"""Lists what is below an open folder, in a fixed order, following no link and bounded in number."""

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator

from msgspec import Struct

from core.domain.reasons import Reason
from core.step_type.failure import StepFailedError
from core.steps.file.place import LIST_FLAGS

VISIT_LIMIT = 1_000_000
"""Entries looked at by one step at most."""
DEPTH_LIMIT = 200
TEMPORARY = re.compile(r"\.mission-[0-9a-f]{16}\.tmp")
"""The names under which files are written before they get their own."""


class Entry(Struct, frozen=True):
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


def walk(
    folder: int,
    *,
    recursive: bool,
    look: Callable[[], None],
    leave_out: Callable[[Entry], bool] = lambda _: False,
) -> Iterator[Entry]:
    """Yield all entries of an open folder, each folder before what it holds, names in byte order.

    `look` is called now and then and may raise. What vanishes while the walk goes on, and what is
    to be left out with all it holds, is not yielded. Raises `StepFailedError` (OUTPUT_LIMIT) beyond
    the limits.
    """
    yield from _Walk(look, leave_out).entries(folder, "", DEPTH_LIMIT if recursive else 0)


class _Walk:
    def __init__(self, look: Callable[[], None], leave_out: Callable[[Entry], bool]) -> None:
        self._look, self._leave_out = look, leave_out
        self._visited = 0

    def entries(self, folder: int, prefix: str, depth: int) -> Iterator[Entry]:
        for name in self._names(folder):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            entry = Entry(prefix + name, name, folder, status)
            if self._leave_out(entry):
                continue
            yield entry
            if not depth or not entry.is_folder:
                continue
            if depth == 1:
                raise StepFailedError(
                    f"{entry.path}: more than {DEPTH_LIMIT} folders deep",
                    "too_deep",
                    reason=Reason.OUTPUT_LIMIT,
                )
            try:
                inner = os.open(name, LIST_FLAGS, dir_fd=folder)
            except (FileNotFoundError, NotADirectoryError):
                continue
            try:
                yield from self.entries(inner, f"{entry.path}/", depth - 1)
            finally:
                os.close(inner)

    def _names(self, folder: int) -> list[str]:
        self._look()
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if TEMPORARY.fullmatch(entry.name):
                    continue
                self._visited += 1
                if self._visited > VISIT_LIMIT:
                    raise StepFailedError(
                        f"more than {VISIT_LIMIT} entries", "too_many", reason=Reason.OUTPUT_LIMIT
                    )
                if not self._visited % 1000:
                    self._look()
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
