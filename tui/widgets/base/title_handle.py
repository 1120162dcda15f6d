"""The title of a pane, by which the mouse can drag the pane's upper edge."""

from textual import events

from tui.widgets.base.bar import Bar
from tui.widgets.base.draggable import Draggable


class TitleHandle(Bar, Draggable):
    """A bar of parts; a click on a part acts, a drag resizes the pane below."""

    def __init__(self, pane: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.pane, self.grows = pane, -1
        self._was_dragged = False

    def on_mouse_down(self, event: events.MouseDown) -> None:  # noqa: ARG002 - as in Draggable
        """Begin a click or a drag."""
        self._was_dragged = False

    def on_draggable_dragged(self, event: Draggable.Dragged) -> None:
        """Take note of a drag, after which letting go is no click."""
        self._was_dragged = self._was_dragged or bool(event.cells)

    async def on_click(self, event: events.Click) -> None:
        """Keep the end of a drag from acting as a click."""
        if self._was_dragged:
            event.stop()
            event.prevent_default()
