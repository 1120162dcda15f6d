"""The content of a file as a digest, which is computed anew only if the file may have changed."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Mapping

from msgspec import Struct

RACY_NS = 2_000_000_000
"""A file that was changed so shortly before it was read may change again unnoticed: some file
systems keep time in steps of two seconds."""

_READ_BYTES = 1024 * 1024


class FileProblemError(Exception):
    """Raised for a file whose content cannot be compared, with the reason in words."""


class FileState(Struct, frozen=True, array_like=True):
    """The SHA-256 (hex) of a file's content, and how the file looked when it was read.

    `read_at` and the other times are in nanoseconds since the epoch.
    """

    digest: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    read_at: int

    def is_unchanged(self, found: os.stat_result) -> bool:
        """Tell whether a file that now looks like `found` certainly has the same content.

        The rule of git's index: equal size, times and inode prove it only if the file was last
        changed clearly before it was read.
        """
        return self._looks_as(found) and max(self.mtime_ns, self.ctime_ns) + RACY_NS < self.read_at

    def looks_like(self, path: str) -> bool:
        """Tell whether a file is there and has the size, times and inode that it was read with."""
        try:
            return self._looks_as(os.stat(path))  # noqa: PTH116 - as in `FileStates`
        except OSError:
            return False

    def _looks_as(self, found: os.stat_result) -> bool:
        return (
            self.size == found.st_size
            and self.mtime_ns == found.st_mtime_ns
            and self.ctime_ns == found.st_ctime_ns
            and self.inode == found.st_ino
        )


class FileStates:
    """Reads files, each once per run as long as it does not change. May be used by any thread."""

    def __init__(self, now: Callable[[], int] = time.time_ns) -> None:
        self._now = now
        self._known: dict[str, FileState] = {}

    def state(self, path: str, recorded: FileState | None) -> FileState:
        """Return the state of a file, with the digest that is `recorded` if it still counts.

        Raises `FileProblemError`.
        """
        try:
            found = os.stat(path)  # noqa: PTH116 - a Path for each file takes as long as the rest
            for one in (recorded, self._known.get(path)):
                if one is not None and one.is_unchanged(found):
                    return one
            state = self._read(path)
        except OSError as error:
            raise FileProblemError(error.strerror or str(error)) from error
        self._known[path] = state
        return state

    def _read(self, path: str) -> FileState:
        at = self._now()
        # A pipe must not make us wait; whatever it is, it is looked at before it is read.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise FileProblemError("it is not a regular file")
            digest = hashlib.sha256()
            while data := file.read(_READ_BYTES):
                digest.update(data)
            after = os.fstat(file.fileno())
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            at = 0  # it was written meanwhile: the digest is never taken for its content later
        return FileState(
            digest.hexdigest(),
            before.st_size,
            before.st_mtime_ns,
            before.st_ctime_ns,
            before.st_ino,
            at,
        )


def files_digest(files: Mapping[str, FileState]) -> str:
    """Return one SHA-256 (hex) over the paths and contents of files, in order of the paths."""
    whole = hashlib.sha256()
    for path in sorted(files):
        whole.update(os.fsencode(path) + b"\0" + files[path].digest.encode() + b"\n")
    return whole.hexdigest()
