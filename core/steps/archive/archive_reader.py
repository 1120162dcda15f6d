"""Reads tar and zip archives as a stream of members, in bounded memory; writes nothing.

Any damage raises `ArchiveError`. Names and link targets are returned exactly as they are in the
archive; `core.steps.archive.extract` checks them. The tar reader is our own, on top of
`TarInfo.frombuf`, because `tarfile` reads headers of any size into memory, takes a damaged header
for the end of the archive, and follows offsets backwards. Formats: POSIX.1-2008 pax, ustar, GNU.
"""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import BinaryIO, Protocol

from msgspec import Struct

from core.steps.archive.inflate import (
    DecompressError,
    Decompressor,
    InflatingReader,
    bzip2_stream,
    gzip_stream,
    xz_stream,
)

READ_BYTES = 256 * 1024
_BLOCK_BYTES = 512
_HEADER_LIMIT_BYTES = 1024 * 1024
_ZIP_DIRECTORY_LIMIT_BYTES = 16 * 1024 * 1024
_LINK_LIMIT_BYTES = 4096
_MAGIC: tuple[tuple[bytes, Callable[[], Decompressor]], ...] = (
    (b"\x1f\x8b", gzip_stream),
    (b"BZh", bzip2_stream),
    (b"\xfd7zXZ\0", xz_stream),
)
_SPARSE = b"GNU.sparse"
_PAX_KEYS = frozenset({b"path", b"linkpath", b"size", b"mtime", _SPARSE})
_MAX_HEADERS = 16
"""The most extended headers in front of one member."""
_MAX_PADDING_BYTES = 16 * 1024 * 1024
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    LookupError,
    OverflowError,
    RuntimeError,
    NotImplementedError,
)
"""What zipfile raises for bytes that are not a valid zip archive."""


class ArchiveError(Exception):
    """Raised when an archive is damaged, encrypted, of unknown format, or has oversized headers."""


class Kind(Enum):
    """The type of a member."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    HARD_LINK = "hard link"
    SPECIAL = "device or FIFO"


_TAR_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.LINK,
    tarfile.LNKTYPE: Kind.HARD_LINK,
    tarfile.CHRTYPE: Kind.SPECIAL,
    tarfile.BLKTYPE: Kind.SPECIAL,
    tarfile.FIFOTYPE: Kind.SPECIAL,
}


class Member(Struct, frozen=True):
    """One member; `chunks` yields a file's content once, and only until the next member is read."""

    name: str
    kind: Kind
    size: int
    """Size of a file in bytes according to its header."""
    mode: int | None
    """Permission bits; None if the archive has none."""
    mtime: int | None
    """Seconds since the epoch; None if the archive has no usable time."""
    target: str
    """Target of a link."""
    chunks: Callable[[], Iterator[bytes]]


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def members(file: BinaryIO) -> Iterator[Member]:
    """Yield the members of an archive; its format is detected from its first bytes."""
    magic = file.read(6)
    file.seek(0)
    if magic[:4] in _ZIP_MAGIC:
        yield from _zip_members(file)
        return
    for prefix, make in _MAGIC:
        if magic.startswith(prefix):
            yield from _TarReader(InflatingReader(file, make)).members()
            return
    yield from _TarReader(file).members()


# --- tar ----------------------------------------------------------------------------------------


class _TarReader:
    def __init__(self, source: _Readable) -> None:
        self._source = source
        self._content = 0  # bytes of the current member that have not been read yet
        self._padding = 0

    def members(self) -> Iterator[Member]:
        """Read headers up to the block of zeros that ends the archive."""
        common: dict[str, str] = {}
        own: dict[str, str] = {}
        headers = 0
        while True:
            headers += 1
            if headers > _MAX_HEADERS:
                raise ArchiveError(f"more than {_MAX_HEADERS} headers in front of a member")
            self._skip()
            block = self._exactly(_BLOCK_BYTES)
            if not any(block):
                self._drain()
                return
            try:
                info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except (tarfile.TarError, ValueError) as error:
                raise ArchiveError(f"not an archive, or damaged: {error}") from error
            if info.type in {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE}:
                own |= _pax_records(self._header(info.size))
            elif info.type == tarfile.XGLTYPE:
                common |= _pax_records(self._header(info.size))
            elif info.type in {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}:
                key = "path" if info.type == tarfile.GNUTYPE_LONGNAME else "linkpath"
                own[key] = _text(self._header(info.size).partition(b"\0")[0])
            else:
                yield self._member(info, common | own)
                own = {}
                headers = 0

    def _member(self, info: tarfile.TarInfo, pax: dict[str, str]) -> Member:
        kind = _TAR_KINDS.get(info.type)
        if kind is None or _text(_SPARSE) in pax:
            raise ArchiveError(f"a member of type {info.type!r}, or sparse, is not supported")
        size = _number(pax["size"]) if "size" in pax else info.size
        if size < 0:
            raise ArchiveError("the archive is damaged: a negative size")
        if kind is Kind.FILE:
            self._content, self._padding = size, -size % _BLOCK_BYTES
        mtime = _number(pax["mtime"].partition(".")[0]) if "mtime" in pax else int(info.mtime)
        return Member(
            name=pax.get("path", info.name),
            kind=kind,
            size=size if kind is Kind.FILE else 0,
            mode=info.mode & 0o777,
            mtime=mtime,
            target=pax.get("linkpath", info.linkname),
            chunks=self._chunks,
        )

    def _chunks(self) -> Iterator[bytes]:
        while self._content:
            data = self._read(min(READ_BYTES, self._content))
            if not data:
                raise ArchiveError("the archive ends too early")
            self._content -= len(data)
            yield data

    def _skip(self) -> None:
        for _ in self._chunks():
            pass
        self._exactly(self._padding)
        self._padding = 0

    def _drain(self) -> None:
        """Read the padding to the end, so that the checksum of a compressed stream is verified."""
        for _ in range(_MAX_PADDING_BYTES // READ_BYTES):
            if not self._read(READ_BYTES):
                return
        raise ArchiveError(f"more than {_MAX_PADDING_BYTES} bytes after the end of the archive")

    def _header(self, size: int) -> bytes:
        if not 0 <= size <= _HEADER_LIMIT_BYTES:
            raise ArchiveError(f"the archive has a header of more than {_HEADER_LIMIT_BYTES} bytes")
        data = self._exactly(size)
        self._exactly(-size % _BLOCK_BYTES)
        return data

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._read(size - len(data))
            if not part:
                raise ArchiveError("the archive ends too early")
            data += part
        return data

    def _read(self, size: int) -> bytes:
        try:
            return self._source.read(size)
        except DecompressError as error:
            raise ArchiveError(str(error)) from error


def _pax_records(data: bytes) -> dict[str, str]:
    """Return the relevant records `length key=value` of an extended header.

    The length is decimal and counts the whole record, including the line feed that ends it.
    """
    records = {}
    start = 0
    while start < len(data):
        digits, _, _ = data[start : start + 20].partition(b" ")
        end = start + _number(_text(digits))
        record = data[start + len(digits) + 1 : end - 1]
        if end <= start or data[end - 1 : end] != b"\n" or b"=" not in record:
            raise ArchiveError("the archive is damaged: an extended header")
        key, _, value = record.partition(b"=")
        if key.startswith(_SPARSE):
            key = _SPARSE
        if key in _PAX_KEYS:
            records[_text(key)] = _text(value)
        start = end
    return records


def _number(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    if not digits.isascii() or not digits.isdigit() or len(digits) > 20:
        raise ArchiveError("the archive is damaged: a number in an extended header")
    return sign * int(digits)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


# --- zip ----------------------------------------------------------------------------------------


class _CappedReads:
    """A file with a limit for a single read: zipfile reads the whole directory in one call."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _ZIP_DIRECTORY_LIMIT_BYTES:
            raise ArchiveError(
                f"the archive's directory is over {_ZIP_DIRECTORY_LIMIT_BYTES} bytes"
            )
        return self._file.read(size if size >= 0 else _ZIP_DIRECTORY_LIMIT_BYTES)


@contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except _ZIP_DAMAGE as error:
        raise ArchiveError(f"the archive is damaged: {error or type(error).__name__}") from error


def _zip_members(file: BinaryIO) -> Iterator[Member]:
    with _damage_named():
        archive = zipfile.ZipFile(_CappedReads(file))
    for info in archive.infolist():
        yield _zip_member(archive, info)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.flag_bits & 1:
        raise ArchiveError(f"{info.filename} is encrypted")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ArchiveError(f"{info.filename}: compression {info.compress_type} is not supported")
    attributes = info.external_attr >> 16 if info.create_system == 3 else 0
    kind = {
        0: Kind.FOLDER if info.is_dir() else Kind.FILE,
        stat.S_IFREG: Kind.FILE,
        stat.S_IFDIR: Kind.FOLDER,
        stat.S_IFLNK: Kind.LINK,
    }.get(stat.S_IFMT(attributes), Kind.SPECIAL)

    def chunks() -> Iterator[bytes]:
        with _damage_named():
            content = archive.open(info)
        with content:
            while True:
                with _damage_named():
                    data = content.read(READ_BYTES)
                if not data:
                    return
                yield data

    target = b""
    if kind is Kind.LINK:
        if info.file_size > _LINK_LIMIT_BYTES:
            raise ArchiveError(f"{info.filename}: a link of {info.file_size} bytes")
        target = b"".join(chunks())
    return Member(
        name=info.filename,
        kind=kind,
        size=info.file_size,
        mode=attributes & 0o777 or None,
        mtime=None,  # zip stores local time without a time zone
        target=_text(target),
        chunks=chunks,
    )
