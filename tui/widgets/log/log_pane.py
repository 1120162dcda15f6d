"""The log of a step as it grows: follows the feed, and has the switches of the log."""

from typing import ClassVar

from textual.binding import BindingType

from core.ports.reader import LogQuery
from tui.keys.textual_bindings import bindings
from tui.live.feed import Feed
from tui.live.lookup import Lookup
from tui.live.messages import LogLines
from tui.widgets.log.paged_log import STREAM_CHOICES
from tui.widgets.log.searchable_log import SearchableLog


class LogPane(SearchableLog):
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
        "log.next_error",
        "log.only_matches",
        "run.previous_attempt",
        "run.next_attempt",
        "run.wrap",
        "run.streams",
        "run.copy",
        "run.save_log",
        "run.zoom",
    )
    """Ids of the screen's bindings that concern the log, most useful first, for the key bar."""

    def __init__(self, feed: Feed, lookup: Lookup, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(lookup, id=id)
        self._feed = feed
        self._token = 0

    # --- what is shown ---------------------------------------------------------------------------

    @property
    def is_stale(self) -> bool:
        """Whether the feed follows another log by now."""
        return self._token != self._feed.log_token

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

    @property
    def line_number(self) -> int:
        """The number of the first line in sight in the whole log; 0 if it is not known."""
        top = self._top_line
        return 0 if top is None or self.shows_steps else top[1].seq

    def show(self, query: LogQuery | None, *, empty: str = "No output") -> None:
        """Show another log, starting at its end; `empty` is said when it has no lines."""
        self._query = query
        self._place = None
        self._window.replace((), before=False, after=False)
        self._unfinished = ()
        self.is_excerpt = False
        self._ending = ""
        self.empty_text = empty
        self._placeholder = empty if query is None else "reading …"
        self._search.restart()
        self._gap = None
        self.dropped_bytes = 0
        self.count_dropped()
        self._token = self._feed.follow_log(self._asked())
        self._resized()
        self.scroll_to(x=0, y=0, animate=False, force=True)
        if self.search and query is not None:
            self._find(self.search)

    def set_ending(self, text: str) -> None:
        """Show how the attempt ended, in a line after the last one."""
        if text != self._ending:
            self._ending = text
            self.count_dropped()
            self._resized()
            self._stick()

    def deliver(self, news: LogLines) -> None:
        """Add lines from the feed; lines of a log that is no longer shown are ignored."""
        if news.token != self._token:
            return
        self._placeholder = self.empty_text
        if news.lines and not news.reset:
            self._search_new_lines()
        if self.is_excerpt:
            return  # what is new is read when all lines are shown again
        window = self._window
        if news.reset or (news.gap and self.following):
            if self.text_selection is not None:
                self.screen.clear_selection()
            window.replace(news.lines, before=news.has_more, after=False)
        elif window.more_after or news.gap:
            window.more_after = True
        else:
            window.append(news.lines, trim=self.following)
        if news.reset and self._place is not None:
            self._jump(self._place)
            self._place = None
        self._unfinished = () if window.more_after else news.unfinished
        self._resized()
        self._stick()
        self.post_message(self.Changed())

    # --- paging ----------------------------------------------------------------------------------

    def action_first(self) -> None:
        """Go to the first line of the log, loading it if necessary."""
        self.following = False
        if self._window.more_before and not self.is_excerpt:
            self._jump(None)
        else:
            self.scroll_to(y=0, animate=False, force=True)

    def action_last(self) -> None:
        """Go to the last line and follow."""
        self.follow()

    def follow(self) -> None:
        """Keep the last line in sight as lines arrive."""
        self.following = True
        self.only_matches = False
        if self._window.more_after or self.is_excerpt:
            self.is_excerpt = False
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
        self._settle_around(line)
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
        self.post_message(self.Changed())

    def next_streams(self) -> None:
        """Cycle through both streams, stdout only, stderr only, and stay where the log is read."""
        place = None if self.following else self._top_line
        self._streams = (self._streams + 1) % len(STREAM_CHOICES)
        ending = self._ending
        self.show(self._query, empty=self.empty_text)
        self._ending = ending
        self._place = place
