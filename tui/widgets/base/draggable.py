"""What the mouse can drag to resize a pane. It only says how far; its screen moves the panes."""

from textual import events
from textual.message import Message
from textual.widget import Widget


class Draggable(Widget):
    """Mixin of a handle for the pane called `pane`.

    `grows` is 1 if the pane becomes larger when the handle goes right or down, else -1.
    """

    pane: str = ""
    grows: int = 1
    is_upright: bool = False
    """Whether it is dragged to the left and right, not up and down."""

    held_at: int | None = None
    """Where the mouse holds it, on the screen; None for not at all."""

    class Dragged(Message):
        """The handle was dragged by so many cells, to the right or down; `is_over` at the end."""

        def __init__(self, handle: "Draggable", cells: int, *, is_over: bool) -> None:
            super().__init__()
            self.handle = handle
            self.cells = cells
            self.is_over = is_over

        @property
        def control(self) -> "Draggable":
            """The handle."""
            return self.handle

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Hold the handle."""
        event.stop()
        self.capture_mouse()
        self.held_at = self._place(event)
        self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Report how far the handle was dragged since the last report."""
        if self.held_at is None:
            return
        event.stop()
        place = self._place(event)
        if place != self.held_at:
            cells, self.held_at = place - self.held_at, place
            self.post_message(self.Dragged(self, cells, is_over=False))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let the handle go."""
        if self.held_at is None:
            return
        event.stop()
        self.release_mouse()
        self.held_at = None
        self.refresh()
        self.post_message(self.Dragged(self, 0, is_over=True))

    def _place(self, event: events.MouseEvent) -> int:
        return event.screen_x if self.is_upright else event.screen_y
