"""The zip file of a bundle: one byte sequence for the same members, and no byte outside of them.

Members are stored without compression, so that a reader needs no more memory or room than the file
itself has, and so that there is only one way to write them.
"""

import errno
import shutil
import struct
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from core.errors import AuditError, UnavailableError

COPY_BYTES: Final = 1 << 20
DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The first instant that the format knows: a bundle holds no time but those of its events."""
_UNIX: Final = 3
_MODE: Final = 0o100644 << 16
_DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    struct.error,
    ValueError,
    RuntimeError,
    OverflowError,
    EOFError,
    KeyError,
)


class Member(Struct, frozen=True):
    """One file: its name, its size in bytes and its content in parts."""

    name: str
    size: int
    parts: Iterable[bytes]


def member(name: str, data: bytes) -> Member:
    """Return a file whose content is in memory."""
    return Member(name, len(data), (data,))


def write_zip(file: IO[bytes], members: Iterable[Member]) -> None:
    """Write members in the given order."""
    with zipfile.ZipFile(file, "w") as archive:
        for one in members:
            with archive.open(_info(one.name, one.size), "w") as target:
                for part in one.parts:
                    target.write(part)


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a bundle after checking that it is, byte by byte, what `write_zip` writes.

    Raises `AuditError` that names the place, and `UnavailableError` when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            try:
                with zipfile.ZipFile(file) as archive:
                    _check(file, archive)
                    yield archive
            except (*_DAMAGED, OSError) as error:
                if isinstance(error, OSError) and error.errno != errno.EINVAL:
                    raise  # EINVAL: an offset in the file is negative
                raise AuditError(
                    f"{path} is damaged: it is no zip file as it was written ({error})"[:300]
                ) from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror or error}") from error


def _info(name: str, size: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, DATE)
    info.create_system = _UNIX
    info.external_attr = _MODE
    info.file_size = size
    return info


def _check(file: IO[bytes], archive: zipfile.ZipFile) -> None:
    """Write the members anew and compare the result with the file."""
    infos = archive.infolist()
    names = Counter(info.filename for info in infos)
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise AuditError(f"the member {info.filename!r} is compressed, which no bundle is")
        if names[info.filename] > 1 or not _is_plain(info.filename):
            raise AuditError(f"the member {info.filename!r} is there twice, or is no plain name")
    length = file.seek(0, 2)
    if sum(info.file_size for info in infos) > length:
        raise AuditError("the members overlap: they say to be larger than the file")
    with tempfile.TemporaryFile() as fresh:
        with zipfile.ZipFile(fresh, "w") as copy:
            for info in infos:
                source = _opened(archive, info)
                with source, copy.open(_info(info.filename, info.file_size), "w") as target:
                    try:
                        shutil.copyfileobj(source, target, COPY_BYTES)
                    except (zipfile.BadZipFile, EOFError) as error:
                        raise AuditError(f"the member {info.filename!r} was changed") from error
        _compare(file, fresh, infos)


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return archive.open(info)
    except _DAMAGED as error:
        raise AuditError(f"the header of the member {info.filename!r} was changed") from error


def _compare(file: IO[bytes], fresh: IO[bytes], infos: list[zipfile.ZipInfo]) -> None:
    file.seek(0)
    fresh.seek(0)
    offset = 0
    while True:
        found, expected = file.read(COPY_BYTES), fresh.read(COPY_BYTES)
        if found != expected:
            both = zip(found, expected, strict=False)
            same = next((i for i, (a, b) in enumerate(both) if a != b), None)
            at = offset + (min(len(found), len(expected)) if same is None else same)
            before = [info.filename for info in infos if info.header_offset <= at]
            raise AuditError(
                f"byte {at} of the file, in or behind the member {before[-1] if before else '-'!r},"
                " is not what a bundle of these members has"
            )
        if not found:
            return
        offset += len(found)


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return (
        name.isascii()
        and name.isprintable()
        and not {"", ".", ".."} & set(parts)
        and ("\\" not in name)
    )
