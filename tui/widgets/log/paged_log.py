"""Pages the stored log that a `LogText` draws: only a window of lines is held in memory."""

from msgspec.structs import replace
from textual import work
from textual.message import Message

from core.domain.records import LogStream
from core.errors import MissionDeckError
from core.ports.reader import LogQuery
from tui.live.coalescing_worker import CoalescingWorker
from tui.live.log.log_finding import find_gap
from tui.live.log.log_pages import (
    Line,
    Page,
    place_of,
    read_after,
    read_around,
    read_before,
    read_head,
)
from tui.live.lookup import Lookup
from tui.widgets.log.log_text import LogText

FETCH_MARGIN_ROWS = 50
"""The next page is fetched when an end of the window is closer than this."""

STREAM_CHOICES: tuple[frozenset[LogStream], ...] = (
    frozenset(),
    frozenset({LogStream.STDOUT, LogStream.SYSTEM}),
    frozenset({LogStream.STDERR, LogStream.SYSTEM}),
)
"""The selections of streams. Each includes the engine's messages, such as "output was dropped"."""


class PagedLog(LogText):
    """A log whose window moves over the stored lines of `query_shown`."""

    is_excerpt = False
    """Whether the window holds lines that do not follow each other in the log."""
    only_matches = False
    """Whether nothing but the matches of a search is to be shown."""

    class Changed(Message):
        """What the log's title says has changed: switches, position, matches."""

    def __init__(self, lookup: Lookup, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._lookup = lookup
        self._query: LogQuery | None = None
        self._fetching = False
        self._dropped_reader = CoalescingWorker(self._read_dropped, self.run_worker)
        self._gap: Line | None = None
        self.dropped_bytes = 0
        """How many bytes of the log the output limit has dropped, as far as that is known."""
        self.empty_text = "No step selected"
        self._placeholder = self.empty_text
        self._streams = 0

    @property
    def query_shown(self) -> LogQuery | None:
        """The query of the log that is shown; None for none."""
        return self._query

    @property
    def shows_steps(self) -> bool:
        """Whether this is the merged log of all steps."""
        return self._query is not None and self._query.task_id is None

    @property
    def streams(self) -> frozenset[LogStream]:
        """The streams shown; empty for all."""
        return STREAM_CHOICES[self._streams]

    def _asked(self) -> LogQuery | None:
        return None if self._query is None else replace(self._query, streams=self.streams)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch the next page when an end of the window is near; stop following on scrolling up."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) < round(old_value) and new_value < self.max_scroll_y:
            self.following = False
        if self.is_excerpt:
            pass  # it has no page before or after
        elif new_value < FETCH_MARGIN_ROWS and self._window.more_before and not self.following:
            self._fetch(earlier=True)
        elif new_value > self.max_scroll_y - FETCH_MARGIN_ROWS and self._window.more_after:
            self._fetch(earlier=False)
        self.post_message(self.Changed())

    @work(exclusive=True, group="log-gap")
    async def show_gap(self) -> None:
        """Go to the next line that says that output was dropped."""
        query, shown = self._asked(), self._gap
        if query is None:
            return
        try:
            gap = await self._lookup.read(lambda reader: find_gap(reader, query, shown))
        except MissionDeckError:
            return  # the feed reports the same failure
        if gap is not None and query == self._asked():
            self._gap = gap
            self._to(gap)

    def count_dropped(self) -> None:
        """Bring `dropped_bytes` up to date: another log is shown, or an attempt has ended."""
        self._dropped_reader.request()

    async def _read_dropped(self) -> None:
        query = self._asked()
        if query is None:
            return
        try:
            dropped = await self._lookup.read(lambda reader: reader.dropped_bytes(query))
        except MissionDeckError:
            return  # the feed reports the same failure
        if query == self._asked() and dropped != self.dropped_bytes:
            self.dropped_bytes = dropped
            self.post_message(self.Changed())

    @work(exclusive=True, group="log-window")
    async def _jump(self, to: Line | None) -> None:
        query = self._asked()
        if query is None:
            return
        page = await self._read_page(query, to)
        if page is None or query != self._asked():
            return
        self.is_excerpt = self.only_matches = False
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
            if query == self._asked():
                self.empty_text = self._placeholder = str(error)
                self.refresh()
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
        self._size_content()
        self.scroll_to(y=self.scroll_offset.y + moved, animate=False, force=True)
        self._resized()

    def _to(self, wanted: Line) -> None:
        """Go to a line, loading its surroundings if they are not held."""
        self.following = False
        line = self._window.index_of(wanted)
        if line is None:
            self._jump(wanted)
        else:
            self._show_line(line)
