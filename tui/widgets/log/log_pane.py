"""Loads the log that a `LogText` draws: follows the feed, fetches pages, searches all lines.

Only a window of lines is held in memory; the database has the rest.
"""

import asyncio
from typing import ClassVar

from msgspec.structs import replace
from textual import work
from textual.binding import BindingType
from textual.message import Message

from core.domain.records import LogStream
from core.errors import MissionDeckError
from core.ports.reader import LogQuery
from tui.keys.textual_bindings import bindings
from tui.live.feed import Feed
from tui.live.log.log_pages import (
    PAGE_LINES,
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
from tui.live.lookup import Lookup
from tui.live.messages import LogLines
from tui.widgets.log.log_text import LogText

FETCH_MARGIN_ROWS = 50
"""The next page is fetched when an end of the window is closer than this."""
SEARCH_DEBOUNCE_SECONDS = 0.15
"""How long the search text must be unchanged before the log is searched."""

STREAM_CHOICES: tuple[frozenset[LogStream], ...] = (
    frozenset(),
    frozenset({LogStream.STDOUT, LogStream.SYSTEM}),
    frozenset({LogStream.STDERR, LogStream.SYSTEM}),
)
"""The selections of streams. Each includes the engine's messages, such as "output was dropped"."""


class LogPane(LogText):
    """The log of an attempt, or of all steps merged. `show` selects it; `deliver` adds lines."""

    dispatches_keys_at_once = True
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
    """Ids of the screen's bindings that concern the log, most useful first, for the key bar."""

    class Changed(Message):
        """What the log's title says has changed: switches, position, matches."""

    def __init__(self, feed: Feed, lookup: Lookup, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._feed = feed
        self._lookup = lookup
        self._query: LogQuery | None = None
        self._token = 0
        self._fetching = False
        self._empty = "No step selected"
        self._placeholder = self._empty
        self._streams = 0

    # --- what is shown ---------------------------------------------------------------------------

    @property
    def query_shown(self) -> LogQuery | None:
        """The query of the log that is shown; None for none."""
        return self._query

    @property
    def is_stale(self) -> bool:
        """Whether the feed follows another log by now."""
        return self._token != self._feed.log_token

    @property
    def shows_steps(self) -> bool:
        """Whether this is the merged log of all steps."""
        return self._query is not None and self._query.task_id is None

    @property
    def streams(self) -> frozenset[LogStream]:
        """The streams shown; empty for all."""
        return STREAM_CHOICES[self._streams]

    @property
    def search(self) -> str:
        """The search text, empty for none."""
        return self._search.text

    @property
    def match_count(self) -> str:
        """The number of the current match (from 1; 0 before the first) and of all matches."""
        return self._search.count_text

    @property
    def position(self) -> str:
        """The position of the last visible line, for the title."""
        window = self._window
        if not window.lines or self._query is None or self._query.task_id is None:
            return ""
        last, _piece = window.place_of_row(self._bottom_row)
        last = min(last, len(window.lines) - 1)
        if window.more_before or window.more_after:
            return f"line {window.lines[last][1].seq:,}"
        return f"{last + 1:,}/{len(window.lines):,}"

    def show(self, query: LogQuery | None, *, empty: str = "No output") -> None:
        """Show another log, starting at its end; `empty` is said when it has no lines."""
        self._query = query
        self._window.replace((), before=False, after=False)
        self._unfinished = ()
        self._ending = ""
        self._empty = empty
        self._placeholder = empty if query is None else "reading …"
        self._search.found(())
        self._token = self._feed.follow_log(self._asked())
        self._resized()
        self.scroll_to(x=0, y=0, animate=False, force=True)
        if self.search and query is not None:
            self._find(self.search)

    def set_ending(self, text: str) -> None:
        """Show how the attempt ended, in a line after the last one."""
        if text != self._ending:
            self._ending = text
            self._resized()
            self._stick()

    def deliver(self, news: LogLines) -> None:
        """Add lines from the feed; lines of a log that is no longer shown are ignored."""
        if news.token != self._token:
            return
        self._placeholder = self._empty
        window = self._window
        if news.reset or (news.gap and self.following):
            if self.text_selection is not None:
                self.screen.clear_selection()
            more = len(news.lines) >= PAGE_LINES or news.gap
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

    # --- paging ----------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch the next page when an end of the window is near; stop following on scrolling up."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) < round(old_value) and new_value < self.max_scroll_y:
            self.following = False
        if new_value < FETCH_MARGIN_ROWS and self._window.more_before and not self.following:
            self._fetch(earlier=True)
        elif new_value > self.max_scroll_y - FETCH_MARGIN_ROWS and self._window.more_after:
            self._fetch(earlier=False)
        self.post_message(self.Changed())

    def action_first(self) -> None:
        """Go to the first line of the log, loading it if necessary."""
        self.following = False
        if self._window.more_before:
            self._jump(None)
        else:
            self.scroll_to(y=0, animate=False, force=True)

    def action_last(self) -> None:
        """Go to the last line and follow."""
        self.follow()

    def follow(self) -> None:
        """Keep the last line in sight as lines arrive."""
        self.following = True
        if self._window.more_after:
            self._token = self._feed.follow_log(self._asked())
        self._stick()
        self.post_message(self.Changed())

    def toggle_follow(self) -> None:
        """Start or stop following."""
        if self.following:
            self.following = False
            self.post_message(self.Changed())
        else:
            self.follow()

    def toggle_wrap(self) -> None:
        """Start or stop wrapping long lines."""
        line, _piece = self._window.place_of_row(self.scroll_offset.y)
        self.wrapping = not self.wrapping
        self._fold()
        self.scroll_to(x=0, y=self._window.row_of(line), animate=False, force=True)
        self._stick()
        self.post_message(self.Changed())

    def toggle_times(self) -> None:
        """Show or hide the time of each line."""
        self.times = not self.times
        self._fold()
        self.post_message(self.Changed())

    def toggle_colours(self) -> None:
        """Show or hide colours."""
        self.colours = not self.colours
        self.refresh()

    def toggle_records(self) -> None:
        """Show the records of structured logs readable, or as they were written."""
        self.records = not self.records
        self._fold()
        self._stick()

    def next_streams(self) -> None:
        """Cycle through both streams, stdout only, stderr only."""
        self._streams = (self._streams + 1) % len(STREAM_CHOICES)
        ending = self._ending
        self.show(self._query, empty=self._empty)
        self._ending = ending

    @work(exclusive=True, group="log-gap")
    async def show_gap(self) -> None:
        """Go to the line that says that output was dropped."""
        query = self._asked()
        if query is None:
            return
        try:
            gap = await self._lookup.read(lambda reader: find_gap(reader, query))
        except MissionDeckError:
            return  # the feed reports the same failure
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
            self._empty = self._placeholder = str(error)
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
            return  # the feed reports the same failure
        finally:
            self._fetching = False
        edge = window.lines[:1] if earlier else window.lines[-1:]
        if query != self._asked() or not edge or place_of(edge[0]) != place_of(end):
            return
        moved = window.put_before(page) if earlier else -window.put_behind(page)
        if self.text_selection is not None:
            self.screen.clear_selection()  # the rows have been renumbered
        self._resized()
        self.scroll_to(y=self.scroll_offset.y + moved, animate=False, force=True)

    # --- searching -------------------------------------------------------------------------------

    def set_search(self, text: str) -> None:
        """Search all lines of the log for a text; an empty text ends the search."""
        self._search.begin(text)
        if text and self._query is not None:
            self._find(text)
        self.refresh()
        self.post_message(self.Changed())

    @work(exclusive=True, group="log-search")
    async def _find(self, text: str) -> None:
        await asyncio.sleep(SEARCH_DEBOUNCE_SECONDS)
        query = self._asked()
        if query is None:
            return
        try:
            found, more = await self._lookup.read(lambda reader: find_lines(reader, query, text))
        except MissionDeckError:
            return  # the feed reports the same failure
        if query != self._asked() or text != self.search:
            return
        self._search.found(found, last=self.following, has_more=more)
        self._to_match()
        self.refresh()
        self.post_message(self.Changed())

    def action_match(self, step: int) -> None:
        """Go to the next or previous match, wrapping around."""
        if not self.search:
            self.notify("no search yet: press / to search the log", markup=False, timeout=4)
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
        """Go to a line, loading its surroundings if they are not held."""
        self.following = False
        line = self._window.index_of(wanted)
        if line is None:
            self._jump(wanted)
        else:
            self._show_line(line)
