"""Walks the entries below an open folder in a fixed order; follows no links, bounded in number."""

import os
import re
import stat
from collections.abc import Callable, Iterator

from msgspec import Struct

from core.domain.reasons import Reason
from core.step_type.failure import StepFailedError
from core.steps.file.place import LIST_FLAGS

MAX_VISITED_ENTRIES = 1_000_000
"""The most entries that one step visits."""
MAX_DEPTH = 200
TEMPORARY = re.compile(r"\.mission-[0-9a-f]{16}\.tmp")
"""The names of temporary files, which are renamed when they are complete."""


class Entry(Struct, frozen=True):
    """An entry of a folder; `path` is relative to the root of the walk.

    `directory` is a descriptor of its folder, valid until the walk continues.
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
    poll: Callable[[], None],
    leave_out: Callable[[Entry], bool] = lambda _: False,
) -> Iterator[Entry]:
    """Yield all entries of an open folder in pre-order, names in byte order.

    `poll` is called periodically and may raise. Entries that vanish during the walk, and those for
    which `leave_out` is true, are skipped with everything below them. Raises `StepFailedError`
    (OUTPUT_LIMIT) beyond the limits.
    """
    yield from _Walk(poll, leave_out).entries(folder, "", MAX_DEPTH if recursive else 0)


class _Walk:
    def __init__(self, poll: Callable[[], None], leave_out: Callable[[Entry], bool]) -> None:
        self._poll, self._leave_out = poll, leave_out
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
                    f"{entry.path}: more than {MAX_DEPTH} folders deep",
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
        self._poll()
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if TEMPORARY.fullmatch(entry.name):
                    continue
                self._visited += 1
                if self._visited > MAX_VISITED_ENTRIES:
                    raise StepFailedError(
                        f"more than {MAX_VISITED_ENTRIES} entries",
                        "too_many",
                        reason=Reason.OUTPUT_LIMIT,
                    )
                if not self._visited % 1000:
                    self._poll()
                names.append(entry.name)
        return sorted(names, key=os.fsencode)
