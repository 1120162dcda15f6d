"""Streaming decompression with bounded output: gzip, deflate, bzip2, xz."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

XZ_MEMORY_BYTES = 256 * 1024 * 1024
"""Memory limit for xz, whose headers may ask for a dictionary of 4 GiB."""
_INPUT_BYTES = 64 * 1024


class Decompressor(Protocol):
    """One compressed stream, fed in pieces."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after the end of the stream."""

    def take(self, data: bytes, limit: int) -> bytes:
        """Return at most `limit` (above 0) bytes; input not consumed is kept for the next call."""

    @property
    def needs_input(self) -> bool:
        """Whether the next `take` needs more input."""


class DecompressError(ValueError):
    """Raised when compressed data is damaged or ends too early."""


class _Zlib:
    def __init__(self, window: int) -> None:
        self._inner = zlib.decompressobj(window)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def take(self, data: bytes, limit: int) -> bytes:
        result = self._inner.decompress(self._inner.unconsumed_tail + data, limit)
        # After a full result zlib may still hold output, even if it has consumed all of the input.
        self.needs_input = not self._inner.unconsumed_tail and len(result) < limit
        return result


class _Native:
    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return self._inner.needs_input

    def take(self, data: bytes, limit: int) -> bytes:
        return self._inner.decompress(data, limit)


def gzip_stream() -> Decompressor:
    """Return a decompressor of one gzip member."""
    return _Zlib(31)


def zlib_stream() -> Decompressor:
    """Return a decompressor of a zlib stream (called deflate in HTTP)."""
    return _Zlib(15)


def raw_deflate_stream() -> Decompressor:
    """Return a decompressor of a raw deflate stream (which some servers send as deflate)."""
    return _Zlib(-15)


def bzip2_stream() -> Decompressor:
    """Return a decompressor of one bzip2 stream."""
    return _Native(bz2.BZ2Decompressor())


def xz_stream() -> Decompressor:
    """Return a decompressor of one xz stream with bounded memory."""
    return _Native(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES))


class InflatingReader:
    """A compressed file as a forward-only stream with bounded reads.

    Concatenated streams are read as one, as gzip, bzip2 and xz define it. Raises `DecompressError`
    for damaged data.
    """

    def __init__(self, source: BinaryIO, make: Callable[[], Decompressor]) -> None:
        self._source, self._make = source, make
        self._stream: Decompressor | None = make()
        self._input = b""

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        parts = []
        while size:
            part = self._some(size)
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _some(self, limit: int) -> bytes:
        while self._stream is not None:
            if self._stream.eof:
                self._next_stream(self._stream.unused_data)
                continue
            data = b""
            if self._stream.needs_input:
                data, self._input = self._input or self._source.read(_INPUT_BYTES), b""
                if not data:
                    raise DecompressError("the compressed data ends too early")
            try:
                result = self._stream.take(data, limit)
            except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
                raise DecompressError(f"the compressed data is damaged: {error}") from error
            if result:
                return result
        return b""

    def _next_stream(self, rest: bytes) -> None:
        """Start the next concatenated stream, if there is one; skip zero padding."""
        rest = rest.lstrip(b"\0")
        while not rest:
            rest = self._source.read(_INPUT_BYTES)
            if not rest:
                self._stream = None
                return
            rest = rest.lstrip(b"\0")
        self._stream, self._input = self._make(), rest
