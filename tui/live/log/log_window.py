"""A bounded window of a log's lines, and their rows. Plain data; does no I/O, draws nothing."""

from bisect import bisect_right
from collections.abc import Callable, Sequence, Set

from core.domain.records import LogEntry
from core.output.log_format import LINE_LIMIT_BYTES
from core.value.terminal_text import width_of
from core.value.timestamp import SECOND_NS
from tui.live.log.log_pages import Line, Page, Place, place_of
from tui.words.numbers import rough, size
from tui.words.safe_text import fold

GAP_SECONDS = 10
"""From how many seconds without a line on the time between two lines is shown."""
WINDOW_LINES = 6000
"""How many lines are held at most; those furthest from the visible ones are dropped."""
MAX_MEASURED_CHARACTERS = 2_000
"""A longer line is taken to be as wide as it may be."""
MEASURED_CHARACTERS = 100_000
"""How many characters are measured when lines come in, besides those of plain lines: a plain line
takes as many cells as it has characters. Where there are more, widths and rows are estimated."""
WINDOW_CHARACTERS = 16_000_000
"""How many characters are held at most, but for those of one page."""


class LogWindow:
    """Consecutive lines, laid out as rows, and whether there are more before and after.

    `room` is the width that text is folded to; with None every line is one row. A line before
    which something is left out, or nothing came for long, and one that goes on with a line that was
    cut, has a row of its own for that above it.

    To fold megabytes of wide characters takes seconds, so the rows of lines may be estimated.
    `settle` and `settle_around` count those in sight before they are drawn.
    """

    def __init__(self, text_of: Callable[[LogEntry], str]) -> None:
        self._text_of = text_of
        self._breaks: Set[Place] = frozenset()
        self.lines: list[Line] = []
        self.more_before = False
        self.more_after = False
        self.room: int | None = None
        self.widest = 0
        """The cells that the widest of the lines takes, or took since they were replaced."""
        self._starts: list[int] = [0]
        self._heights: list[int] = []
        """The rows of each line's text."""
        self._is_counted: list[bool] = []
        """Whether they were counted, and not estimated."""

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self._starts[-1]

    def place_of_row(self, row: int) -> tuple[int, int]:
        """Return the index of the line that a row belongs to, and of the row within that line.

        The row above the first of a line has the index -1, see `gap_text`.
        """
        line = max(0, bisect_right(self._starts, row) - 1)
        return line, row - self._starts[line] - self._has_gap(line)

    def row_of(self, line: int) -> int:
        """Return the first row of a line's text; the number of rows for an index past the end."""
        line = max(0, min(line, len(self.lines)))
        return self._starts[line] + self._has_gap(line)

    def gap_text(self, line: int) -> str:
        """Return what is between a line and the one before: left out lines, time, a cut; or ""."""
        if not 0 < line < len(self.lines):
            return ""
        if self.lines[line][1].is_rest:
            return f"the line goes on: cut at {size(LINE_LIMIT_BYTES)}"
        found = "⋯" if self._breaks and place_of(self.lines[line]) in self._breaks else ""
        seconds = (self.lines[line][1].timestamp - self.lines[line - 1][1].timestamp) / SECOND_NS
        if seconds >= GAP_SECONDS:
            found = f"{found} {rough(seconds)} later".lstrip()
        return found

    def _has_gap(self, line: int) -> bool:
        lines = self.lines
        if not 0 < line < len(lines):
            return False
        if lines[line][1].is_rest:
            return True
        if lines[line][1].timestamp - lines[line - 1][1].timestamp >= GAP_SECONDS * SECOND_NS:
            return True
        return bool(self._breaks) and place_of(lines[line]) in self._breaks

    def index_of(self, wanted: Line) -> int | None:
        """Return the index of a line, or None if it is not in the window."""
        place = place_of(wanted)
        return next((i for i, line in enumerate(self.lines) if place_of(line) == place), None)

    def fold_to(self, room: int | None) -> None:
        """Fold all lines to another width."""
        self.room = room
        self.widest = 0
        lines, self.lines = self.lines, []
        self._insert(0, lines)
        self._lay_out(0)

    def settle(self, row: int, height: int) -> int:
        """Count the rows of the lines in sight; return the row that is where `row` was.

        In sight are `height` rows from `row` on. A line that was counted before stays in its place.
        """
        while True:
            sight = range(self.place_of_row(row)[0], self.place_of_row(row + height - 1)[0] + 1)
            sight = sight[: len(self.lines) - sight.start]
            estimated = [line for line in sight if not self._is_counted[line]]
            if not estimated:
                return row
            fixed = next((line for line in sight if self._is_counted[line]), None)
            before = self._starts[sight.start if fixed is None else fixed]
            for line in estimated:
                self._count(line)
            self._lay_out(estimated[0])
            if fixed is None:
                row = min(row, self._starts[sight.start + 1] - 1)
            else:
                row = max(0, row + self._starts[fixed] - before)

    def settle_around(self, line: int, height: int) -> None:
        """Count the rows of a line, and of those less than `height` rows above or below it."""
        if not self.lines:
            return
        line = max(0, min(line, len(self.lines) - 1))
        highest = self._count_along(range(line, -1, -1), height)
        self._count_along(range(line, len(self.lines)), height)
        self._lay_out(highest)

    def replace(
        self,
        lines: Sequence[Line],
        *,
        before: bool,
        after: bool,
        breaks: Set[Place] = frozenset(),
    ) -> None:
        """Replace all lines; before those at `breaks` others are left out."""
        self.lines = []
        self._breaks = breaks
        self.more_before, self.more_after = before, after
        self.widest = 0
        self._insert(0, lines)
        self._lay_out(0)

    def append(self, lines: Sequence[Line], *, trim: bool) -> None:
        """Append new lines; if `trim`, drop the oldest ones when there are too many."""
        kept = len(self.lines)
        self._insert(kept, lines)
        if trim and self._spare():
            self._drop(slice(self._spare(WINDOW_LINES * 3 // 4, WINDOW_CHARACTERS * 3 // 4)))
            self.more_before = True
            kept = 0
        self._lay_out(kept)

    def put_before(self, page: Page) -> int:
        """Insert a page at the start; return by how many rows the other lines moved down."""
        self._insert(0, page.lines)
        self.more_before = page.more_before
        spare = self._spare(at_end=True)
        if spare:
            self._drop(slice(max(len(page.lines), len(self.lines) - spare), None))
            self.more_after = True
        self._lay_out(0)
        return self.row_of(len(page.lines))

    def put_behind(self, page: Page) -> int:
        """Append a page; return how many rows were dropped at the start."""
        kept = len(self.lines)
        self._insert(kept, page.lines)
        self.more_after = page.more_after
        self._lay_out(kept)
        spare = min(self._spare(), len(self.lines) - len(page.lines))
        gone = self.row_of(spare)
        if spare:
            self._drop(slice(spare))
            self.more_before = True
            self._lay_out(0)
        return gone

    def _spare(
        self,
        lines: int = WINDOW_LINES,
        characters: int = WINDOW_CHARACTERS,
        *,
        at_end: bool = False,
    ) -> int:
        """Return how many lines at the start, or at the end, are more than may be held."""
        spare = max(0, len(self.lines) - lines)
        ordered = self.lines[::-1] if at_end else self.lines
        held = sum(len(entry.message) for _chunk, entry in ordered[spare:])
        while held > characters and spare < len(ordered) - 1:
            held -= len(ordered[spare][1].message)
            spare += 1
        return spare

    def _drop(self, part: slice) -> None:
        del self.lines[part]
        del self._heights[part]
        del self._is_counted[part]

    def _insert(self, at: int, lines: Sequence[Line]) -> None:
        """Insert lines, and measure them as far as that is done at once."""
        if not self.lines:
            self._heights, self._is_counted = [], []
        heights: list[int] = []
        counted: list[bool] = []
        left = MEASURED_CHARACTERS
        for _chunk, entry in lines:
            message = entry.message
            if not (message.isascii() and message.isprintable()):
                left -= len(message)
            is_measured = left >= 0
            if self.room is not None:
                counted.append(is_measured)
                heights.append(
                    self._rows_of(entry) if is_measured else _estimate(message, self.room)
                )
            elif is_measured and len(message) <= MAX_MEASURED_CHARACTERS:
                self.widest = max(self.widest, width_of(self._text_of(entry)))
            else:
                self.widest = max(self.widest, _most_cells(message))
        if self.room is None:
            heights, counted = [1] * len(lines), [True] * len(lines)
        self.lines[at:at] = lines
        self._heights[at:at] = heights
        self._is_counted[at:at] = counted

    def _count_along(self, lines: range, height: int) -> int:
        """Count the rows of lines until those after the first fill `height`; return the last."""
        left = height
        for line in lines:
            self._count(line)
            if line != lines[0]:
                left -= self._heights[line]
            if left <= 0:
                return line
        return lines[-1]

    def _count(self, line: int) -> None:
        if not self._is_counted[line]:
            self._heights[line] = self._rows_of(self.lines[line][1])
            self._is_counted[line] = True

    def _rows_of(self, entry: LogEntry) -> int:
        return 1 if self.room is None else len(fold(self._text_of(entry), self.room))

    def _lay_out(self, kept: int) -> None:
        starts = self._starts = self._starts[: kept + 1] if kept else [0]
        for index in range(kept, len(self.lines)):
            starts.append(starts[-1] + self._heights[index] + self._has_gap(index))


def _most_cells(message: str) -> int:
    return len(message) if message.isascii() else 2 * len(message)


def _estimate(message: str, room: int) -> int:
    """Return how many rows a line takes, or a few more."""
    characters = room if message.isascii() else max(1, room // 2)
    return max(1, -(-len(message) // characters))
