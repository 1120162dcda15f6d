"""A bounded window of a log's lines, and their rows. Plain data; does no I/O, draws nothing."""

from bisect import bisect_right
from collections.abc import Sequence

from tui.live.log.log_pages import Line, Page, place_of
from tui.words.safe_text import clean, fold

WINDOW_LINES = 6000
"""How many lines are held at most; those furthest from the visible ones are dropped."""


class LogWindow:
    """Consecutive lines, laid out as rows, and whether there are more before and after.

    `room` is the width that text is folded to; with None every line is one row.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.more_before = False
        self.more_after = False
        self.room: int | None = None
        self._starts: list[int] = [0]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self._starts[-1]

    def place_of_row(self, row: int) -> tuple[int, int]:
        """Return the index of the line that a row belongs to, and of the row within that line."""
        line = max(0, bisect_right(self._starts, row) - 1)
        return line, row - self._starts[line]

    def row_of(self, line: int) -> int:
        """Return the first row of a line; the number of rows for an index past the end."""
        return self._starts[max(0, min(line, len(self.lines)))]

    def index_of(self, wanted: Line) -> int | None:
        """Return the index of a line, or None if it is not in the window."""
        place = place_of(wanted)
        return next((i for i, line in enumerate(self.lines) if place_of(line) == place), None)

    def fold_to(self, room: int | None) -> None:
        """Fold all lines to another width."""
        self.room = room
        self._lay_out(0)

    def replace(self, lines: Sequence[Line], *, before: bool, after: bool) -> None:
        """Replace all lines."""
        self.lines = list(lines)
        self.more_before, self.more_after = before, after
        self._lay_out(0)

    def append(self, lines: Sequence[Line], *, trim: bool) -> None:
        """Append new lines; if `trim`, drop the oldest ones when there are too many."""
        kept = len(self.lines)
        self.lines.extend(lines)
        if trim and len(self.lines) > WINDOW_LINES:
            del self.lines[: len(self.lines) - WINDOW_LINES * 3 // 4]
            self.more_before = True
            kept = 0
        self._lay_out(kept)

    def put_before(self, page: Page) -> int:
        """Insert a page at the start; return by how many rows the other lines moved down."""
        self.lines[:0] = page.lines
        self.more_before = page.more_before
        if len(self.lines) > WINDOW_LINES:
            del self.lines[WINDOW_LINES:]
            self.more_after = True
        self._lay_out(0)
        return self._starts[min(len(page.lines), len(self.lines))]

    def put_behind(self, page: Page) -> int:
        """Append a page; return how many rows were dropped at the start."""
        self.lines.extend(page.lines)
        self.more_after = page.more_after
        self._lay_out(0)
        spare = max(0, len(self.lines) - WINDOW_LINES)
        gone = self._starts[spare]
        if spare:
            del self.lines[:spare]
            self.more_before = True
            self._lay_out(0)
        return gone

    def _lay_out(self, kept: int) -> None:
        starts = self._starts = self._starts[: kept + 1] if kept else [0]
        room = self.room
        if room is None:
            first = starts[-1] + 1
            starts.extend(range(first, first + len(self.lines) - kept))
            return
        for _chunk, entry in self.lines[kept:]:
            starts.append(starts[-1] + len(fold(clean(entry.message), room)))
