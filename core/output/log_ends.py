"""The first or the last lines of a log, as many as a number and a size allow."""

from collections import deque
from collections.abc import Iterable

from core.domain.records import LogEntry

Numbered = tuple[int, LogEntry]
"""The row id of the chunk that an entry ends in, and the entry."""


def last_lines(
    lines: Iterable[Numbered], count: int, characters: int
) -> tuple[list[Numbered], bool]:
    """Return the last lines, at least one, and whether there are more before them.

    At most `count` lines of as many `characters` together, and one more, are held at a time.
    """
    kept: deque[Numbered] = deque()
    held, is_cut = 0, False
    for line in lines:
        kept.append(line)
        held += len(line[1].message)
        while len(kept) > count or (held > characters and len(kept) > 1):
            held -= len(kept.popleft()[1].message)
            is_cut = True
    return list(kept), is_cut


def first_lines(
    lines: Iterable[Numbered], count: int, characters: int
) -> tuple[list[Numbered], bool]:
    """Return the first lines, at least one, and whether there are more behind them."""
    kept: list[Numbered] = []
    for line in lines:
        characters -= len(line[1].message)
        if len(kept) == count or (characters < 0 and kept):
            return kept, True
        kept.append(line)
    return kept, False
