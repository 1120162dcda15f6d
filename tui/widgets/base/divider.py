"""The line between two panes, which the mouse can drag."""

from textual.strip import Strip

from tui.look.theme import theme_styles
from tui.widgets.base.draggable import Draggable
from tui.widgets.base.line_view import strip_of


class Divider(Draggable):
    """One cell thick. `pane` and `grows` are those of a `Draggable`."""

    DEFAULT_CSS = """
    Divider { width: 100%; height: 1; }
    Divider.-upright { width: 1; height: 100%; }
    """

    def __init__(
        self,
        pane: str,
        *,
        upright: bool,
        grows: int = 1,
        mark: str = " ",
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id, classes="-upright" if upright else "")
        self.pane, self.grows, self.is_upright = pane, grows, upright
        self._mark = mark if upright else "─"

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - Textual's own
        """Draw the line, bright while it is held."""
        styles = theme_styles(self.app)
        is_held = self.held_at is not None
        mark = "│" if is_held and self.is_upright else self._mark
        width = self.size.width
        text = mark if self.is_upright else mark * width
        return strip_of([(text, styles.accent if is_held else styles.line)], width, self.rich_style)
