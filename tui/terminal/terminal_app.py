"""The application's behaviour on a terminal: character set, key dispatch, ctrl+c and exit.

Knows nothing of missions. It is imported before first paint, so it imports little but Textual.
"""

import sys
import time
from collections.abc import Sequence

from rich.console import RenderableType
from textual.app import App
from textual.binding import Binding
from textual.events import Event, Key
from textual.filter import LineFilter
from textual.widgets import Input

from tui.live.deck import deck_of
from tui.look.ascii_filter import AsciiFilter
from tui.screens.deck_screen import DeckScreen
from tui.terminal.terminal_driver import DOUBLE_PRESS_SECONDS, TerminalDriver
from tui.words.state_glyphs import is_utf8_terminal

NAMED_KEYS = ("enter", "up", "down", "left", "right", "tab", "space", "backspace")
"""Keys that Textual shows as symbols outside ASCII."""
EXIT_INTERRUPTED = 130
"""The exit code of Ctrl-C and SIGINT."""


class TerminalApp(App[None]):
    """Base of the application. `failure` is the error that ended it, if any."""

    def __init__(self) -> None:
        super().__init__(driver_class=TerminalDriver if sys.stdin is not None else None)
        self.failure: Exception | None = None
        self.is_leaving = False
        self._interrupted_at = -DOUBLE_PRESS_SECONDS
        self._ascii: AsciiFilter | None = None if is_utf8_terminal() else AsciiFilter()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Transliterate to ASCII on a terminal without UTF-8."""
        found = super().get_line_filters()
        return found if self._ascii is None else [*found, self._ascii]

    def get_key_display(self, binding: Binding) -> str:
        """Spell out the keys whose symbol is not ASCII, on a terminal without UTF-8."""
        if self._ascii is not None and binding.key in NAMED_KEYS:
            return binding.key
        return super().get_key_display(binding)

    # --- keys ------------------------------------------------------------------------------------

    async def on_event(self, event: Event) -> None:
        """Run the action of a key at once if the focused widget has `dispatches_keys_at_once`.

        Textual sends each key to the focused widget and looks up its action later. Of keys that
        arrive together, such as `/matrix`, all would reach the widget that was focused before the
        first one: the letters of a filter would cancel and retry steps.
        """
        if isinstance(event, Key) and not event.is_forwarded and self._dispatches_keys_at_once:
            key = event.key
            if isinstance(self.screen, DeckScreen):
                self.screen.catch_up()
            if await self._check_bindings(key, priority=True) or await self._check_bindings(key):
                return
        await super().on_event(event)

    @property
    def _dispatches_keys_at_once(self) -> bool:
        return self.app_focus and getattr(self.screen.focused, "dispatches_keys_at_once", False)

    def write_terminal(self, sequence: str) -> None:
        """Send a sequence to the terminal that draws nothing, such as that of a notification."""
        if self._driver is not None:
            self._driver.write(sequence)

    # --- the end ---------------------------------------------------------------------------------

    def action_interrupt(self) -> None:
        """Copy the selected text; the second time within `DOUBLE_PRESS_SECONDS`, quit."""
        now = time.monotonic()
        if now - self._interrupted_at <= DOUBLE_PRESS_SECONDS:
            self.end_interrupted()
            return
        self._interrupted_at = now
        focused = self.screen.focused
        selected = focused.selected_text if isinstance(focused, Input) else None
        if text := selected or self.screen.get_selected_text():
            deck_of(self).copy(text, "the selection")
        else:
            deck_of(self).show_notice("press ctrl+c again to quit; live runs go on")

    def end_interrupted(self) -> None:
        """Quit with the exit code of Ctrl-C and SIGINT."""
        self.exit(return_code=EXIT_INTERRUPTED)

    def exit(
        self, result: None = None, return_code: int = 0, message: RenderableType | None = None
    ) -> None:
        """Begin to exit."""
        self.is_leaving = True
        super().exit(result, return_code, message)

    def _handle_exception(self, error: Exception) -> None:
        """Record the first uncaught error, which ends the application and is reported."""
        if self.failure is None:
            self.failure = error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End at once without printing; the caller reports `failure`."""
        self.is_leaving = True
        self._close_messages_no_wait()
