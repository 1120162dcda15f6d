"""Writes reproducible tar and zip archives: they depend on content, names, modes and times only."""

import bz2
import gzip
import lzma
import stat
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import stat_result
from types import MappingProxyType
from typing import BinaryIO, Protocol, cast

from core.step_type.failure import StepFailedError
from core.steps.file.file_step import CHUNK_BYTES
from core.value.non_utf8 import escape_non_utf8

MEDIA = MappingProxyType(
    {
        "tar.gz": "gzip-compressed tar",
        "tar": "tar",
        "tar.bz2": "bzip2-compressed tar",
        "tar.xz": "xz-compressed tar",
        "zip": "zip",
    }
)
_ZIP_FIRST, _ZIP_LAST = 315532800, 4354819198
"""The range of times that zip can represent: 1980 to 2107, in steps of two seconds."""

Poll = Callable[[], None]
"""Called once per chunk; raises to stop."""


class ArchiveWriter(Protocol):
    """An archive being written; member names are relative and use slashes."""

    def add_file(self, name: str, status: stat_result, file: BinaryIO, poll: Poll) -> None:
        """Add the first `status.st_size` bytes of `file`; `StepFailedError` if there are fewer."""

    def add_folder(self, name: str, status: stat_result) -> None:
        """Add an empty folder."""

    def add_link(self, name: str, status: stat_result, target: str) -> None:
        """Add a symbolic link."""


@contextmanager
def open_archive(descriptor: int, form: str, mtime: int | None) -> Iterator[ArchiveWriter]:
    """Write an archive of one of the formats of `MEDIA` to a descriptor, which stays open."""
    with open(descriptor, "wb", closefd=False) as file:
        if form == "zip":
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                yield _Zip(archive, mtime)
        else:
            with (
                _compressed(file, form) as stream,
                tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
            ):
                yield _Tar(tar, mtime)


@contextmanager
def _compressed(file: BinaryIO, form: str) -> Iterator[BinaryIO]:
    if form == "tar":
        yield file
        return
    with _compressor(file, form) as stream:
        yield cast("BinaryIO", stream)


def _compressor(file: BinaryIO, form: str) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    if form == "tar.gz":
        return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
    return bz2.BZ2File(file, "wb") if form == "tar.bz2" else lzma.LZMAFile(file, "wb")


class _Tar:
    def __init__(self, tar: tarfile.TarFile, mtime: int | None) -> None:
        self._tar, self._mtime = tar, mtime

    def add_file(self, name: str, status: stat_result, file: BinaryIO, poll: Poll) -> None:
        member = self._member(name, status)
        member.size = status.st_size
        self._tar.addfile(member, cast("BinaryIO", _Exactly(file, name, member.size, poll)))
        self._forget()

    def add_folder(self, name: str, status: stat_result) -> None:
        member = self._member(name, status)
        member.type = tarfile.DIRTYPE
        self._tar.addfile(member)
        self._forget()

    def add_link(self, name: str, status: stat_result, target: str) -> None:
        member = self._member(name, status)
        member.type, member.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(member)
        self._forget()

    def _member(self, name: str, status: stat_result) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.mode = stat.S_IMODE(status.st_mode) & 0o777
        member.mtime = int(status.st_mtime) if self._mtime is None else self._mtime
        return member

    def _forget(self) -> None:
        self._tar.getmembers().clear()  # otherwise one record per file stays in memory


class _Zip:
    def __init__(self, archive: zipfile.ZipFile, mtime: int | None) -> None:
        self._archive, self._mtime = archive, mtime

    def add_file(self, name: str, status: stat_result, file: BinaryIO, poll: Poll) -> None:
        info = self._info(name, status)
        info.file_size = status.st_size
        source = _Exactly(file, name, status.st_size, poll)
        with self._archive.open(info, "w") as target:
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)

    def add_folder(self, name: str, status: stat_result) -> None:
        info = self._info(f"{name}/", status)
        info.compress_type = zipfile.ZIP_STORED
        info.external_attr |= 0x10  # the folder bit of MS-DOS
        self._archive.writestr(info, b"")

    def add_link(self, name: str, status: stat_result, target: str) -> None:
        info = self._info(name, status)
        info.compress_type = zipfile.ZIP_STORED
        self._archive.writestr(info, target.encode("utf-8", "surrogateescape"))

    def _info(self, name: str, status: stat_result) -> zipfile.ZipInfo:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            shown = escape_non_utf8(name)
            raise StepFailedError(
                f"zip cannot store the name {shown}: it is not UTF-8", "name"
            ) from error
        at = int(status.st_mtime) if self._mtime is None else self._mtime
        at = min(max(at, _ZIP_FIRST), _ZIP_LAST)
        info = zipfile.ZipInfo(name, time.gmtime(at)[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info.create_system = 3  # Unix: the upper half of external_attr is the mode
        kind = stat.S_IFMT(status.st_mode)
        info.external_attr = (kind | (stat.S_IMODE(status.st_mode) & 0o777)) << 16
        return info


class _Exactly:
    """Reads exactly the announced number of bytes, even if the file grows while it is packed."""

    def __init__(self, file: BinaryIO, name: str, size: int, poll: Poll) -> None:
        self._file, self._name, self._left, self._poll = file, name, size, poll

    def read(self, size: int) -> bytes:
        self._poll()
        if not self._left:
            return b""
        data = self._file.read(min(size, self._left))
        if not data:
            raise StepFailedError(f"{self._name} became shorter while it was packed", "changed")
        self._left -= len(data)
        return data
