"""Packs the segments of a log chunk, and encodes sets of streams and levels as bits."""

import struct
from collections.abc import Iterator, Sequence

from core.domain.records import LogLevel, LogStream
from core.errors import UnavailableError
from core.ports.journal import LogSegment

STREAMS = (LogStream.STDOUT, LogStream.STDERR, LogStream.SYSTEM)
LEVELS = (LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARN, LogLevel.ERROR)
"""A stream or level is stored as its index here, a set of them as the bits at those indexes."""

STREAM_BIT = {stream: 1 << index for index, stream in enumerate(STREAMS)}
LEVEL_BIT = {level: 1 << index for index, level in enumerate(LEVELS)}

_STREAM_INDEX = {stream: index for index, stream in enumerate(STREAMS)}
_LEVEL_INDEX = {level: index for index, level in enumerate(LEVELS)}
_SEGMENT = struct.Struct("<qBBIIH")


def pack_segments(segments: Sequence[LogSegment]) -> bytes:
    """Return segments as bytes.

    Each segment is, little-endian with sizes in bytes: at (8), stream (1), level (1), length (4),
    lines (4), length of the source's name (2), the name in UTF-8.
    """
    parts = []
    for segment in segments:
        source = segment.source.encode("utf-8", "replace")[:0xFFFF]
        parts.append(
            _SEGMENT.pack(
                segment.at,
                _STREAM_INDEX[segment.stream],
                _LEVEL_INDEX[segment.level],
                segment.length,
                segment.lines,
                len(source),
            )
        )
        parts.append(source)
    return b"".join(parts)


SEGMENT_COLUMNS = ("lines", "at_first", "at_last", "streams", "levels")
"""The columns of a chunk that follow from its segments, so that a query need not unpack them."""


def segment_columns(segments: Sequence[LogSegment]) -> tuple[int, int, int, int, int]:
    """Return the values of `SEGMENT_COLUMNS`."""
    streams = levels = lines = 0
    for segment in segments:
        streams |= STREAM_BIT[segment.stream]
        levels |= LEVEL_BIT[segment.level]
        lines += segment.lines
    at_first = segments[0].at if segments else 0
    at_last = max((segment.at for segment in segments), default=0)
    return lines, at_first, at_last, streams, levels


def unpack_segments(packed: bytes) -> tuple[LogSegment, ...]:
    """Return the segments in `packed`; `UnavailableError` when it is damaged."""
    try:
        return tuple(_unpacked(packed))
    except (struct.error, IndexError) as error:
        raise UnavailableError("a stored log chunk is damaged") from error


def _unpacked(packed: bytes) -> Iterator[LogSegment]:
    at = 0
    while at < len(packed):
        instant, stream, level, length, lines, named = _SEGMENT.unpack_from(packed, at)
        at += _SEGMENT.size
        source = packed[at : at + named].decode("utf-8", "replace")
        at += named
        yield LogSegment(instant, STREAMS[stream], LEVELS[level], source, length, lines)


def open_streams(segments: Sequence[LogSegment], data: bytes, before: int = 0) -> int:
    """Return the streams (bits) that are in the middle of a line after a chunk.

    `before` are those in the middle of a line before it. The last byte of a segment decides: unless
    it is a line feed, the line is unfinished; a segment of length 0 ends the line.
    """
    found = before
    offset = 0
    for segment in segments:
        offset += segment.length
        bit = STREAM_BIT[segment.stream]
        if segment.length and data[offset - 1 : offset] != b"\n":
            found |= bit
        else:
            found &= ~bit
    return found
