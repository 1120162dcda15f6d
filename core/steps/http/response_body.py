"""Decodes the body of a response as it arrives, bounded in size."""

import zlib
from collections.abc import Callable

from core.steps.archive.inflate import Decompressor, gzip_stream, raw_deflate_stream, zlib_stream

ACCEPTED = "gzip, deflate"


class BodyTooLargeError(Exception):
    """Raised when a body, encoded or decoded, is larger than allowed."""


class BodyDamagedError(Exception):
    """Raised when a body is not encoded as its headers state."""


class BodyDecoder:
    """Decodes the bytes of a body as they arrive."""

    def __init__(self, encoding: str, limit: int) -> None:
        """Start a body. Raises `BodyDamagedError` for an unsupported encoding."""
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
        """Decode the next bytes. Raises `BodyTooLargeError` beyond the limit."""
        self._raw += len(chunk)
        if self._raw > self._limit:
            raise BodyTooLargeError
        if self._stream is None:
            self._data += chunk
            return
        if self._encoding == "deflate" and self._raw == len(chunk) and _is_raw(chunk):
            self._stream = raw_deflate_stream()
        stream = self._stream
        while not stream.eof and (chunk or not stream.needs_input):
            try:
                decoded = stream.take(chunk, self._limit + 1 - len(self._data))
            except zlib.error as error:
                raise BodyDamagedError(f"the body is not {self._encoding}: {error}") from error
            chunk = b""
            self._data += decoded
            if len(self._data) > self._limit:
                raise BodyTooLargeError

    def finish(self) -> bytes:
        """Return the whole body. Raises `BodyDamagedError` if it is incomplete."""
        if self._stream is not None and self._raw and not self._stream.eof:
            raise BodyDamagedError(f"the body ends in the middle of its {self._encoding} data")
        return bytes(self._data)


def _is_raw(start: bytes) -> bool:
    """Tell whether a deflate body lacks the zlib header (RFC 1950), as some servers send it."""
    return len(start) < 2 or start[0] & 0x0F != 8 or (start[0] << 8 | start[1]) % 31 != 0
