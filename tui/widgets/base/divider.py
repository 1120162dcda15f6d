"""The line between two panes, which the mouse can drag."""

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.look.theme import theme_styles
from tui.widgets.base.line_view import strip_of


class Divider(Widget):
    """One cell thick. It only says where it is dragged to; its screen moves the panes."""

    DEFAULT_CSS = """
    Divider { width: 100%; height: 1; }
    Divider.-upright { width: 1; height: 100%; }
    """

    class Dragged(Message):
        """The line was dragged by so many cells, to the right or down; `is_over` at the end."""

        def __init__(self, divider: "Divider", cells: int, *, is_over: bool) -> None:
            super().__init__()
            self.divider = divider
            self.cells = cells
            self.is_over = is_over

        @property
        def control(self) -> "Divider":
            """The divider."""
            return self.divider

    def __init__(self, *, upright: bool, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes="-upright" if upright else "")
        self._upright = upright
        self._held_at: int | None = None

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - Textual's own
        """Draw the line; an upright one only while it is held."""
        styles = theme_styles(self.app)
        style = styles.accent if self._held_at is not None else styles.faint
        mark = "│" if self._held_at is not None else " "
        width = self.size.width
        text = mark if self._upright else "─" * width
        return strip_of([(text, style)], width, self.rich_style)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Hold the line."""
        event.stop()
        self.capture_mouse()
        self._held_at = self._place(event)
        self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Report how far the line was dragged since the last report."""
        if self._held_at is None:
            return
        event.stop()
        place = self._place(event)
        if place != self._held_at:
            cells, self._held_at = place - self._held_at, place
            self.post_message(self.Dragged(self, cells, is_over=False))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let the line go."""
        if self._held_at is None:
            return
        event.stop()
        self.release_mouse()
        self._held_at = None
        self.refresh()
        self.post_message(self.Dragged(self, 0, is_over=True))

    def _place(self, event: events.MouseEvent) -> int:
        return event.screen_x if self._upright else event.screen_y
