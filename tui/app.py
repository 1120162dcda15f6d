"""The application: connects the feed, the screens and the backend. Decides nothing.

To paint quickly, only Textual is imported before first paint; the rest is loaded in a thread.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.actions import ActionParseResult
from textual.binding import BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.screen import Screen

from core.errors import BugError, MissionDeckError
from tui.command_palette import DeckCommands
from tui.keys.acting_keys import ACTING, action_name
from tui.keys.textual_bindings import bindings
from tui.look.terminal_notice import RESTORE_TITLE, SAVE_TITLE, notification, title
from tui.look.theme import THEME_CYCLE, THEMES
from tui.screens.deck_screen import DeckScreen
from tui.screens.loading import StartScreen
from tui.terminal.terminal_app import TerminalApp
from tui.words.run_label import run_label
from tui.words.safe_text import clean_line

if TYPE_CHECKING:
    from core.audit.verify.log_checked import LogChecked
    from core.domain.approval_question import OpenQuestion
    from core.domain.mission import Mission
    from core.domain.records import Execution, TaskRun
    from core.operations.history.runnable_command import RunnableCommand
    from core.ports.clock import Clock
    from core.ports.control import RequestKind, RequestOutcome
    from core.ports.reader import LogQuery
    from tui.live.backend import AppContext, Backend, MissionFile, Receipt
    from tui.live.board import Board
    from tui.live.deck import Actions
    from tui.live.feed import Feed
    from tui.live.lookup import Lookup
    from tui.live.messages import Committed, Delta, FeedLost, ThreadBroken
    from tui.live.screen.notices import Notices
    from tui.screens.home.home_screen import HomeScreen

LOST_CHECK_SECONDS = 15.0
"""How often to look for runners that are gone."""
LOG_CHECK_DELAY_SECONDS = 1.0
"""How long after the start the chain behind what was verified before is verified."""
LOG_CHECK_EVENTS = 20_000
"""The most new events that are verified then: half a second at 40,000 in a second."""
REFRESH_TURNS = 8
"""Turns of the event loop in which all updated widgets request their repaint.

Without them the first widget would be painted in one frame and the others in the next.
"""


class MissionDeckApp(TerminalApp):
    """The application over a `Backend`, or over a factory called in a thread after first paint.

    `start` is the execution to open first, `theme` the theme at first paint; `alone` exits with
    that execution's screen instead of returning home; `read_only` refuses whatever would start,
    change or write something. `report_bug` writes a report and returns its
    path, or None.
    """

    TITLE = "Mission Deck"
    CSS_PATH = "deck.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {DeckCommands}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

    backend: "Backend"
    clock: "Clock"
    feed: "Feed"
    lookup: "Lookup"
    actions: "Actions"
    _home: "HomeScreen"

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
        self.is_ready = False
        self.report_bug = report_bug
        self.missions: Sequence[MissionFile] = ()
        self.problem = ""
        self._short_ids: dict[str, str] = {}
        self.log_checked: LogChecked | None = None
        self.log_problem = ""
        self._notices: Notices | None = None
        self.looked_at: frozenset[str] = frozenset()

    @property
    def app_context(self) -> "AppContext":
        """The database, the actor and the user's configuration."""
        return self.backend.app_context

    def get_default_screen(self) -> Screen[None]:
        """Start with a screen that needs nothing to be loaded."""
        return StartScreen()

    def on_mount(self) -> None:
        """Apply the theme; defer loading until first paint."""
        for theme in THEMES:
            self.register_theme(theme)
        self._apply_theme(self._wanted_theme)
        self.call_after_refresh(self._load)

    def _apply_theme(self, theme: str | None) -> None:
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
            self.show_problem(clean_line(note))
        self.discover()
        self._notice_lost()
        self.set_interval(LOST_CHECK_SECONDS, self._notice_lost)
        self.set_timer(LOG_CHECK_DELAY_SECONDS, self._check_log)
        if self._start is not None:
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
        if self._notices is not None:
            self.write_terminal(RESTORE_TITLE)
        if self.is_ready:
            await asyncio.to_thread(self.feed.stop)
            await asyncio.to_thread(self.lookup.stop)

    # --- what a read-only screen refuses ---------------------------------------------------------

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action, unless this screen is read-only and the action is not: say so then."""
        name = action if isinstance(action, str) else action[1]
        if self.refuses(name):
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def refuses(self, action: str) -> bool:
        """Tell whether this screen refuses an action, and say why if it does."""
        if not self.is_read_only or action_name(action) not in ACTING:
            return False
        from tui.live.screen.read_only_backend import READ_ONLY

        self.show_problem(READ_ONLY)
        return True

    # --- updates and messages --------------------------------------------------------------------

    async def on_committed(self, _event: "Committed") -> None:
        """Deliver what was committed to the watching screen, painted in one frame."""
        if not self.is_running:
            return  # shutting down
        delta = self.feed.take()
        shown = delta.execution
        if shown is not None and shown.state.value == "FAILED":
            self.look_at([shown.execution_id])
        if delta.short_ids:
            self._short_ids.update(delta.short_ids)
        if self.app_context.notify:
            self._tell(delta)
        screen = self.watching
        if screen is None:
            return
        with self.batch_update():
            screen.deliver(delta)
            for _ in range(REFRESH_TURNS):
                await asyncio.sleep(0)
        for painted in {screen, *self.screen_stack[-1:]}:
            painted.check_idle()  # the end of a batch does not wake them, nor a dialog on top

    def _tell(self, delta: "Delta") -> None:
        """Tell outside of the screen what has happened to what is watched, and how things stand."""
        from tui.live.screen.notices import Notices, title_of, title_of_run

        if self._notices is None:
            self._notices = Notices()
            self.write_terminal(SAVE_TITLE)
        for text in self._notices.news(delta):
            self.write_terminal(notification(text))
        if delta.home is not None:
            self.write_terminal(title(title_of(delta.home)))
        elif delta.execution is not None:
            self.write_terminal(title(title_of_run(delta.execution)))

    @property
    def watching(self) -> DeckScreen | None:
        """The screen that receives the feed's updates: the topmost one that watches."""
        found = (one for one in reversed(self.screen_stack) if isinstance(one, DeckScreen))
        return next((one for one in found if one.watches), None)

    def on_feed_lost(self, event: "FeedLost") -> None:
        """Show that reading fails, or that it works again."""
        self.show_problem(clean_line(f"cannot read: {event.text}") if event.text else "")

    def on_thread_broken(self, event: "ThreadBroken") -> None:
        """End with the error of a background thread."""
        raise event.error

    def show_notice(self, text: str) -> None:
        """Notify the user of what was done."""
        self.notify(text, markup=False, timeout=4)

    def show_problem(self, text: str) -> None:
        """Show a problem in the banner until the next action; an empty text removes it."""
        self.problem = text
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DeckScreen):
                screen.show_banner(text)
                return

    @work(exclusive=True, group="discover")
    async def discover(self) -> None:
        """Search for mission files."""
        try:
            self.missions = await asyncio.to_thread(self.backend.discover_missions)
        except BugError:
            raise
        except MissionDeckError as error:
            self.show_problem(clean_line(f"cannot list missions: {error.message}"))
        self._home.show_missions(self.missions)

    @work(exclusive=True, group="lost")
    async def _notice_lost(self) -> None:
        try:
            await asyncio.to_thread(self.backend.notice_lost)
        except BugError:
            raise
        except MissionDeckError as error:
            self.show_problem(clean_line(f"cannot record a lost runner: {error.message}"))

    @work(exclusive=True, group="log")
    async def _check_log(self) -> None:
        """Verify the chain behind what was verified before, so that a broken one is shown."""
        try:
            checked = await asyncio.to_thread(
                self.backend.verify_log, full=False, most_events=LOG_CHECK_EVENTS
            )
        except BugError:
            raise
        except MissionDeckError:
            return  # no database yet, or the feed says what is wrong
        if self.log_checked is None:
            self.note_checked(checked)

    def note_checked(self, checked: "LogChecked") -> None:
        """Take note of a verification; a broken log is then shown on every screen."""
        from tui.lines.audit_lines import broken_text

        self.log_checked = checked
        before, self.log_problem = self.log_problem, broken_text(checked)
        if self.log_problem != before and not self.problem:
            self.show_problem("")
        self._home.log_changed()

    def look_at(self, execution_ids: Iterable[str]) -> None:
        """Take note, for good, that somebody has looked at failures."""
        new = frozenset() if self.is_read_only else frozenset(execution_ids) - self.looked_at
        if new:
            self.looked_at |= new
            self._remember_looked_at(new)

    @work(group="memory")
    async def _remember_looked_at(self, execution_ids: frozenset[str]) -> None:
        memory, now = self.backend.memory, self.clock.now()
        await asyncio.to_thread(memory.look_at, execution_ids, now)

    def label(self, execution: "Execution") -> str:
        """Return the label of an execution: `deploy#7 0193c0de`."""
        return clean_line(run_label(execution, self.short_id(execution.execution_id)))

    def short_id(self, execution_id: str) -> str:
        """Return the short form of an execution's id."""
        return self._short_ids.get(execution_id, execution_id[:8])

    @work(group="requests")
    async def follow(self, receipt: "Receipt", kind: "RequestKind", subject: str) -> None:
        """Report the outcome of a request once there is one, whatever screen is shown then."""
        from tui.live.follow_request import follow_request

        async def read_outcome(request_id: int) -> "RequestOutcome | None":
            return await self.lookup.read(lambda reader: reader.request_outcome(request_id))

        await follow_request(self, receipt, kind, subject, read_outcome)

    async def question(self, board: "Board", task_id: str) -> "OpenQuestion":
        """Read the question, approvers and deadline of a step that waits for an approval."""
        from tui.live.execution_queries import read_question

        return await self.lookup.read(lambda reader: read_question(reader, board, task_id))

    # --- navigation ------------------------------------------------------------------------------

    def open_execution(self, execution_id: str, *, focus_step: str | None = None) -> None:
        """Show an execution on top of home, with one of its steps selected."""
        from tui.screens.execution import ExecutionScreen

        self.problem = ""
        self._above_home(ExecutionScreen(execution_id, focus_step=focus_step))

    def open_sub_mission(self, execution_id: str) -> None:
        """Show the graph of a sub-mission on top of the execution that it is a part of."""
        from tui.screens.execution import ExecutionScreen

        self.push_screen(ExecutionScreen(execution_id, tab="graph"))

    def leave_sub_mission(self) -> bool:
        """Return from a sub-mission to the execution it was opened from, if it was from one."""
        watching = [s for s in self.screen_stack if isinstance(s, DeckScreen) and s.watches]
        if len(watching) < 2 or watching[-2] is self._home:
            return False
        self.pop_screen()
        return True

    def open_launch(
        self, path: str, params: Mapping[str, Any] | None = None, *, origin: str = ""
    ) -> None:
        """Show the launch form of a mission; `origin` names the run that `params` are from."""
        if self.refuses("launch"):
            return
        from tui.screens.launch import LaunchScreen

        self.push_screen(LaunchScreen(path, params or {}, origin))

    def open_retry_desk(
        self, execution: "Execution", mission: "Mission", task: "TaskRun | None"
    ) -> None:
        """Show the retry desk of an ended execution, for one of its steps if there is one."""
        from tui.screens.retry_desk import RetryDesk

        self.push_screen(RetryDesk(execution, mission, task))

    def leave_execution(self) -> None:
        """Return home from an execution; exit if it was opened alone."""
        if self._alone:
            self.exit()
        else:
            self.go_home()

    def go_home(self) -> None:
        """Close all screens above home."""
        while self.screen is not self._home:
            self.pop_screen()

    def _above_home(self, screen: DeckScreen) -> None:
        self.go_home()
        self.push_screen(screen)

    def action_help(self) -> None:
        """Show the keys of the current screen."""
        from tui.screens.help import HelpScreen, help_entries

        if isinstance(self.screen, HelpScreen):
            return
        screen = self.screen
        filters = screen.filter_help if isinstance(screen, DeckScreen) else ()
        self.push_screen(HelpScreen(help_entries(screen, self.get_key_display), filters))

    def action_audit(self) -> None:
        """Show the audit log, on top of whatever is shown."""
        from tui.screens.audit.audit_screen import AuditScreen

        if not self.is_ready or any(isinstance(one, AuditScreen) for one in self.screen_stack):
            return
        if isinstance(self.screen, DeckScreen):
            self.push_screen(AuditScreen())

    def action_next_theme(self) -> None:
        """Switch to the next theme."""
        at = THEME_CYCLE.index(self.theme) if self.theme in THEME_CYCLE else -1
        self.set_theme(THEME_CYCLE[(at + 1) % len(THEME_CYCLE)])

    def set_theme(self, name: str) -> None:
        """Switch to a theme."""
        self.theme = name
        self.show_notice(f"theme {name}")
        self.screen.refresh(layout=True)

    @property
    def theme_names(self) -> list[str]:
        """All themes, ours first."""
        rest = sorted(name for name in self.available_themes if name not in THEME_CYCLE)
        return [*THEME_CYCLE, *rest]

    # --- the clipboard, files, the editor --------------------------------------------------------

    def copy(self, text: str, what: str) -> None:
        """Copy to the terminal's clipboard (OSC 52); of a text that is too long, the end."""
        from tui.live.export import for_clipboard

        text, note = for_clipboard(text, what)
        self.copy_to_clipboard(text)
        self.show_notice(note)

    @work(exclusive=True, group="take")
    async def copy_log(self, query: "LogQuery", *, as_json: bool) -> None:
        """Copy a whole log, up to the limit of the clipboard."""
        from tui.live.export import copy_log

        await copy_log(self, query, as_json=as_json)

    @work(exclusive=True, group="take")
    async def save_log(self, query: "LogQuery") -> None:
        """Write a whole log to a file in the export folder."""
        if self.refuses("save_log"):
            return
        from tui.live.export import save_log

        await save_log(self, query)

    @work(exclusive=True, group="take")
    async def page_log(self, query: "LogQuery", line: int) -> None:
        """Open a whole log in the user's pager while the screen is suspended."""
        if self.refuses("page_log"):
            return
        from tui.terminal.pager import page_log

        await page_log(self, query, line, self.suspend)

    def save_text(self, text: str, stem: str, suffix: str) -> None:
        """Write a text to a file in the export folder."""
        if self.refuses("save"):
            return
        from tui.live.export import save_text

        save_text(self, text, stem, suffix)

    def action_picture(self) -> None:
        """Save the screen as an SVG picture."""
        from tui.look.svg_picture import tidy

        picture = tidy(self.export_screenshot(title="Mission Deck"))
        self.save_text(picture, "mission-deck", "svg")

    @work(exclusive=True, group="validate")
    async def validate(self, path: str) -> None:
        """Validate a mission file and report the findings."""
        from tui.live.validation import validate_mission

        await validate_mission(self, path)

    def edit(self, path: str) -> None:
        """Open a file in $VISUAL or $EDITOR while the screen is suspended."""
        if self.refuses("edit"):
            return
        from tui.terminal.editor import edit_file

        edit_file(self, path, self.suspend)

    def edit_text(self, text: str, suffix: str) -> str | None:
        """Let the user edit a text in $VISUAL or $EDITOR; None if that is not possible."""
        from tui.terminal.editor import edit_text

        return edit_text(self, text, suffix, self.suspend)

    def open_shell(self, command: "RunnableCommand", name: str) -> None:
        """Open a shell in the folder of a step, with its environment, the screen suspended."""
        if self.refuses("open_shell"):
            return
        from tui.terminal.step_shell import open_shell

        open_shell(self, command, name, self.suspend)
