"""Searches a whole stored log, goes from match to match, and shows the matches alone."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable

from textual import work

from core.errors import MissionDeckError
from core.ports.reader import LogQuery, Reader
from core.value.regex import PatternError
from core.value.terminal_text import ends_within, width_of
from tui.live.log.log_finding import FoundLines, find_lines, last_chunk
from tui.live.log.log_pages import Line
from tui.live.log.match_context import around, read_matches
from tui.search.log_filter import ERRORS
from tui.widgets.log.paged_log import PagedLog

SEARCH_DEBOUNCE_SECONDS = 0.15
"""How long the search text must be unchanged before the log is searched."""


class SearchableLog(PagedLog):
    """A paged log with a search. `only_matches` shows nothing but matches and the lines around."""

    _place: Line | None = None
    """The line to stay at once the first lines of another selection of lines have arrived."""

    @property
    def search(self) -> str:
        """The search text, empty for none."""
        return self._search.text

    @property
    def match_count(self) -> str:
        """The number of the current match (from 1; 0 before the first) and of all matches."""
        return self._search.count_text

    @property
    def has_matches(self) -> bool:
        """Whether the search has found a line."""
        return bool(self._search.matches)

    def set_search(self, text: str) -> None:
        """Search all lines of the log; an empty text ends the search."""
        self._search.begin(text)
        if not text:
            self._leave_excerpt()
        elif self._query is not None and not self._search.problem:
            self._find(text)
        self.refresh()
        self.post_message(self.Changed())

    @work(exclusive=True, group="log-search")
    async def _find(self, text: str) -> None:
        start = self._top_line if self._place is None else self._place
        self._search.restart(start=start, at_last=self.following)
        self._search.share = 0.0
        await asyncio.sleep(SEARCH_DEBOUNCE_SECONDS)
        await self._search_on(text)

    def _search_new_lines(self) -> None:
        """Search the lines that have come since the log was searched."""
        if self.search and not self._search.problem and self._search.share is None:
            self._find_more(self.search)

    @work(exclusive=True, group="log-search")
    async def _find_more(self, text: str) -> None:
        await self._search_on(text)

    async def _search_on(self, text: str) -> None:
        """Search from where it was left to the end of the log, going to the current match."""
        query, search = self._asked(), self._search
        if query is None or text != self.search:
            return
        try:
            up_to = await self._lookup.read(lambda reader: last_chunk(reader, query))
            while search.searched_to < up_to and not search.has_more:
                found = await self._lookup.read(self._slice(query, up_to))
                if query != self._asked() or text != self.search:
                    return
                self._matches_changed(
                    search.add(found.lines, searched_to=found.searched_to, up_to=up_to)
                )
        except PatternError as error:
            if text == self.search:
                search.refuse(str(error))
                self.post_message(self.Changed())
            return
        except MissionDeckError:
            if query == self._asked() and text == self.search:
                search.share = None
            return  # the feed reports the same failure
        if query == self._asked() and text == self.search:
            self._matches_changed(search.finish())

    def _slice(self, query: LogQuery, up_to: int) -> Callable[[Reader], FoundLines]:
        """Return the query of the next slice of the search."""
        wanted, after = self._search.wanted, self._search.searched_to
        return lambda reader: find_lines(reader, query, wanted, after=after, up_to=up_to)

    def _matches_changed(self, is_chosen: bool) -> None:
        if is_chosen:
            self._to_match()
        self.refresh()
        self.post_message(self.Changed())

    @property
    def _top_line(self) -> Line | None:
        lines = self._window.lines
        line, _piece = self._window.place_of_row(self.scroll_offset.y)
        return lines[line] if line < len(lines) else None

    def action_match(self, step: int) -> None:
        """Go to the next or previous match, wrapping around."""
        if not self.search:
            self.notify("no search yet: press / to search the log", markup=False, timeout=4)
            return
        if self._search.step(step):
            self._to_match()
            self.refresh()
            self.post_message(self.Changed())
        elif self._search.share is None and not self._search.problem:
            self.notify(f"nothing here matches {self.search}", markup=False, timeout=4)

    def action_next_error(self) -> None:
        """Go to the next line that reads like an error."""
        if self.search == ERRORS:
            self.action_match(1)
        else:
            self.set_search(ERRORS)

    def _to_match(self) -> None:
        wanted = self._search.current
        if wanted is None:
            return
        if self.only_matches and (not self.is_excerpt or self._window.index_of(wanted) is None):
            self._show_matches()
        else:
            self._to(wanted)

    def toggle_only_matches(self) -> None:
        """Show only the matches with the lines around them, or all lines again."""
        if not self.search:
            self.notify("no search yet: press / to search the log", markup=False, timeout=4)
            return
        self.only_matches = not self.only_matches
        if self.only_matches:
            self._show_matches()
        else:
            self._leave_excerpt()
        self.post_message(self.Changed())

    @work(exclusive=True, group="log-window")
    async def _show_matches(self) -> None:
        query, current = self._asked(), self._search.current
        if query is None or current is None:
            return
        shown = around(self._search.matches, self._search.position[0] - 1)
        try:
            page = await self._lookup.read(lambda reader: read_matches(reader, query, shown))
        except MissionDeckError:
            return  # the feed reports the same failure
        if query != self._asked() or not self.only_matches or current != self._search.current:
            return
        self.following = False
        self.is_excerpt = True
        self._unfinished = ()
        self._window.replace(page.lines, before=False, after=False, breaks=page.breaks)
        self._resized()
        self._to(current)
        self.post_message(self.Changed())

    def _leave_excerpt(self) -> None:
        """Show all lines again, around the one that is in sight."""
        self.only_matches = False
        if self.is_excerpt:
            self._jump(self._search.current or self._top_line)

    def _show_line(self, line: int) -> None:
        """Scroll to a line; if it is the current match, also to the match within the line."""
        super()._show_line(line)
        found = self._window.lines[line]
        if not self._search.is_current(found):
            return
        text = self._rows.text_of(found[1])
        start, end = self._search.ranges(text)[0]
        if self._window.room is not None:
            piece = bisect_right(ends_within(text, self._window.room), start)
            row = self._window.row_of(line) + piece - self.scrollable_content_region.height // 2
            self.scroll_to(y=max(0, row), animate=False, force=True)
            return
        width = self.scrollable_content_region.width
        first = self._rows.lead + width_of(text[:start])
        last = first + min(width_of(text[start:end]), width // 2)
        left = self.scroll_offset.x
        if first < left or last > left + width:
            left = 0 if last <= width else first - width // 3
            self.scroll_to(x=left, animate=False, force=True)

    def action_edge(self, is_end: bool) -> None:
        """Go to the beginning or the end of the lines in sight."""
        top, region = self.scroll_offset.y, self.scrollable_content_region
        widest = max(
            (width_of(self.row_text(row)) for row in range(top, top + region.height)), default=0
        )
        left = max(0, widest - region.width) if is_end else 0
        self.scroll_to(x=left, animate=False, force=True)
