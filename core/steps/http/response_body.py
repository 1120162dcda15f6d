"""The body of a response, decoded as it comes and never larger than allowed."""

import zlib
from collections.abc import Callable

from core.steps.archive.inflate import Decompressor, gzip_stream, raw_deflate_stream, zlib_stream

ACCEPTED = "gzip, deflate"


class BodyTooLargeError(Exception):
    """Raised when a body, as it comes or decoded, is larger than allowed."""


class BodyDamagedError(Exception):
    """Raised when a body is not encoded as its headers say."""


class BodyDecoder:
    """Takes the bytes of a body as they come and keeps what they decode to."""

    def __init__(self, encoding: str, limit: int) -> None:
        """Begin a body. Raises `BodyDamagedError` for an encoding that was not asked for."""
        self._limit = limit
        self._data = bytearray()
        self._raw = 0
        self._encoding = encoding.strip().lower()
        self._stream: Decompressor | None = None
        makers: dict[str, Callable[[], Decompressor] | None] = {
            "": None,
            "identity": None,
            "gzip": gzip_stream,
            "x-gzip": gzip_stream,
            "deflate": zlib_stream,
        }
        if self._encoding not in makers:
            raise BodyDamagedError(f"the content encoding {encoding!r} is not supported")
        maker = makers[self._encoding]
        if maker is not None:
            self._stream = maker()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `BodyTooLargeError` before it keeps too many."""
        self._raw += len(chunk)
        if self._raw > self._limit:
            raise BodyTooLargeError
        if self._stream is None:
            self._data += chunk
            return
        if self._encoding == "deflate" and self._raw == len(chunk) and _is_raw(chunk):
            self._stream = raw_deflate_stream()
        stream = self._stream
        while not stream.eof and (chunk or not stream.is_hungry):
            try:
                decoded = stream.take(chunk, self._limit + 1 - len(self._data))
            except zlib.error as error:
                raise BodyDamagedError(f"the body is no {self._encoding}: {error}") from error
            chunk = b""
            self._data += decoded
            if len(self._data) > self._limit:
                raise BodyTooLargeError

    def finish(self) -> bytes:
        """Return the whole body. Raises `BodyDamagedError` when it ends too early."""
        if self._stream is not None and self._raw and not self._stream.eof:
            raise BodyDamagedError(f"the body ends in the middle of its {self._encoding} data")
        return bytes(self._data)


def _is_raw(start: bytes) -> bool:
    """Tell whether a deflate body lacks the two header bytes of zlib (RFC 1950), as some do."""
    return len(start) < 2 or start[0] & 0x0F != 8 or (start[0] << 8 | start[1]) % 31 != 0
