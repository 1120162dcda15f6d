"""A one-line bar of parts: titles, tabs, switches, counts. Parts may be clicked."""

from collections.abc import Sequence

from rich.style import Style
from textual import events
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from core.value.terminal_text import width_of
from tui.look.styled_text import Part
from tui.look.theme import theme_styles
from tui.widgets.base.line_view import Span, strip_of
from tui.words.safe_text import fit


class Bar(Widget):
    """One line of parts, some flush left, some flush right."""

    DEFAULT_CSS = """
    Bar { height: 1; width: 1fr; }
    """

    lit: reactive[bool] = reactive(False)
    """Whether it is highlighted as the title of the focused pane."""

    def __init__(self, *, plain: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._left: tuple[Part, ...] = ()
        self._right: tuple[Part, ...] = ()
        self._plain = plain
        self._click_areas: list[tuple[int, int, str]] = []

    def set_parts(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Replace the parts."""
        parts = tuple(left), tuple(right)
        if parts != (self._left, self._right):
            self._left, self._right = parts
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the line; where room is short, parts of a high rank are left out."""
        width = self.size.width
        styles = theme_styles(self.app)
        base = self.rich_style
        if not self._plain:
            base += styles.bar_focused if self.lit else styles.bar
        if y:
            return Strip.blank(width, base)
        left, right = list(self._left), list(self._right)
        while sum(width_of(p.text) for p in (*left, *right)) > width:
            highest = max((part.rank for part in (*left, *right)), default=0)
            if not highest:
                break
            left = [part for part in left if part.rank < highest]
            right = [part for part in right if part.rank < highest]
        tail = sum(width_of(part.text) for part in right)
        room = max(0, width - tail)
        spans: list[Span] = []
        self._click_areas = []
        x = 0
        for part in left:
            size = width_of(part.text)
            text = part.text if size <= room - x else fit(part.text, room - x)
            x = self._put(spans, part, text, x)
        if x < room:
            spans.append((" " * (room - x), Style.null()))
            x = room
        for part in right:
            x = self._put(spans, part, part.text, x)
        return strip_of(spans, width, base, is_lit=True)

    def _put(self, spans: list[Span], part: Part, text: str, x: int) -> int:
        spans.append((text, theme_styles(self.app).named(part.style)))
        end = x + width_of(text)
        if part.action:
            self._click_areas.append((x, end, part.action))
        return end

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the part that was clicked."""
        for start, end, action in self._click_areas:
            if start <= event.x < end:
                event.stop()
                await self.app.run_action(action, self.screen)
                return
