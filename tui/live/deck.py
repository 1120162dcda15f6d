"""The application as screens, command palette and terminal driver see it.

It is imported before first paint, so it imports nothing but Textual.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from textual.app import App
from textual.screen import Screen

if TYPE_CHECKING:
    from core.audit.verify.log_checked import LogChecked
    from core.domain.approval_question import OpenQuestion
    from core.domain.mission import Mission
    from core.domain.records import Execution, TaskRun
    from core.operations.history.runnable_command import RunnableCommand
    from core.ports.clock import Clock
    from core.ports.control import RequestKind
    from core.ports.reader import LogQuery
    from tui.live.backend import AppContext, Backend, MissionFile, Receipt
    from tui.live.board import Board
    from tui.live.feed import Feed
    from tui.live.lookup import Lookup

Result = TypeVar("Result")


class Actions(Protocol):
    """The user's actions on executions and steps, each with confirmation and a report."""

    async def cancel_run(self, read_current: "Callable[[], Awaitable[Board]]") -> None:
        """Cancel a whole execution; `read_current` returns its current state."""

    async def kill_run(self, read_current: "Callable[[], Awaitable[Board]]") -> None:
        """Cancel a whole execution without a grace period and without handlers."""

    async def show_workers(self, read_current: "Callable[[], Awaitable[Board]]") -> None:
        """Show the workers of an execution's cluster and their load."""

    async def cancel_step(self, board: "Board", task_id: str) -> None:
        """Cancel one step."""

    async def breakpoint(self, board: "Board", task_id: str) -> None:
        """Set the breakpoint before a step, or clear it."""

    async def pause(self, execution: "Execution", *, orphaned: bool) -> None:
        """Pause an execution, resume a paused one, or start a new runner for an orphaned one."""

    async def approve(self, board: "Board", task_id: str) -> None:
        """Approve or reject a step that waits for an approval."""

    async def retry(self, board: "Board", task_id: str, *, downstream: bool) -> None:
        """Retry a step, alone or with everything downstream of it."""

    async def rerun(self, execution: "Execution") -> None:
        """Run a whole mission again with the same parameters."""


class Deck(Protocol):
    """The application. Except for the end of it, its members may be used once it `is_ready`."""

    # --- objects with the lifetime of the application --------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether the backend and everything that depends on it have been created."""

    @property
    def is_read_only(self) -> bool:
        """Whether nothing may be started, changed or written from this screen."""

    @property
    def clock(self) -> "Clock":
        """The clock."""

    @property
    def feed(self) -> "Feed":
        """Delivers committed changes to the watching screen."""

    @property
    def lookup(self) -> "Lookup":
        """Runs single queries on the database."""

    @property
    def backend(self) -> "Backend":
        """The port to everything outside the screen."""

    @property
    def app_context(self) -> "AppContext":
        """The database, the actor and the user's configuration."""

    @property
    def actions(self) -> Actions:
        """The user's actions on executions and steps."""

    @property
    def missions(self) -> "Sequence[MissionFile]":
        """The mission files that were found."""

    # --- messages to the user --------------------------------------------------------------------

    @property
    def problem(self) -> str:
        """The text of the banner, empty for none."""

    def show_notice(self, text: str) -> None:
        """Show a notice for a few seconds."""

    def show_place(self, text: str) -> None:
        """Show for a moment where a key has led, instead of where the one before it had led."""

    def show_problem(self, text: str) -> None:
        """Show a problem in the banner until the next action; an empty text removes it."""

    def forget_problem(self) -> None:
        """Take away what was said of the last action, before the next one."""

    def label(self, execution: "Execution") -> str:
        """Return the label of an execution: `deploy#7 0193c0de`."""

    def short_id(self, execution_id: str) -> str:
        """Return the short form of an execution's id."""

    @property
    def log_checked(self) -> "LogChecked | None":
        """What is known of the audit log by its last verification."""

    @property
    def log_problem(self) -> str:
        """The banner of an audit log that does not verify, empty for any other."""

    def note_checked(self, checked: "LogChecked") -> None:
        """Take note of a verification; a broken log is then shown on every screen."""

    @property
    def looked_at(self) -> frozenset[str]:
        """The failures that somebody has looked at, by execution id."""

    def look_at(self, execution_ids: "Iterable[str]") -> None:
        """Take note, for good, that somebody has looked at failures."""

    # --- screens ---------------------------------------------------------------------------------

    @property
    def watching(self) -> Screen[None] | None:
        """The screen that receives the feed's updates: the topmost one that watches."""

    def open_execution(self, execution_id: str, *, focus_step: str | None = None) -> None:
        """Show an execution on top of home, with one of its steps selected."""

    def open_above(self, execution_id: str, *, focus_step: str | None = None) -> None:
        """Show an execution on top of what is shown, which its back key returns to."""

    def open_sub_mission(self, execution_id: str, *, focus_step: str | None = None) -> None:
        """Show the graph of a sub-mission on top of the execution that it is a part of."""

    def open_launch(
        self, path: str, params: Mapping[str, Any] | None = None, *, origin: str = ""
    ) -> None:
        """Show the launch form of a mission; `origin` names the run that `params` are from."""

    def open_retry_desk(
        self, execution: "Execution", mission: "Mission", task: "TaskRun | None"
    ) -> None:
        """Show the retry desk of an ended execution, for one of its steps if there is one."""

    def leave_execution(self) -> None:
        """Return home from an execution; exit if it was opened alone."""

    def leave_to_origin(self) -> bool:
        """Return from an execution to the screen it was opened above, unless that is home."""

    async def push_screen_wait(self, screen: Screen[Result]) -> Result:
        """Show a dialog and wait for its answer."""

    # --- requests and mission files --------------------------------------------------------------

    def follow(self, receipt: "Receipt", kind: "RequestKind", subject: str) -> object:
        """Report the outcome of a request once there is one, whatever screen is shown then."""

    async def question(self, board: "Board", task_id: str) -> "OpenQuestion":
        """Read the question, approvers and deadline of a step that waits for an approval."""

    def begin_checks(self) -> None:
        """Search for mission files and lost runners from now on; again does nothing."""

    def discover(self) -> object:
        """Search for mission files."""

    def validate(self, path: str) -> object:
        """Validate a mission file and report the findings."""

    def edit(self, path: str) -> None:
        """Open a file in $VISUAL or $EDITOR while the screen is suspended."""

    def edit_text(self, text: str, suffix: str) -> str | None:
        """Let the user edit a text in $VISUAL or $EDITOR; None if that is not possible."""

    def open_shell(self, command: "RunnableCommand", name: str) -> None:
        """Open a shell in the folder of a step, with its environment, the screen suspended."""

    # --- the clipboard and files -----------------------------------------------------------------

    def copy(self, text: str, what: str) -> None:
        """Copy to the terminal's clipboard (OSC 52); of a text that is too long, the end."""

    def copy_log(self, query: "LogQuery", *, as_json: bool) -> object:
        """Copy a whole log, up to the limit of the clipboard."""

    def save_log(self, query: "LogQuery") -> object:
        """Write a whole log to a file in the export folder."""

    def page_log(self, query: "LogQuery", line: int) -> object:
        """Open a whole log in the user's pager at a line, from 1; 0 for none."""

    def save_text(self, text: str, stem: str, suffix: str) -> None:
        """Write a text to a file in the export folder."""

    # --- the command palette ---------------------------------------------------------------------

    @property
    def theme_names(self) -> list[str]:
        """The names of all themes, our own first."""

    def set_theme(self, name: str) -> None:
        """Switch to a theme."""

    # --- the end ---------------------------------------------------------------------------------

    @property
    def is_leaving(self) -> bool:
        """Whether the application has begun to exit."""

    def end_interrupted(self) -> None:
        """Quit with the exit code of Ctrl-C and SIGINT."""

    @property
    def report_bug(self) -> Callable[[BaseException], str | None]:
        """Writes a bug report and returns its path, or None."""


def deck_of(app: App[Any]) -> Deck:
    """Return the application that a screen, a command provider or the driver runs in.

    Textual types it as `App`; this is the only cast to the protocol.
    """
    return cast("Deck", app)
