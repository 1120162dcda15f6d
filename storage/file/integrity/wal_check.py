"""Finds damage in a write-ahead log: commits that SQLite would silently ignore.

SQLite reads a WAL up to the first frame with a wrong checksum and ignores the rest as leftovers.
The format is that of https://sqlite.org/fileformat2.html#the_write_ahead_log.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""The byte order of the checksums, by the magic number of the WAL."""

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_CHECKED_FRAME_BYTES = 8
_CHECKED_HEADER_BYTES = 24
_ATTEMPTS = 3
"""A WAL in use may be reset while it is read: if it looks damaged, it is read again."""


class _Frame(NamedTuple):
    salts: tuple[int, int]
    is_commit: bool
    is_sound: bool


def find_log_damage(path: Path) -> str | None:
    """Describe the damage in the WAL of the database at `path`; None if there is none.

    An incomplete transaction at the end is the normal result of a crash and not damage. Raises
    `OSError` when the WAL cannot be read.
    """
    log = path.with_name(f"{path.name}-wal")
    found = None
    for _ in range(_ATTEMPTS):
        before = _header(log)
        if not before:
            return None
        found = _look(log)
        if found is None or before == _header(log) == _header(log):
            break
    return found


def _header(log: Path) -> bytes:
    try:
        with log.open("rb") as file:
            return file.read(_HEADER.size)
    except FileNotFoundError:
        return b""


def _look(log: Path) -> str | None:
    try:
        data = log.read_bytes()
    except FileNotFoundError:
        return None
    lost = "what was committed there and is not in the database yet is lost"
    if not any(data):
        return None
    if len(data) < _HEADER.size:
        return f"{log.name} is cut off within its header: {lost}"
    magic, _, page_size, _, *salts, sum_1, sum_2 = _HEADER.unpack_from(data)
    order = _MAGIC.get(magic)
    if order is None or _checksum(data[:_CHECKED_HEADER_BYTES], order) != (sum_1, sum_2):
        return f"the header of {log.name} is damaged: {lost}"
    own = (salts[0], salts[1])
    broken, commits = 0, 0
    for number, frame in enumerate(_frames(data, page_size, order, (sum_1, sum_2)), 1):
        if frame.salts != own:
            break
        if not broken and not frame.is_sound:
            broken = number
        if broken and number > broken and frame.is_commit:
            commits += 1
    if not commits:
        return None
    word = "commit" if commits == 1 else "commits"
    return f"{log.name} is damaged at frame {broken}: {commits} {word} behind it cannot be read"


def _frames(data: bytes, page_size: int, order: str, checksum: tuple[int, int]) -> Iterator[_Frame]:
    """Yield the frames of a WAL in order; after the first damaged one none counts as sound."""
    is_sound = True
    size = _FRAME.size + page_size
    for at in range(_HEADER.size, len(data) - size + 1, size):
        _, pages, salt_1, salt_2, *expected = _FRAME.unpack_from(data, at)
        if is_sound:
            checksum = _checksum(data[at : at + _CHECKED_FRAME_BYTES], order, checksum)
            checksum = _checksum(data[at + _FRAME.size : at + size], order, checksum)
            is_sound = checksum == tuple(expected)
        yield _Frame((salt_1, salt_2), pages > 0, is_sound)


def _checksum(data: bytes, order: str, start: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return first, second
