"""The application: put together from its parts, loaded after first paint. Decides nothing.

To paint quickly, only Textual is imported before first paint; the rest is loaded in a thread.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType
from textual.command import Provider
from textual.screen import Screen

from core.errors import BugError, MissionDeckError
from tui.app_parts.feed_updates import FeedUpdates
from tui.app_parts.navigation import Navigation
from tui.app_parts.taking_along import TakingAlong
from tui.app_parts.themes import Themes
from tui.command_palette import DeckCommands
from tui.keys.textual_bindings import bindings
from tui.screens.loading import StartScreen
from tui.words.safe_text import clean_line

if TYPE_CHECKING:
    from core.ports.clock import Clock
    from tui.live.backend import Backend

FIRST_ROWS_SECONDS = 1.0
"""When the checks begin at the latest, whether home has shown its first rows or not."""
LOG_CHECK_DELAY_SECONDS = 1.0
"""How long after the start the chain behind what was verified before is verified."""


class MissionDeckApp(FeedUpdates, Navigation, TakingAlong, Themes):
    """The application over a `Backend`, or over a factory called in a thread after first paint.

    `start` is the execution to open first, `theme` the theme at first paint; `alone` exits with
    that execution's screen instead of returning home; `read_only` refuses whatever would start,
    change or write something. `report_bug` writes a report and returns its path, or None.
    """

    TITLE = "Mission Deck"
    CSS_PATH = "deck.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {DeckCommands}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

    def __init__(
        self,
        backend: "Backend | Callable[[], Backend]",
        *,
        start: str | None = None,
        alone: bool = False,
        read_only: bool = False,
        theme: str | None = None,
        clock: "Clock | None" = None,
        report_bug: Callable[[BaseException], str | None] = lambda _error: None,
    ) -> None:
        super().__init__()
        self._given = backend
        self._clock = clock
        self._start = start
        self._alone = alone
        self.is_read_only = read_only
        self._wanted_theme = theme
        self.report_bug = report_bug

    def get_default_screen(self) -> Screen[None]:
        """Start with a screen that needs nothing to be loaded."""
        return StartScreen()

    def on_mount(self) -> None:
        """Apply the theme; defer loading until first paint."""
        self._register_themes()
        self._apply_theme(self._wanted_theme)
        self.call_after_refresh(self._load)

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        try:
            await asyncio.to_thread(self._prepare)
        except BugError:
            raise
        except MissionDeckError as error:
            self.failure = error
            self.exit(return_code=error.exit_code)
            return
        from tui.screens.home.home_screen import HomeScreen

        here = self.app_context
        if here.theme is not None and here.theme != self.theme:
            self._apply_theme(here.theme)
        if here.keymap:
            self.set_keymap(here.keymap)
        self.is_ready = True
        self._home = HomeScreen(self.clock)
        self.feed.start()
        await self.push_screen(self._home)
        for note in here.notes:
            self.show_problem(clean_line(note), lasts=True)
        self.set_timer(FIRST_ROWS_SECONDS, self.begin_checks)
        self.set_timer(LOG_CHECK_DELAY_SECONDS, self._check_log)
        if self._start is not None:
            self.begin_checks()  # home, which would begin them, is not shown
            self.open_execution(self._start)

    def _prepare(self) -> None:
        """Import the deferred modules and create what lives as long as the application."""
        from core.machine.system_clock import SystemClock
        from tui.live.feed import Feed
        from tui.live.lookup import Lookup
        from tui.live.screen.read_only_backend import ReadOnlyBackend
        from tui.screens.confirmed_actions import ConfirmedActions

        given = self._given
        backend = given() if callable(given) else given
        self.backend = ReadOnlyBackend(backend) if self.is_read_only else backend
        self.looked_at = self.backend.memory.looked_at()
        self.clock = self._clock or SystemClock()
        self.feed = Feed(self.backend.open_reader, self.post_message)
        self.lookup = Lookup(self.backend.open_reader)
        self.actions = ConfirmedActions(self)

    async def on_unmount(self) -> None:
        """Stop the threads; executions go on."""
        self._restore_title()
        if self.is_ready:
            await asyncio.to_thread(self.feed.stop)
            await asyncio.to_thread(self.lookup.stop)
