"""What all parts of the application share: its objects, its banner, and what it refuses.

It is imported before first paint, so it imports nothing at run time but Textual.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.actions import ActionParseResult
from textual.dom import DOMNode

from tui.keys.acting_keys import ACTING, action_name
from tui.screens.deck_screen import DeckScreen
from tui.terminal.terminal_app import TerminalApp

if TYPE_CHECKING:
    from core.ports.clock import Clock
    from tui.live.backend import AppContext, Backend, MissionFile
    from tui.live.deck import Actions
    from tui.live.feed import Feed
    from tui.live.lookup import Lookup
    from tui.screens.home.home_screen import HomeScreen


NOTICE_SECONDS, PLACE_SECONDS = 4.0, 2.0
"""How long a notice stays, and one that tells where a key has led: it covers what is there."""


class DeckApp(TerminalApp):
    """Base of all parts; `backend` and what depends on it exist once the application `is_ready`."""

    backend: "Backend"
    clock: "Clock"
    feed: "Feed"
    lookup: "Lookup"
    actions: "Actions"
    _home: "HomeScreen"

    def __init__(self) -> None:
        super().__init__()
        self.is_read_only = False
        self.is_ready = False
        self.missions: Sequence[MissionFile] = ()
        self.problem = ""
        self._problem_lasts = False
        self._shows_place = False
        """Whether the newest notice only tells where a key has led."""

    @property
    def app_context(self) -> "AppContext":
        """The database, the actor and the user's configuration."""
        return self.backend.app_context

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action, unless this screen is read-only and the action is not: say so then.

        What was said of the action before it is taken away.
        """
        name = action if isinstance(action, str) else action[1]
        if self.refuses(name):
            return True
        self.forget_problem()
        return await super().run_action(action, default_namespace, namespaces)

    def forget_problem(self) -> None:
        """Take away what was said of the last action, before the next one."""
        if self.problem and not self._problem_lasts:
            self.show_problem("")

    def refuses(self, action: str) -> bool:
        """Tell whether this screen refuses an action, and say why if it does."""
        if not self.is_read_only or action_name(action) not in ACTING:
            return False
        from tui.live.screen.read_only_backend import READ_ONLY

        self.show_problem(READ_ONLY)
        return True

    def show_notice(self, text: str) -> None:
        """Notify the user of what was done."""
        self._shows_place = False
        self.notify(text, markup=False, timeout=NOTICE_SECONDS)

    def show_place(self, text: str) -> None:
        """Show for a moment where a key has led, instead of where the one before it had led."""
        if self._shows_place:
            self.clear_notifications()
        self._shows_place = True
        self.notify(text, markup=False, timeout=PLACE_SECONDS)

    def show_problem(self, text: str, *, lasts: bool = False) -> None:
        """Show a problem in the banner; an empty text removes it.

        It stays until the next action, or if it `lasts` until it is removed or replaced.
        """
        self.problem, self._problem_lasts = text, lasts
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DeckScreen):
                screen.show_banner(text)
                return
