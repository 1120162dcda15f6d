"""Panes that a person resizes by key or by mouse, and whose sizes are remembered.

Knows no pane: a screen names them, tells their limits and applies the sizes.
"""

from dataclasses import dataclass
from typing import ClassVar

from textual import work

from tui.screens.deck_screen import DeckScreen
from tui.widgets.base.draggable import Draggable


@dataclass(frozen=True, slots=True)
class Extent:
    """The size that a pane has, and the least and the most that it may be given, in cells."""

    shown: int
    least: int
    most: int

    def within(self, cells: int) -> int:
        """Return a size within the limits; where they contradict each other, the least."""
        return max(self.least, min(cells, self.most))


class ResizablePanes(DeckScreen):
    """Base of a screen with such panes; `resizable` are the names they are remembered by."""

    resizable: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[str, int] = {}
        """The sizes that the user has chosen, in cells; a smaller terminal does not change them."""

    def extent(self, pane: str) -> Extent | None:  # noqa: ARG002 - for subclasses
        """Return the limits of a pane; None while it shares no room with another one."""
        return None

    def size_panes(self) -> None:
        """Give the panes the sizes that were chosen, or those of their content."""

    def size_of(self, pane: str) -> int | None:
        """Return the size that a pane is to have; None if none was chosen or it stands alone."""
        wanted = self._sizes.get(pane)
        extent = None if wanted is None else self.extent(pane)
        return None if wanted is None or extent is None else extent.within(wanted)

    def resize(self, pane: str, cells: int) -> None:
        """Make a pane larger by so many cells, as far as its neighbour allows it."""
        extent = self.extent(pane)
        if extent is None:
            return
        before = extent.within(self._sizes.get(pane, extent.shown))
        self._sizes[pane] = extent.within(before + cells)
        self.size_panes()

    def action_resize(self, pane: str, cells: int) -> None:
        """Make a pane larger by so many cells, and remember its size."""
        self.resize(pane, cells)
        self._keep_sizes()

    def action_resize_reset(self) -> None:
        """Let the panes have the sizes of their content again."""
        for pane in self.resizable:
            self._sizes.pop(pane, None)
        self.size_panes()
        self._keep_sizes()

    def on_draggable_dragged(self, event: Draggable.Dragged) -> None:
        """Move the panes with the line between them."""
        handle = event.handle
        self.resize(handle.pane, event.cells * handle.grows)
        if event.is_over:
            self._keep_sizes()

    @work(thread=True, group="memory")
    def _keep_sizes(self) -> None:
        """Remember the sizes for the next session; 0 is the size of the content."""
        memory = self.deck.backend.memory
        for pane in self.resizable:
            memory.keep_size(pane, self._sizes.get(pane, 0))

    def recall_sizes(self) -> None:
        """Take the sizes that were chosen in earlier sessions."""
        sizes = self.deck.backend.memory.sizes()
        self._sizes = {pane: sizes[pane] for pane in self.resizable if sizes.get(pane, 0) > 0}
        self.size_panes()
