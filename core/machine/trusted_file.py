"""Reads files of an operator only if nobody else can have changed them.

Knows nothing of what the files say.
"""

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path

from msgspec import Struct

from core.errors import UntrustedFileError

ROOT = 0
"""The user id of the superuser, whose files are trusted everywhere."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})


class TrustedFile(Struct, frozen=True):
    """A file that was read, and why its content is not to be trusted (None: it is)."""

    path: Path
    data: bytes
    distrust: UntrustedFileError | None = None

    def require(self) -> bytes:
        """Return the content; raise `UntrustedFileError` when it is not to be trusted."""
        if self.distrust is not None:
            raise self.distrust
        return self.data


def trusted_owners(*, system: bool = False) -> frozenset[int]:
    """Return the user ids whose files count: the superuser, and unless `system` the user."""
    return frozenset({ROOT}) if system else frozenset({ROOT, os.geteuid()})


def read_file(path: Path, *, owners: Collection[int], limit_bytes: int) -> TrustedFile | None:
    """Return a regular file of `limit_bytes` at most, None when there is nothing of that name.

    Raises `UntrustedFileError` for a link, a FIFO, a folder, a file that is too large, and one that
    cannot be read. Owner and mode are in the result.
    """
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        if error.errno == errno.ELOOP:
            raise UntrustedFileError(
                f"{path} is a symbolic link", hint="put the file itself there"
            ) from error
        raise UntrustedFileError(
            f"{path} cannot be read: {error.strerror}",
            hint="make it readable for whoever runs missions, or remove it",
        ) from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UntrustedFileError(f"{path} is not a regular file")
        data = _read(handle, limit_bytes + 1)
    except OSError as error:
        raise UntrustedFileError(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)
    if len(data) > limit_bytes:
        raise UntrustedFileError(f"{path} is larger than {limit_bytes:,} bytes")
    return TrustedFile(path, data, _distrust(path, found, owners))


def list_folder(path: Path, *, owners: Collection[int]) -> list[str]:
    """Return the names in a folder in order, none when there is no such folder.

    Raises `UntrustedFileError` for anything else of that name, a folder that cannot be read, and
    one that others than `owners` can add files to.
    """
    try:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a folder"
            raise UntrustedFileError(f"{path} is {kind}", hint="put the folder itself there")
        names = sorted(os.listdir(path))  # noqa: PTH208 - names alone are wanted
    except OSError as error:
        if error.errno in _ABSENT:
            return []
        raise UntrustedFileError(
            f"{path} cannot be read: {error.strerror}",
            hint="make it readable for whoever runs missions, or remove it",
        ) from error
    distrust = _distrust(path, found, owners)
    if distrust is not None:
        raise distrust
    return names


def _distrust(
    path: Path, found: os.stat_result, owners: Collection[int]
) -> UntrustedFileError | None:
    if found.st_uid not in owners:
        wanted = "root" if set(owners) == {ROOT} else "root or whoever runs missions"
        return UntrustedFileError(
            f"{path} belongs to user {found.st_uid}, who is not trusted",
            hint=f"it must belong to {wanted}",
        )
    if found.st_mode & 0o022:
        return UntrustedFileError(
            f"others can write to {path} (mode {found.st_mode & 0o7777:04o})",
            hint=f"chmod go-w {path}",
        )
    return None


def _read(handle: int, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = limit_bytes
    while left > 0 and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
