"""The output of an attempt (or of everything, merged): follow, wrap, times, search over all lines.

Only a window of lines is held, and only those in sight are formatted. The stored text is never
parsed: it is made safe by `tui.words.safe_text` and drawn as it is.
"""

import asyncio
from typing import ClassVar

from msgspec.structs import replace
from rich.style import Style
from textual import work
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.domain.records import LogEntry, LogStream
from core.errors import MissionDeckError
from core.ports.reader import LogQuery
from core.value.terminal_text import width_of
from tui.keys.textual_bindings import bindings
from tui.live.feed import Feed, Lookup
from tui.live.log_pages import (
    PAGE,
    Line,
    Page,
    find_gap,
    find_lines,
    place_of,
    read_after,
    read_around,
    read_before,
    read_head,
)
from tui.live.log_search import LogSearch
from tui.live.log_window import LogWindow
from tui.live.messages import LogLines
from tui.look.theme import Inks, inks_of
from tui.widgets.base.line_view import Span, resize_content, strip_of
from tui.widgets.base.selectable import Selectable
from tui.widgets.log.log_row import LogRows
from tui.words.safe_text import clean

LEAST_ROOM = 8
"""Cells that text is folded to at least."""
EDGE = 50
"""How close to an end of the window the next part is fetched."""

STREAM_CHOICES: tuple[frozenset[LogStream], ...] = (
    frozenset(),
    frozenset({LogStream.STDOUT, LogStream.SYSTEM}),
    frozenset({LogStream.STDERR, LogStream.SYSTEM}),
)
"""What may be shown. The engine's own words belong to each: one says that output was dropped."""


class LogPane(ScrollView, Selectable, can_focus=True):
    """A log. Tell it what to show; hand it what the feed delivers."""

    acts_at_once = True
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("log"), *bindings("scrolling")]
    DEFAULT_CSS = """
    LogPane { overflow-x: auto; overflow-y: auto; scrollbar-size: 1 1; }
    """

    first_keys = (
        "log.next_match",
        "run.follow",
        "run.filter",
        "run.previous_attempt",
        "run.next_attempt",
        "run.wrap",
        "run.streams",
        "run.copy",
        "run.save_log",
        "run.zoom",
    )
    """The keys of its screen that are about the log, most useful first."""

    following: reactive[bool] = reactive(True, repaint=False)
    wrapping: reactive[bool] = reactive(False, repaint=False)
    times: reactive[bool] = reactive(True, repaint=False)

    _styles_now: tuple[Style, Inks] | None = None

    class Changed(Message):
        """What its title says has changed: switches, position, matches."""

    def __init__(self, feed: Feed, lookup: Lookup, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._feed = feed
        self._lookup = lookup
        self._query: LogQuery | None = None
        self._token = 0
        self._window = LogWindow()
        self._fetching = False
        self._unfinished: tuple[LogEntry, ...] = ()
        self._ending = ""
        self._empty = "No step selected"
        self._is_read = True
        """Whether what is shown is the log that was asked for last, not one still on its way."""
        self._streams = 0
        self._search = LogSearch()

    # --- what is shown ---------------------------------------------------------------------------

    @property
    def query_shown(self) -> LogQuery | None:
        """Which log this is."""
        return self._query

    @property
    def is_stale(self) -> bool:
        """Whether another log has been followed since."""
        return self._token != self._feed.log_token

    @property
    def streams(self) -> frozenset[LogStream]:
        """The streams shown; empty for all."""
        return STREAM_CHOICES[self._streams]

    @property
    def search(self) -> str:
        """The text that is searched for, empty for none."""
        return self._search.text

    @property
    def match_count(self) -> str:
        """The number of the current match (from 1, 0 for none yet) and how many there are."""
        return self._search.count_text

    @property
    def position(self) -> str:
        """Where the window is in the log, for the title."""
        window = self._window
        if not window.lines or self._query is None or self._query.task_id is None:
            return ""
        last, _piece = window.place_of_row(self._bottom_row)
        last = min(last, len(window.lines) - 1)
        if window.more_before or window.more_after:
            return f"line {window.lines[last][1].seq:,}"
        return f"{last + 1:,}/{len(window.lines):,}"

    def show(self, query: LogQuery | None, *, empty: str = "No output") -> None:
        """Show another log from its end."""
        self._query = query
        self._window.replace((), before=False, after=False)
        self._unfinished = ()
        self._ending = ""
        self._empty = empty
        self._is_read = query is None
        self._search.found(())
        self._token = self._feed.follow_log(self._asked())
        self._resized()
        self.scroll_to(x=0, y=0, animate=False, force=True)
        if self.search and query is not None:
            self._find(self.search)

    def set_ending(self, text: str) -> None:
        """Show a line behind the last: how the attempt ended."""
        if text != self._ending:
            self._ending = text
            self._resized()
            self._stick()

    def deliver(self, news: LogLines) -> None:
        """Take in what the feed brought; of a log shown before, nothing."""
        if news.token != self._token:
            return
        self._is_read = True
        window = self._window
        if news.reset or (news.gap and self.following):
            if self.text_selection is not None:
                self.screen.clear_selection()
            more = len(news.lines) >= PAGE or news.gap
            window.replace(news.lines, before=more, after=False)
        elif window.more_after or news.gap:
            window.more_after = True
        else:
            window.append(news.lines, trim=self.following)
        self._unfinished = () if window.more_after else news.unfinished
        self._resized()
        self._stick()
        self.post_message(self.Changed())

    def _asked(self) -> LogQuery | None:
        return None if self._query is None else replace(self._query, streams=self.streams)

    # --- geometry --------------------------------------------------------------------------------

    def _resized(self) -> None:
        """Take note of how much there is to scroll through."""
        widest = 0
        if not self.wrapping:
            lines = self._window.lines
            widest = self._rows.lead + max((len(entry.message) for _c, entry in lines), default=0)
            widest = max(
                (widest, *(self._rows.lead + width_of(clean(e.message)) for e in self._unfinished))
            )
        rows = self._window.rows + len(self._unfinished) + bool(self._ending)
        resize_content(self, Size(widest, rows))
        self.refresh()

    def _fold(self) -> None:
        """Fold the lines to the width there is, if they are to be folded."""
        width = self.scrollable_content_region.width
        fold_it = self.wrapping and width > 0
        self._window.fold_to(max(LEAST_ROOM, width - self._rows.lead) if fold_it else None)
        if (
            fold_it
            and not self.show_vertical_scrollbar
            and self._window.rows + bool(self._ending) > self.size.height
        ):  # the scroll bar that comes with so many rows takes its column from the first frame on
            width -= self.scrollbar_size_vertical
            self._window.fold_to(max(LEAST_ROOM, width - self._rows.lead))
        self._resized()

    @property
    def _rows(self) -> LogRows:
        return LogRows(self.times, steps=self._query is not None and self._query.task_id is None)

    @property
    def _bottom_row(self) -> int:
        return self.scroll_offset.y + max(0, self.scrollable_content_region.height - 1)

    def _stick(self) -> None:
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def on_resize(self) -> None:
        """Fold the lines anew where they are wrapped."""
        self._fold()
        self._stick()

    # --- drawing ---------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Work out the styles once for all lines of a repaint."""
        self._styles_now = self.rich_style, inks_of(self.app)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw one visible row."""
        base, inks = self._styles_now or (self.rich_style, inks_of(self.app))
        width = self.scrollable_content_region.width
        left, top = self.scroll_offset
        row = y + top
        if not self._window.lines and not self._unfinished and not self._ending:
            empty = self._empty if self._is_read else "reading …"
            text = f" {empty}" if y == 0 else ""
            return strip_of([(text, inks.muted)], width, base)
        left = 0 if self.wrapping else left
        strip = strip_of(self._spans(row, inks), left + width, base)
        return self.selectable(strip.crop(left, left + width) if left else strip, row, left)

    def _spans(self, row: int, inks: Inks) -> list[Span]:
        window = self._window
        if row >= window.rows:
            behind = row - window.rows
            if behind < len(self._unfinished):
                entry = self._unfinished[behind]
                return self._rows.spans((0, entry), 0, None, self._search, inks)
            is_ending = behind == len(self._unfinished)
            return [(f" {self._ending}", inks.strong)] if is_ending else []
        line, piece = window.place_of_row(row)
        return self._rows.spans(window.lines[line], piece, window.room, self._search, inks)

    def row_text(self, row: int) -> str:
        """Return the text of a row."""
        return "".join(text for text, _style in self._spans(row, inks_of(self.app)))

    # --- moving ----------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch what comes next when an end of the window is near."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) < round(old_value) and new_value < self.max_scroll_y:
            self.following = False
        if new_value < EDGE and self._window.more_before and not self.following:
            self._fetch(earlier=True)
        elif new_value > self.max_scroll_y - EDGE and self._window.more_after:
            self._fetch(earlier=False)
        self.post_message(self.Changed())

    def action_move(self, rows: int) -> None:
        """Scroll by a number of rows."""
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    def action_page(self, pages: float) -> None:
        """Scroll by a share of the window."""
        rows = round(pages * max(1, self.scrollable_content_region.height - 1))
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    def action_first(self) -> None:
        """Go to the first line of the log, wherever the window is."""
        self.following = False
        if self._window.more_before:
            self._jump(None)
        else:
            self.scroll_to(y=0, animate=False, force=True)

    def action_last(self) -> None:
        """Go to the last line and follow."""
        self.follow()

    def follow(self) -> None:
        """Stay at the end as lines come."""
        self.following = True
        if self._window.more_after:
            self._token = self._feed.follow_log(self._asked())
        self._stick()
        self.post_message(self.Changed())

    def toggle_follow(self) -> None:
        """Follow, or stay where it is."""
        if self.following:
            self.following = False
            self.post_message(self.Changed())
        else:
            self.follow()

    def toggle_wrap(self) -> None:
        """Fold long lines, or let them run out of sight."""
        line, _piece = self._window.place_of_row(self.scroll_offset.y)
        self.wrapping = not self.wrapping
        self._fold()
        self.scroll_to(x=0, y=self._window.row_of(line), animate=False, force=True)
        self._stick()
        self.post_message(self.Changed())

    def toggle_times(self) -> None:
        """Show or hide when each line came."""
        self.times = not self.times
        self._fold()
        self.post_message(self.Changed())

    def next_streams(self) -> None:
        """Show both streams, stdout alone, stderr alone, in turn."""
        self._streams = (self._streams + 1) % len(STREAM_CHOICES)
        ending = self._ending
        self.show(self._query, empty=self._empty)
        self._ending = ending

    @work(exclusive=True, group="log-gap")
    async def show_gap(self) -> None:
        """Go to where output was dropped."""
        query = self._asked()
        if query is None:
            return
        try:
            gap = await self._lookup.read(lambda reader: find_gap(reader, query))
        except MissionDeckError:
            return  # the feed meets the same failure and shows it
        if gap is not None and query == self._asked():
            self._to(gap)

    @work(exclusive=True, group="log-window")
    async def _jump(self, to: Line | None) -> None:
        query = self._asked()
        if query is None:
            return
        page = await self._read_page(query, to)
        if page is None or query != self._asked():
            return
        self._window.replace(page.lines, before=page.more_before, after=page.more_after)
        self._resized()
        self._show_line(page.at)
        self.post_message(self.Changed())

    async def _read_page(self, query: LogQuery, to: Line | None) -> Page | None:
        try:
            if to is not None:
                return await self._lookup.read(lambda reader: read_around(reader, query, to))
            return await self._lookup.read(lambda reader: read_head(reader, query))
        except MissionDeckError as error:
            self._empty, self._is_read = str(error), True
            return None

    @work(group="log-fetch")
    async def _fetch(self, *, earlier: bool) -> None:
        query = self._asked()
        window = self._window
        if self._fetching or query is None or not window.lines:
            return
        self._fetching = True
        try:
            end = window.lines[0] if earlier else window.lines[-1]
            read = read_before if earlier else read_after
            page = await self._lookup.read(lambda reader: read(reader, query, end))
        except MissionDeckError:
            return  # the feed meets the same failure and shows it
        finally:
            self._fetching = False
        edge = window.lines[:1] if earlier else window.lines[-1:]
        if query != self._asked() or not edge or place_of(edge[0]) != place_of(end):
            return
        moved = window.put_before(page) if earlier else -window.put_behind(page)
        if self.text_selection is not None:
            self.screen.clear_selection()  # its rows have other numbers now
        self._resized()
        self.scroll_to(y=self.scroll_offset.y + moved, animate=False, force=True)

    # --- searching -------------------------------------------------------------------------------

    def set_search(self, text: str) -> None:
        """Search all lines of the log for a text; empty ends the search."""
        self._search.begin(text)
        if text and self._query is not None:
            self._find(text)
        self.refresh()
        self.post_message(self.Changed())

    @work(exclusive=True, group="log-search")
    async def _find(self, text: str) -> None:
        await asyncio.sleep(0.15)  # the next letter may be on its way
        query = self._asked()
        if query is None:
            return
        try:
            found, more = await self._lookup.read(lambda reader: find_lines(reader, query, text))
        except MissionDeckError:
            return  # the feed meets the same failure and shows it
        if query != self._asked() or text != self.search:
            return
        self._search.found(found, last=self.following, has_more=more)
        self._to_match()
        self.refresh()
        self.post_message(self.Changed())

    def action_match(self, step: int) -> None:
        """Go to the next or previous match, round and round; without a search say how to begin."""
        if not self.search:
            self.notify("nothing is searched for: / searches the log", markup=False, timeout=4)
            return
        if self._search.step(step):
            self._to_match()
            self.refresh()
            self.post_message(self.Changed())

    def _to_match(self) -> None:
        wanted = self._search.current
        if wanted is not None:
            self._to(wanted)

    def _to(self, wanted: Line) -> None:
        """Go to a line, wherever the window is."""
        self.following = False
        line = self._window.index_of(wanted)
        if line is None:
            self._jump(wanted)
        else:
            self._show_line(line)

    def _show_line(self, line: int) -> None:
        """Scroll so that a line is in the middle."""
        row = self._window.row_of(line) - self.scrollable_content_region.height // 2
        self.scroll_to(y=max(0, row), animate=False, force=True)
