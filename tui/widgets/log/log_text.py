"""Draws the lines of a log that are held in memory: folded or not, with or without times.

Only the rows in sight are formatted. What is shown of the stored text is decided by `log_row`.
Knows neither the feed nor the database.
"""

from rich.style import Style
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from core.domain.records import LogEntry
from core.value.terminal_text import width_of
from tui.live.log.log_search import LogSearch
from tui.live.log.log_window import LogWindow
from tui.look.theme import ThemeStyles, theme_styles
from tui.widgets.base.line_view import Span, resize_content, strip_of
from tui.widgets.base.selectable import Selectable
from tui.widgets.log.log_row import LogRows
from tui.words.safe_text import clean

MIN_TEXT_CELLS = 8
"""The least width that text is folded to."""


class LogText(ScrollView, Selectable, can_focus=True):
    """A window of log lines, then lines still being written, then how the attempt ended."""

    following: reactive[bool] = reactive(True, repaint=False)
    wrapping: reactive[bool] = reactive(False, repaint=False)
    times: reactive[bool] = reactive(True, repaint=False)
    colours: reactive[bool] = reactive(True, repaint=False)
    records: reactive[bool] = reactive(True, repaint=False)

    _styles_now: tuple[Style, ThemeStyles] | None = None

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._window = LogWindow(lambda entry: self._rows.text_of(entry))
        self._search = LogSearch()
        self._unfinished: tuple[LogEntry, ...] = ()
        self._ending = ""
        self._placeholder = ""
        """What an empty log says."""

    @property
    def shows_steps(self) -> bool:
        """Whether each line is preceded by its step, as in the merged log of all steps."""
        return False

    # --- geometry --------------------------------------------------------------------------------

    def _resized(self) -> None:
        """Recompute the size of the scrollable content, fold what is in sight, and repaint."""
        self._size_content()
        self._settle()

    def _settle(self) -> None:
        """Count the rows of the lines in sight, which may have been estimated until now."""
        if self._window.room is None:
            return
        top = self.scroll_offset.y
        now = self._window.settle(top, self.scrollable_content_region.height)
        if now != top:  # the same lines stay in sight: nobody has scrolled
            if self.text_selection is not None:
                self.screen.clear_selection()  # the rows have been renumbered
            self.scroll_target_y = now
            self.set_reactive(Widget.scroll_y, now)
            if self.show_vertical_scrollbar:
                self.vertical_scrollbar.position = now
        self._size_content()

    def _size_content(self) -> None:
        widest = 0
        if not self.wrapping:
            unfinished = (width_of(clean(entry.message)) for entry in self._unfinished)
            widest = self._rows.lead + max((self._window.widest, *unfinished))
        rows = self._window.rows + len(self._unfinished) + bool(self._ending)
        resize_content(self, Size(widest, rows))
        self.refresh()

    def _fold(self) -> None:
        """Fold the lines to the available width while wrapping is on."""
        width = self.scrollable_content_region.width
        fold_it = self.wrapping and width > 0
        self._window.fold_to(max(MIN_TEXT_CELLS, width - self._rows.lead) if fold_it else None)
        if (
            fold_it
            and not self.show_vertical_scrollbar
            and self._window.rows + bool(self._ending) > self.size.height
        ):  # leave room for the scroll bar that so many rows will bring
            width -= self.scrollbar_size_vertical
            self._window.fold_to(max(MIN_TEXT_CELLS, width - self._rows.lead))
        self._resized()

    @property
    def _rows(self) -> LogRows:
        return LogRows(self.times, self.shows_steps, self.colours, self.records)

    @property
    def _bottom_row(self) -> int:
        return self.scroll_offset.y + max(0, self.scrollable_content_region.height - 1)

    def _stick(self) -> None:
        """Scroll to the end while following."""
        if self.following:
            self._settle_around(len(self._window.lines))
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def _settle_around(self, line: int) -> None:
        """Count the rows of what will be in sight together with a line."""
        if self._window.room is not None:
            self._window.settle_around(line, self.scrollable_content_region.height)
            self._size_content()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fold what comes into sight."""
        super().watch_scroll_y(old_value, new_value)
        self._settle()

    def on_resize(self) -> None:
        """Fold wrapped lines to the new width."""
        self._fold()
        self._stick()

    # --- drawing ---------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Compute the styles once for all lines of a repaint."""
        self._styles_now = self.rich_style, theme_styles(self.app)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one visible row."""
        base, styles = self._styles_now or (self.rich_style, theme_styles(self.app))
        width = self.scrollable_content_region.width
        left, top = self.scroll_offset
        row = y + top
        if not self._window.lines and not self._unfinished and not self._ending:
            text = f" {self._placeholder}" if y == 0 else ""
            return strip_of([(text, styles.muted)], width, base)
        left = 0 if self.wrapping else left
        strip = strip_of(self._spans(row, styles), left + width, base)
        return self.selectable(strip.crop(left, left + width) if left else strip, row, left)

    def _spans(self, row: int, styles: ThemeStyles) -> list[Span]:
        window = self._window
        if row >= window.rows:
            behind = row - window.rows
            if behind < len(self._unfinished):
                entry = self._unfinished[behind]
                return self._rows.spans((0, entry), 0, None, self._search, styles)
            is_ending = behind == len(self._unfinished)
            return [(f" {self._ending}", styles.strong)] if is_ending else []
        line, piece = window.place_of_row(row)
        if piece < 0:
            return self._rows.gap(window.gap_text(line), styles)
        return self._rows.spans(window.lines[line], piece, window.room, self._search, styles)

    def row_text(self, row: int) -> str:
        """Return the text of a row."""
        return "".join(text for text, _style in self._spans(row, theme_styles(self.app)))

    # --- scrolling -------------------------------------------------------------------------------

    def action_move(self, rows: int) -> None:
        """Scroll by a number of rows."""
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    def action_page(self, pages: float) -> None:
        """Scroll by a fraction of the visible height."""
        rows = round(pages * max(1, self.scrollable_content_region.height - 1))
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    def _show_line(self, line: int) -> None:
        """Scroll so that a line of the window is in the middle."""
        self._settle_around(line)
        row = self._window.row_of(line) - self.scrollable_content_region.height // 2
        self.scroll_to(y=max(0, row), animate=False, force=True)
