"""A scroll bar that repaints only the cells that change.

Textual's own repaints completely whenever the number of rows changes: in a live list of thousands
that is in every frame, and almost as expensive as the rows.
"""

from math import ceil
from typing import NamedTuple

from textual.geometry import Region
from textual.reactive import Reactive
from textual.scrollbar import ScrollBar

PARTS_PER_CELL = 8
"""The resolution of the thumb's ends, in parts of a cell."""


class Thumb(NamedTuple):
    """The position of the thumb in parts of a cell; `size` is the length of the bar in cells."""

    size: int
    start: int
    end: int


class QuietScrollBar(ScrollBar):
    """A vertical scroll bar for content that changes all the time."""

    window_virtual_size: Reactive[int] = Reactive(100, repaint=False)
    window_size: Reactive[int] = Reactive(0, repaint=False)
    position: Reactive[float] = Reactive(0, repaint=False)

    _shown: Thumb | None = None

    def watch_window_virtual_size(self) -> None:
        """Update the thumb for another length of the content."""
        self._follow()

    def watch_window_size(self) -> None:
        """Update the thumb for another window size."""
        self._follow()

    def watch_position(self) -> None:
        """Update the thumb for another position."""
        self._follow()

    @property
    def thumb(self) -> Thumb:
        """The position of the thumb, by the formula of `textual.scrollbar.ScrollBarRender`."""
        size, window, length = self.size.height, self.window_size, self.window_virtual_size
        if not size or not 0 < window < length or size == length:
            return Thumb(size, 0, 0)
        extent = max(1, window / (length / size))
        start = int((size - extent) * (self.position / (length - window)) * PARTS_PER_CELL)
        return Thumb(size, start, start + ceil(extent * PARTS_PER_CELL))

    def _follow(self) -> None:
        before, self._shown = self._shown, self.thumb
        if before is None or before.size != self._shown.size:
            self.refresh()
        elif before != self._shown:
            first = max(0, min(before.start, self._shown.start) // PARTS_PER_CELL)
            last = max(before.end, self._shown.end) // PARTS_PER_CELL
            self.refresh(Region(0, first, self.size.width, last + 1 - first))
