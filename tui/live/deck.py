"""The application as screens, command palette and terminal driver see it.

It is imported before first paint, so it imports nothing but Textual.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from textual.app import App
from textual.screen import Screen

if TYPE_CHECKING:
    from core.domain.approval_question import OpenQuestion
    from core.domain.records import Execution
    from core.ports.clock import Clock
    from core.ports.control import RequestKind
    from core.ports.reader import LogQuery
    from tui.live.backend import Backend, MissionFile, Receipt, Surroundings
    from tui.live.board import Board
    from tui.live.feed import Feed, Lookup

Answered = TypeVar("Answered")


class Acts(Protocol):
    """What the operator may do to executions and steps. Each asks first and reports its outcome."""

    async def cancel_run(self, look: "Callable[[], Awaitable[Board]]") -> None:
        """Cancel a whole execution; `look` reads its present state."""

    async def kill_run(self, look: "Callable[[], Awaitable[Board]]") -> None:
        """Cancel a whole execution without a grace and without handlers."""

    async def cancel_step(self, board: "Board", task_id: str) -> None:
        """Cancel one step."""

    async def pause(self, execution: "Execution", *, orphaned: bool) -> None:
        """Pause an execution, let a paused one go on, give one without a runner a new runner."""

    async def approve(self, board: "Board", task_id: str) -> None:
        """Approve or reject a step that waits for it."""

    async def retry(self, board: "Board", task_id: str, *, downstream: bool) -> None:
        """Run a step again, alone or with everything downstream of it."""

    async def rerun(self, execution: "Execution") -> None:
        """Run a whole mission again with the same parameters."""


class Deck(Protocol):
    """The application. Everything but the end of it is there once it `is_ready`."""

    # --- what lives as long as the application ---------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether the backend and what depends on it have been made."""

    @property
    def clock(self) -> "Clock":
        """The clock."""

    @property
    def feed(self) -> "Feed":
        """Delivers what was committed to the screen that watches."""

    @property
    def lookup(self) -> "Lookup":
        """Answers single questions to the database."""

    @property
    def backend(self) -> "Backend":
        """The port to everything outside the screen."""

    @property
    def surroundings(self) -> "Surroundings":
        """The database, the actor and the user's configuration."""

    @property
    def acts(self) -> Acts:
        """What the operator may do."""

    @property
    def missions(self) -> "Sequence[MissionFile]":
        """The mission files that were found."""

    # --- messages to the operator ----------------------------------------------------------------

    @property
    def problem(self) -> str:
        """What the banner says, empty for nothing."""

    def tell(self, text: str) -> None:
        """Notify the user of what was done."""

    def complain(self, text: str) -> None:
        """Show a problem in the banner until the next action; an empty text removes it."""

    def label(self, execution: "Execution") -> str:
        """Return the label of an execution: `deploy#7 0193c0de`."""

    def short_id(self, execution_id: str) -> str:
        """Return the short form of an execution's id."""

    # --- screens ---------------------------------------------------------------------------------

    @property
    def watching(self) -> Screen[None] | None:
        """The screen that the feed works for: the topmost that watches."""

    def open_execution(self, execution_id: str, *, focus_step: str | None = None) -> None:
        """Show an execution, over home, with one of its steps selected."""

    def open_launch(self, path: str, params: Mapping[str, Any] | None = None) -> None:
        """Show the launch form of a mission."""

    def leave_execution(self) -> None:
        """Go home from the screen of an execution, or close when that was opened alone."""

    async def push_screen_wait(self, screen: Screen[Answered]) -> Answered:
        """Show a dialog and wait for its answer."""

    # --- requests and mission files --------------------------------------------------------------

    def follow(self, receipt: "Receipt", kind: "RequestKind", subject: str) -> object:
        """Report the outcome of a request once it has one, whatever screen is shown then."""

    async def question(self, board: "Board", task_id: str) -> "OpenQuestion":
        """Read what a step that waits for an approval asks, of whom, and until when."""

    def discover(self) -> object:
        """Look for mission files."""

    def validate(self, path: str) -> object:
        """Validate a mission file and report what was found."""

    def edit(self, path: str) -> None:
        """Open a file in the user's editor while the screen steps aside."""

    # --- the clipboard and files -----------------------------------------------------------------

    def copy(self, text: str, what: str) -> None:
        """Copy to the terminal's clipboard."""

    def copy_log(self, query: "LogQuery", *, as_json: bool) -> object:
        """Copy a whole log, as far as the clipboard takes it."""

    def save_log(self, query: "LogQuery") -> object:
        """Write a whole log to a file of the export folder."""

    def save_text(self, text: str, stem: str, suffix: str) -> None:
        """Write a text to a file of the export folder."""

    # --- the command palette ---------------------------------------------------------------------

    @property
    def theme_names(self) -> list[str]:
        """The themes there are, ours first."""

    def set_theme(self, name: str) -> None:
        """Change to a theme."""

    # --- the end ---------------------------------------------------------------------------------

    @property
    def is_leaving(self) -> bool:
        """Whether it has begun to end."""

    def end_interrupted(self) -> None:
        """Quit with the exit code of Ctrl-C and SIGINT."""

    @property
    def report_bug(self) -> Callable[[BaseException], str | None]:
        """Writes a bug report and returns where it is, or None."""


def deck_of(app: App[Any]) -> Deck:
    """Return the application that a screen, a provider or a driver of ours runs in.

    Textual types it as any application; this is the one place that knows better.
    """
    return cast("Deck", app)
