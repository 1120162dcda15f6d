"""The application: wires feed, screens and the port to the world together. Decides nothing.

Only Textual is imported before the first picture is on the terminal; the rest follows in a thread.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Event, Key
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widgets import Input

from core.errors import BugError, MissionDeckError
from tui.command_palette import DeckCommands
from tui.keys.textual_bindings import bindings
from tui.look.ascii_filter import AsciiFilter
from tui.look.theme import CYCLE, THEMES
from tui.screens.deck_screen import DeckScreen
from tui.screens.loading import StartScreen
from tui.terminal.terminal_driver import TWICE_SECONDS, TerminalDriver
from tui.words.run_label import run_label
from tui.words.safe_text import clean_line
from tui.words.state_glyphs import is_utf8_terminal

if TYPE_CHECKING:
    from core.domain.approval_question import OpenQuestion
    from core.domain.records import Execution
    from core.ports.clock import Clock
    from core.ports.control import RequestKind, RequestOutcome
    from core.ports.reader import LogQuery, Reader
    from tui.live.backend import Backend, MissionFile, Receipt, Surroundings
    from tui.live.board import Board
    from tui.live.deck import Acts
    from tui.live.feed import Feed, Lookup
    from tui.live.messages import Committed, FeedLost, ThreadBroken
    from tui.screens.home import HomeScreen

NAMED_KEYS = ("enter", "up", "down", "left", "right", "tab", "space", "backspace")
LOST_SECONDS = 15.0
"""Between two looks for runners that are gone."""
EXIT_INTERRUPTED = 130
TURNS_TO_SAY_DIRTY = 8
"""Turns of the loop in which every widget tells the screen that it wants to be painted.

Without them the first one is painted at once and the others in a frame of their own.
"""


class MissionDeckApp(App[None]):
    """The screen over a `Backend`, or over what makes one (in a thread, after the first picture).

    `start` is the execution to open first, `theme` the theme of the first picture; `alone` closes
    with that execution's screen instead of going home. `report_bug` writes a report and returns
    where it is, or None.
    """

    TITLE = "Mission Deck"
    CSS_PATH = "deck.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    COMMANDS: ClassVar[set[Any]] = {DeckCommands}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

    backend: "Backend"
    clock: "Clock"
    feed: "Feed"
    lookup: "Lookup"
    acts: "Acts"
    _home: "HomeScreen"

    def __init__(
        self,
        backend: "Backend | Callable[[], Backend]",
        *,
        start: str | None = None,
        alone: bool = False,
        theme: str | None = None,
        clock: "Clock | None" = None,
        report_bug: Callable[[BaseException], str | None] = lambda _error: None,
    ) -> None:
        super().__init__(driver_class=TerminalDriver if sys.stdin is not None else None)
        self._given = backend
        self._clock = clock
        self._start = start
        self._alone = alone
        self._wanted_theme = theme
        self.is_ready = False
        self.report_bug = report_bug
        self.failure: Exception | None = None
        """Why it ended: what making the backend raised, or a bug of ours."""
        self.is_leaving = False
        self._interrupted_at = -TWICE_SECONDS
        self.missions: Sequence[MissionFile] = ()
        self.problem = ""
        self._short_ids: dict[str, str] = {}
        self._ascii: AsciiFilter | None = None if is_utf8_terminal() else AsciiFilter()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Draw in ASCII what a terminal without UTF-8 could not."""
        found = super().get_line_filters()
        return found if self._ascii is None else [*found, self._ascii]

    def get_key_display(self, binding: Binding) -> str:
        """Name the keys that have a sign only in UTF-8."""
        if self._ascii is not None and binding.key in NAMED_KEYS:
            return binding.key
        return super().get_key_display(binding)

    @property
    def surroundings(self) -> "Surroundings":
        """Where the screen is."""
        return self.backend.surroundings

    def get_default_screen(self) -> Screen[Any]:
        """Start with next to nothing, which is there at once."""
        return StartScreen()

    def on_mount(self) -> None:
        """Dress up; load everything else once the first picture is on the terminal."""
        for theme in THEMES:
            self.register_theme(theme)
        self._dress(self._wanted_theme)
        self.call_after_refresh(self._load)

    def _dress(self, theme: str | None) -> None:
        self.theme = theme if theme in self.available_themes else THEMES[0].name

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
        from tui.screens.home import HomeScreen

        here = self.surroundings
        if here.theme is not None and here.theme != self.theme:
            self._dress(here.theme)
        if here.keymap:
            self.set_keymap(here.keymap)
        self.is_ready = True
        self._home = HomeScreen(self.clock)
        self.feed.start()
        await self.push_screen(self._home)
        for note in here.notes:
            self.complain(clean_line(note))
        self.discover()
        self._notice_lost()
        self.set_interval(LOST_SECONDS, self._notice_lost)
        if self._start is not None:
            self.open_execution(self._start)

    def _prepare(self) -> None:
        """Import what was put off, and make everything that lives as long as the application."""
        from core.machine.system_clock import SystemClock
        from tui.live.feed import Feed, Lookup
        from tui.screens.confirmed_actions import ConfirmedActs

        given = self._given
        self.backend = given() if callable(given) else given
        self.clock = self._clock or SystemClock()
        self.feed = Feed(self.backend.open_reader, self.post_message)
        self.lookup = Lookup(self.backend.open_reader)
        self.acts = ConfirmedActs(self)

    async def on_unmount(self) -> None:
        """End the threads; executions go on without us."""
        if self.is_ready:
            await asyncio.to_thread(self.feed.stop)
            await asyncio.to_thread(self.lookup.stop)

    # --- keys ------------------------------------------------------------------------------------

    async def on_event(self, event: Event) -> None:
        """Do at once what a key means in a view whose keys are actions (`acts_at_once`).

        Textual hands every key to what has the focus when it arrives, and looks for its action
        later. Keys that arrive together, `/matrix`, would then all meet the view that had the focus
        before the first: the letters of a filter would cancel and retry.
        """
        if isinstance(event, Key) and not event.is_forwarded and self._acts_at_once:
            key = event.key
            if isinstance(self.screen, DeckScreen):
                self.screen.catch_up()
            if await self._check_bindings(key, priority=True) or await self._check_bindings(key):
                return
        await super().on_event(event)

    @property
    def _acts_at_once(self) -> bool:
        return self.app_focus and getattr(self.screen.focused, "acts_at_once", False)

    # --- the end ---------------------------------------------------------------------------------

    def action_interrupt(self) -> None:
        """Copy what is marked; the second time within `TWICE_SECONDS` quit, as Ctrl-C does."""
        now = time.monotonic()
        if now - self._interrupted_at <= TWICE_SECONDS:
            self.end_interrupted()
            return
        self._interrupted_at = now
        focused = self.screen.focused
        marked = focused.selected_text if isinstance(focused, Input) else None
        if text := marked or self.screen.get_selected_text():
            self.copy(text, "the selection")
        else:
            self.tell("ctrl+c again quits; live runs go on")

    def end_interrupted(self) -> None:
        """Quit with the exit code of Ctrl-C and SIGINT."""
        self.exit(return_code=EXIT_INTERRUPTED)

    def exit(self, *args: Any, **options: Any) -> None:
        """Begin to end."""
        self.is_leaving = True
        super().exit(*args, **options)

    def _handle_exception(self, error: Exception) -> None:
        """Take note of the first error that nothing caught: it ends the screen and is reported."""
        if self.failure is None:
            self.failure = error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End at once, and leave the words to whoever ran the screen."""
        self.is_leaving = True
        self._close_messages_no_wait()

    # --- news ------------------------------------------------------------------------------------

    async def on_committed(self, _event: "Committed") -> None:
        """Hand what was committed to the screen that watches; one frame shows all of it."""
        if not self.is_running:
            return  # the screens are being taken apart
        delta = self.feed.take()
        if delta.short_ids:
            self._short_ids.update(delta.short_ids)
        screen = self.watching
        if screen is None:
            return
        with self.batch_update():
            screen.deliver(delta)
            for _ in range(TURNS_TO_SAY_DIRTY):
                await asyncio.sleep(0)
        for painted in {screen, *self.screen_stack[-1:]}:
            painted.check_idle()  # the end of a batch wakes neither, nor a dialog on top

    @property
    def watching(self) -> DeckScreen | None:
        """The screen that the feed works for: the topmost that watches."""
        found = (one for one in reversed(self.screen_stack) if isinstance(one, DeckScreen))
        return next((one for one in found if one.watches), None)

    def on_feed_lost(self, event: "FeedLost") -> None:
        """Say that reading fails, or that it works again."""
        self.complain(clean_line(f"cannot read: {event.text}") if event.text else "")

    def on_thread_broken(self, event: "ThreadBroken") -> None:
        """End with the error that a thread of ours met."""
        raise event.error

    def tell(self, text: str) -> None:
        """Say what was done."""
        self.notify(text, markup=False, timeout=4)

    def complain(self, text: str) -> None:
        """Say what failed in the banner, where it stays until the next act; empty takes it away."""
        self.problem = text
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DeckScreen):
                screen.show_banner(text)
                return

    @work(exclusive=True, group="discover")
    async def discover(self) -> None:
        """Look for mission files."""
        try:
            self.missions = await asyncio.to_thread(self.backend.discover_missions)
        except BugError:
            raise
        except MissionDeckError as error:
            self.complain(clean_line(f"missions are not listed: {error.message}"))
        self._home.show_missions(self.missions)

    @work(exclusive=True, group="lost")
    async def _notice_lost(self) -> None:
        try:
            await asyncio.to_thread(self.backend.notice_lost)
        except BugError:
            raise
        except MissionDeckError as error:
            self.complain(clean_line(f"a lost runner could not be recorded: {error.message}"))

    def label(self, execution: "Execution") -> str:
        """Return what an execution is called: `deploy#7 0193c0de`."""
        return clean_line(run_label(execution, self.short_id(execution.execution_id)))

    def short_id(self, execution_id: str) -> str:
        """Return the short form of an execution's id."""
        return self._short_ids.get(execution_id, execution_id[:8])

    @work(group="requests")
    async def follow(self, receipt: "Receipt", kind: "RequestKind", subject: str) -> None:
        """Say the outcome of a request once it has one, whatever screen is shown then."""
        from tui.live.follow_request import follow_request

        async def look(request_id: int) -> "RequestOutcome | None":
            return await self.lookup.read(lambda reader: reader.request_outcome(request_id))

        await follow_request(self, receipt, kind, subject, look)

    async def question(self, board: "Board", task_id: str) -> "OpenQuestion":
        """Read what a step that waits for an approval asks, of whom, and until when."""
        from core.domain.approval_question import open_question

        execution = board.execution

        def read(reader: "Reader") -> "OpenQuestion":
            task = reader.task_run(execution.execution_id, task_id)
            attempts = reader.attempts(execution.execution_id, task_id)
            step = board.steps.get(task_id)
            return open_question(task, attempts, execution, step, board.mission)

        return await self.lookup.read(read)

    # --- going about -----------------------------------------------------------------------------

    def open_execution(self, execution_id: str, *, focus_step: str | None = None) -> None:
        """Show an execution, over home, with one of its steps selected."""
        from tui.screens.execution import ExecutionScreen

        self.problem = ""
        self._above_home(ExecutionScreen(execution_id, focus_step=focus_step))

    def open_launch(self, path: str, params: Mapping[str, Any] | None = None) -> None:
        """Show the launch form of a mission."""
        from tui.screens.launch import LaunchScreen

        self.push_screen(LaunchScreen(path, params or {}))

    def leave_execution(self) -> None:
        """Go home from the screen of an execution, or close when that was opened alone."""
        if self._alone:
            self.exit()
        else:
            self.go_home()

    def go_home(self) -> None:
        """Leave everything above home."""
        while self.screen is not self._home:
            self.pop_screen()

    def _above_home(self, screen: DeckScreen) -> None:
        self.go_home()
        self.push_screen(screen)

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from tui.screens.help import HelpScreen, help_entries

        if isinstance(self.screen, HelpScreen):
            return
        screen = self.screen
        filters = screen.filter_help if isinstance(screen, DeckScreen) else ()
        self.push_screen(HelpScreen(help_entries(screen, self.get_key_display), filters))

    def action_next_theme(self) -> None:
        """Change to the next theme."""
        at = CYCLE.index(self.theme) if self.theme in CYCLE else -1
        self.set_theme(CYCLE[(at + 1) % len(CYCLE)])

    def set_theme(self, name: str) -> None:
        """Change to a theme."""
        self.theme = name
        self.tell(f"theme {name}")
        self.screen.refresh(layout=True)

    @property
    def theme_names(self) -> list[str]:
        """The themes there are, ours first."""
        rest = sorted(name for name in self.available_themes if name not in CYCLE)
        return [*CYCLE, *rest]

    # --- the clipboard, files, the editor --------------------------------------------------------

    def copy(self, text: str, what: str) -> None:
        """Copy to the terminal's clipboard (OSC 52); what is too long is cut from the front."""
        from tui.live.export import for_clipboard

        text, note = for_clipboard(text, what)
        self.copy_to_clipboard(text)
        self.tell(note)

    @work(exclusive=True, group="take")
    async def copy_log(self, query: "LogQuery", *, as_json: bool) -> None:
        """Copy a whole log, as far as the clipboard takes it."""
        from tui.live.export import copy_log

        await copy_log(self, query, as_json=as_json)

    @work(exclusive=True, group="take")
    async def save_log(self, query: "LogQuery") -> None:
        """Write a whole log to a file of the export folder."""
        from tui.live.export import save_log

        await save_log(self, query)

    def save_text(self, text: str, stem: str, suffix: str) -> None:
        """Write a text to a file of the export folder."""
        from tui.live.export import save_text

        save_text(self, text, stem, suffix)

    def action_picture(self) -> None:
        """Save what is on the screen as an SVG picture."""
        from tui.look.svg_picture import tidy

        picture = tidy(self.export_screenshot(title="Mission Deck"))
        self.save_text(picture, "mission-deck", "svg")

    @work(exclusive=True, group="validate")
    async def validate(self, path: str) -> None:
        """Validate a mission file and say what was found."""
        from tui.live.validation import validate_mission

        await validate_mission(self, path)

    def edit(self, path: str) -> None:
        """Open a file in $VISUAL or $EDITOR while the screen is suspended."""
        from tui.terminal.editor import edit_file

        edit_file(self, path, self.suspend)
