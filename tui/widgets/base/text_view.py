"""A scrolling text of styled lines, wrapped to the window; only the visible rows are drawn."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.value.terminal_text import width_of
from tui.keys.textual_bindings import bindings
from tui.look.styled_text import Line
from tui.look.theme import theme_styles
from tui.widgets.base.line_view import Span, resize_content, strip_of
from tui.widgets.base.selectable import Selectable
from tui.words.safe_text import wrap

MIN_FOLDED_CELLS = 12
"""With less room beside the texts before it, the last text of a line is folded below them."""
INDENT_CELLS = 2
ENTRY_END = "  "
"""What separates the entries of a line, such as keys with their labels."""


class TextView(ScrollView, Selectable, can_focus=True):
    """A read-only text. The continuation of a wrapped line is indented."""

    dispatches_keys_at_once = True
    BINDINGS: ClassVar[list[BindingType]] = bindings("scrolling")
    DEFAULT_CSS = """
    TextView { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None, focusable: bool = True) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.can_focus = focusable
        self._lines: list[Line] = []
        self._parts: list[Line] = []
        """The lines, those that are too wide broken between their entries."""
        self._firsts: list[int] = []
        """Which part each line begins with."""
        self._starts: list[int] = [0]

    def set_lines(self, lines: Iterable[Line], *, keep_place: bool = False) -> None:
        """Replace the lines; scroll to the top unless `keep_place`."""
        before, self._lines = self._lines, list(lines)
        if self._lines != before:
            self._relayout()
        if not keep_place:
            self.scroll_to(y=0, animate=False, force=True)

    @property
    def is_at_end(self) -> bool:
        """Whether the last line is visible."""
        return self.scroll_offset.y >= self.max_scroll_y

    @property
    def plain(self) -> str:
        """The text without its styles."""
        return "\n".join("".join(text for text, _style in line).rstrip() for line in self._lines)

    def show_line(self, index: int) -> None:
        """Scroll so that a line is in the upper part of the window."""
        if 0 <= index < len(self._lines):
            height = self.scrollable_content_region.height
            start = self._starts[self._firsts[index]]
            self.scroll_to(y=max(0, start - height // 3), animate=False, force=True)

    def _pieces(self, line: Line) -> list[str]:
        """Fold the last text of a line to the width that the texts before it leave."""
        if not line:
            return [""]
        text = line[-1][0]
        room = self._room - _lead(line)
        if width_of(text) <= room:
            return [text]
        if room >= MIN_FOLDED_CELLS:
            return wrap(text, room)
        below = max(1, self._room - INDENT_CELLS)
        return ["", *(" " * INDENT_CELLS + piece for piece in wrap(text, below))]

    @property
    def _room(self) -> int:
        return max(1, self.scrollable_content_region.width)

    def _relayout(self) -> None:
        starts, parts, firsts = [0], list[Line](), list[int]()
        for line in self._lines:
            firsts.append(len(parts))
            parts += broken_between_entries(line, self._room)
        for part in parts:
            starts.append(starts[-1] + len(self._pieces(part)))
        self._starts, self._parts, self._firsts = starts, parts, firsts
        resize_content(self, Size(self._room, starts[-1]))
        self.refresh()

    def on_resize(self) -> None:
        """Fold the lines to the new width."""
        self._relayout()

    def watch_show_vertical_scrollbar(self) -> None:
        """Fold the lines anew when the scroll bar takes a column, or gives it back."""
        self._relayout()

    def render_line(self, y: int) -> Strip:
        """Draw one visible row."""
        row = y + self.scroll_offset.y
        strip = strip_of(self._spans(row), self._room, self.rich_style)
        return self.selectable(strip, row)

    def row_text(self, row: int) -> str:
        """Return the text of a row."""
        return "".join(text for text, _style in self._spans(row))

    def _spans(self, row: int) -> list[Span]:
        index = bisect_right(self._starts, row) - 1
        if index >= len(self._parts):
            return []
        line = self._parts[index]
        piece = row - self._starts[index]
        styles = theme_styles(self.app)
        spans: list[Span] = []
        for place, (text, style_name) in enumerate(line):
            style = styles.named(style_name)
            last = place == len(line) - 1
            if not last:
                beside = self._room - _lead(line) >= MIN_FOLDED_CELLS
                spans.append((text if piece == 0 else " " * width_of(text) * beside, style))
            else:
                pieces = self._pieces(line)
                spans.append((pieces[min(piece, len(pieces) - 1)], style))
        return spans

    def action_move(self, rows: int) -> None:
        """Scroll by a number of rows."""
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    def action_page(self, pages: float) -> None:
        """Scroll by a fraction of the visible height."""
        rows = round(pages * max(1, self.size.height - 1))
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    def action_first(self) -> None:
        """Go to the first line."""
        self.scroll_to(y=0, animate=False, force=True)

    def action_last(self) -> None:
        """Go to the last line."""
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)


def broken_between_entries(line: Line, room: int) -> list[Line]:
    """Break a line that does not fit between its entries, each of which ends with two blanks.

    The last text of any other line is folded instead, unless there is no room for those before it.
    """
    is_listed = bool(line) and line[-1][0].endswith(ENTRY_END)
    width = _lead(line) + (width_of(line[-1][0].rstrip()) if is_listed else 0)
    if width <= room:
        return [line]
    parts: list[Line] = [[]]
    entry: Line = []
    for span in line:
        entry = [*entry, span]
        if span is line[-1] or span[0].endswith(ENTRY_END):
            text = "".join(text for text, _style in (*parts[-1], *entry))
            if parts[-1] and width_of(text.rstrip()) > room:
                parts.append([])
            parts[-1] = [*parts[-1], *entry]
            entry = []
    return parts


def _lead(line: Line) -> int:
    """Return the width of the texts before the last one."""
    return sum(width_of(text) for text, _style in line[:-1])
