"""The wall view: large numbers and the runs that need somebody, for a screen that is looked at."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.domain.states import ExecutionState
from core.errors import MissionDeckError
from core.ports.execution_query import ExecutionQuery
from core.value.timestamp import SECOND_NS
from tui.keys.textual_bindings import bindings
from tui.lines.home_lines import home_parts
from tui.lines.wall_lines import wall_lines
from tui.live.coalescing_worker import CoalescingWorker
from tui.live.home.screen_memory import attention_floor
from tui.live.messages import Delta
from tui.screens.deck_screen import DeckScreen
from tui.search.home_page import HomePage, HomeQuery, with_chain_problem
from tui.widgets.base.bar import Bar
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.text_view import TextView

DAY_NS = 86_400 * SECOND_NS
COUNT_SECONDS = 10.0
"""How often the executions of the last 24 hours are counted anew."""


class WallScreen(DeckScreen):
    """Refreshes by itself; has no cursor and acts on nothing."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("wall")
    watches = True

    def __init__(self) -> None:
        super().__init__()
        self._page: HomePage | None = None
        self._day: Mapping[ExecutionState, int] | None = None
        self._head = Bar(plain=True, id="head")
        self._wall = TextView(id="wall")
        self._counter = CoalescingWorker(self._count, self.run_worker)

    def compose(self) -> ComposeResult:
        """Compose title, numbers with rows, and keys."""
        yield self._head
        yield self.banner
        yield self._wall
        yield KeyBar()

    def on_mount(self) -> None:
        """Count what has ended, and keep the ages true."""
        self.set_focus(self._wall)
        self._counter.request()
        self.set_interval(COUNT_SECONDS, self._counter.request)
        self.set_interval(1.0, self._show)

    def on_screen_resume(self) -> None:
        """Watch the executions while this screen is shown."""
        deck = self.deck
        if deck.watching is self:
            now = deck.clock.now()
            deck.feed.watch_home(
                HomeQuery(
                    executions=ExecutionQuery(now=now),
                    looked_at=deck.looked_at,
                    failed_since=attention_floor(now),
                )
            )

    def deliver(self, delta: Delta) -> None:
        """Show newly committed executions."""
        if delta.home is not None:
            self._page = delta.home
            self._counter.request()
            self._show()

    def sized(self, width: int, height: int) -> None:
        """Make the lines for another size."""
        super().sized(width, height)
        self.call_after_refresh(self._show)

    def show_banner(self, text: str) -> None:
        """Show a problem; one of the audit log is listed as well."""
        super().show_banner(text)
        self._show()

    async def _count(self) -> None:
        since = self.deck.clock.now() - DAY_NS
        query = ExecutionQuery(created_from=since)
        try:
            self._day = await self.deck.lookup.read(lambda reader: reader.count_executions(query))
        except MissionDeckError:
            return  # no database yet, or the feed reports the same failure
        self._show()

    def _show(self) -> None:
        page, day = self._page, self._day
        self._head.set_parts(*home_parts(self.deck.app_context, page))
        if page is None or day is None:
            return
        size = self._wall.scrollable_content_region
        self._wall.set_lines(
            wall_lines(
                page,
                with_chain_problem(page.rows, self.deck.log_problem),
                day,
                width=max(1, size.width),
                height=size.height,
                actor=self.deck.app_context.actor,
                now=self.deck.clock.now(),
            )
        )

    def action_back(self) -> None:
        """Return to home."""
        self.dismiss()
