"""A scrolling list of one-line rows with a cursor; only the visible rows are drawn."""

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.widget import Widget

from core.value.terminal_text import width_of
from tui.keys.textual_bindings import bindings
from tui.look.contrast import legible
from tui.look.theme import ThemeStyles, theme_styles
from tui.widgets.base.scroll_bar import QuietScrollBar
from tui.words.safe_text import MAX_CHARACTERS_PER_CELL, fit

Span = tuple[str, Style]
"""Safe text and its style."""

MARGIN_ROWS = 2
"""Rows kept visible above and below the cursor."""


class LineView(ScrollView, can_focus=True):
    """Base of all lists. A subclass defines `row_count` and `row`, and calls `rows_changed`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("list")

    DEFAULT_CSS = """
    LineView { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    dispatches_keys_at_once = True
    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The user moved the cursor to another row; not sent when a program moves it."""

        def __init__(self, view: "LineView", index: int) -> None:
            super().__init__()
            self.view = view
            self.index = index

        @property
        def control(self) -> "LineView":
            """The list."""
            return self.view

    class Chosen(Message):
        """Enter or a second click on a row."""

        def __init__(self, view: "LineView", index: int) -> None:
            super().__init__()
            self.view = view
            self.index = index

        @property
        def control(self) -> "LineView":
            """The list."""
            return self.view

    _styles_now: tuple[Style, ThemeStyles] | None = None

    placeholder = ""
    """The text of an empty list; several lines are centred."""

    @property
    def has_cursor(self) -> bool:
        """Whether the cursor is drawn."""
        return True

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """The scroll bar, created on first use as in Textual."""
        if self._vertical_scrollbar is None:
            bar = QuietScrollBar(name="vertical", thickness=self.scrollbar_size_vertical)
            bar.display = False
            self._vertical_scrollbar = bar
            self.app._start_widget(self, bar)
        return self._vertical_scrollbar

    def row_count(self) -> int:
        """Return how many rows there are."""
        return 0

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:  # noqa: ARG002 - for subclasses
        """Return row `index` for `width` cells; what is longer is cut."""
        raise LookupError(index)

    def rows_changed(self) -> None:
        """Handle a change of any rows: repaint everything visible."""
        self.count_changed()
        self.refresh()

    def count_changed(self) -> None:
        """Handle a change of the number of rows; the caller repaints those that differ."""
        resize_content(self, Size(self.scrollable_content_region.width, self.row_count()))
        last = max(0, self.row_count() - 1)
        if self.cursor > last:
            self.cursor = last

    def refresh_rows(self, indices: Iterable[int]) -> None:
        """Repaint those of `indices` that are visible."""
        top, width = self.scroll_offset.y, self.size.width
        bottom = top + self.scrollable_content_region.height
        regions: list[Region] = []
        first = last = -1
        for index in sorted({index for index in indices if top <= index < bottom}):
            if index != last + 1 or first < 0:
                if first >= 0:
                    regions.append(Region(0, first - top, width, last + 1 - first))
                first = index
            last = index
        if first >= 0:
            self.refresh(*regions, Region(0, first - top, width, last + 1 - first))

    @property
    def visible_rows(self) -> range:
        """The indices of the visible rows."""
        top = self.scroll_offset.y
        return range(top, min(self.row_count(), top + self.scrollable_content_region.height))

    def on_resize(self) -> None:
        """Adapt the content to the width of the window, and keep the cursor visible."""
        resize_content(self, Size(self.scrollable_content_region.width, self.row_count()))
        self.call_after_refresh(self._reveal_cursor)

    def _reveal_cursor(self) -> None:
        self.reveal(self.cursor)

    def on_focus(self) -> None:
        """Show the cursor as the active one."""
        self.refresh()

    def on_blur(self) -> None:
        """Show the cursor as an inactive one."""
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Compute the styles once for all lines of a repaint."""
        self._styles_now = self.rich_style, theme_styles(self.app)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one visible row."""
        base, styles = self._styles_now or (self.rich_style, theme_styles(self.app))
        width = self.scrollable_content_region.width
        index = y + self.scroll_offset.y
        count = self.row_count()
        if index >= count:
            if not count and self.placeholder:
                return self._placeholder_line(y, width, base, styles)
            return Strip.blank(width, base)
        is_cursor = index == self.cursor and self.has_cursor
        if is_cursor:
            base += styles.cursor if self.has_focus else styles.cursor_blurred
        marker = (
            ("▌", styles.accent if self.has_focus else styles.faint) if is_cursor else (" ", base)
        )
        return strip_of(
            [marker, *self.row(index, width - 1, styles)], width, base, is_lit=is_cursor
        )

    def _placeholder_line(self, y: int, width: int, base: Style, styles: ThemeStyles) -> Strip:
        lines = self.placeholder.split("\n")
        top = max(0, (self.size.height - len(lines)) // 2)
        if not top <= y < top + len(lines):
            return Strip.blank(width, base)
        line = lines[y - top]
        left = max(1, (width - width_of(line)) // 2)
        return strip_of([(" " * left, base), (line, styles.muted)], width, base)

    def watch_cursor(self, before: int, after: int) -> None:
        """Repaint both rows and scroll to the new one."""
        self.refresh_rows((before, after))
        self.reveal(after)

    def reveal(self, index: int) -> None:
        """Scroll as little as needed to show a row."""
        height = self.scrollable_content_region.height
        if height <= 0:
            return
        margin = min(MARGIN_ROWS, max(0, (height - 1) // 2))
        top = self.scroll_offset.y
        if index < top + margin:
            self.scroll_to(y=max(0, index - margin), animate=False, force=True)
        elif index >= top + height - margin:
            self.scroll_to(y=index - height + 1 + margin, animate=False, force=True)

    def move_to(self, index: int) -> None:
        """Move the cursor to a row, or the nearest existing one, without a message."""
        self.cursor = max(0, min(index, self.row_count() - 1))

    def steer_to(self, index: int) -> None:
        """Move the cursor to a row on behalf of the user, and send `Moved`."""
        before = self.cursor
        self.move_to(index)
        if self.cursor != before:
            self.post_message(self.Moved(self, self.cursor))

    def action_move(self, rows: int) -> None:
        """Move the cursor by a number of rows."""
        self.steer_to(self.cursor + rows)

    def action_page(self, pages: float) -> None:
        """Move the cursor by a fraction of the visible height."""
        self.steer_to(self.cursor + round(pages * max(1, self.size.height - 1)))

    def action_first(self) -> None:
        """Move to the first row."""
        self.steer_to(0)

    def action_last(self) -> None:
        """Move to the last row."""
        self.steer_to(self.row_count() - 1)

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if self.row_count():
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Move to the clicked row; open it on the second click."""
        index = event.y + self.scroll_offset.y
        if index < self.row_count():
            self.steer_to(index)
            if event.chain == 2:
                self.action_choose()


def resize_content(view: ScrollView, size: Size) -> None:
    """Change the size of the scrollable content without a layout of the screen.

    Assigning `virtual_size` lays out and repaints everything, a dozen times a second in a live
    list; a scroll bar that comes or goes still does.
    """
    if size == view.virtual_size:
        return
    width = view.virtual_size.width
    view.set_reactive(Widget.virtual_size, size)
    bar = view._vertical_scrollbar
    if (
        isinstance(bar, QuietScrollBar)
        and view.show_vertical_scrollbar
        and width == size.width
        and size.height > view.container_size.height
    ):  # it stays, so it is told what changed and decides itself whether that can be seen
        bar.window_virtual_size = size.height
        view.scroll_y = view.validate_scroll_y(view.scroll_y)
    else:
        view._scroll_update(size)


def strip_of(spans: Iterable[Span], width: int, base: Style, *, is_lit: bool = False) -> Strip:
    """Return spans as a strip of exactly `width` cells over a base style.

    `is_lit` says that the base has a background of its own, such as that of a cursor: the colours
    of the spans are toned to be legible on it.
    """
    segments: list[Segment] = []
    left = width
    for text, style in spans:
        if left <= 0:
            break
        size = left + 1 if len(text) > MAX_CHARACTERS_PER_CELL * left else width_of(text)
        if size > left:
            text, size = fit(text, left), left
        segments.append(Segment(text, legible(base + style) if is_lit else base + style))
        left -= size
    if left > 0:
        segments.append(Segment(" " * left, base))
    return Strip(segments, width)
