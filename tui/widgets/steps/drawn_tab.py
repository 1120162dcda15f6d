"""What graph, tree and Gantt tab have in common: one drawn view of a board, and its selection."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from core.domain.records import Attempt, TaskRun
from tui.live.board import Board
from tui.live.messages import StepOpened, StepSelected
from tui.live.node_status import NodeStatus, status_of
from tui.live.steps.step_path import step_of
from tui.widgets.base.step_canvas import StepCanvas

if TYPE_CHECKING:
    from tui.live.steps.inner_missions import InnerMission

UNREADABLE_TEXT = "the mission of this run cannot be read: dependencies are unknown"


class Canvas(Vertical):
    """A tab that draws the steps of a board. While hidden, it defers changes."""

    DEFAULT_CSS = """
    Canvas { height: 1fr; }
    Canvas > * { height: 1fr; }
    """
    wants_attempts = False
    """Whether it draws attempts, which the screen then reads."""

    def __init__(self, tab: str, view: StepCanvas) -> None:
        super().__init__(id=tab)
        self._view = view
        self._drawn: Board | None = None
        self._building: Board | None = None
        self._told: str | None = None
        self._late: set[str] = set()

    def compose(self) -> ComposeResult:
        """Contain only the canvas."""
        yield self._view

    @property
    def focus_target(self) -> Widget:
        """The widget that takes the focus."""
        return self._view

    def show_board(self, board: Board, selected: str | None) -> None:
        """Draw another board, or one whose mission has been read."""
        if board.mission is None:
            self.say("reading the mission …" if not board.is_unreadable else UNREADABLE_TEXT)
            return
        self._told = selected
        self._late.clear()
        self._building, self._drawn = board, None
        self._draw(board)

    def _draw(self, board: Board) -> None:
        """Set graph and states of the canvas, now or from a thread; then call `_has_drawn`."""

    def _has_drawn(self, board: Board) -> None:
        """Apply what has changed since drawing began, and the selection."""
        self._building, self._drawn = None, board
        self.catch_up(board, self._told)

    def board_changed(self, changed: Mapping[str, TaskRun]) -> None:
        """Apply newer task runs."""
        if self._drawn is not None and self.is_on_screen:
            self._view.set_states(statuses_of(self._drawn, changed))
        else:
            self._late.update(changed)

    def catch_up(self, board: Board, selected: str | None) -> None:
        """Apply what changed while the tab was hidden."""
        self._told = selected
        if self._drawn is not board:
            if self._building is not board:
                self.show_board(board, selected)
            return
        if self._late:
            changed = {task_id: board.tasks[task_id] for task_id in self._late}
            self._view.set_states(statuses_of(board, changed))
        self._late.clear()
        self.select_step(selected)

    def select_step(self, task_id: str | None) -> None:
        """Select the step that another view has selected; within it the cursor may be deeper."""
        self._told = task_id
        self._view.chosen = None
        if task_id is None or self._drawn is None:
            return
        if self._view.selection is None or step_of(self._view.selection) != task_id:
            self._view.selection = task_id

    @property
    def path(self) -> str | None:
        """What is under the cursor: a step, or a path into a sub-mission that is open in it."""
        return self._view.selection

    def point_at(self, path: str) -> None:
        """Put the cursor on a step, or on one within an open sub-mission."""
        self._view.selection = path

    def inner_changed(
        self, opened: Mapping[str, "InnerMission"], changed: Mapping[str, TaskRun] | None
    ) -> None:
        """Take the sub-missions that are open, or newer task runs in them."""

    def say(self, text: str) -> None:
        """Show why nothing is drawn."""
        self._view.say(text)

    def take_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Set all attempts of the execution."""

    def set_matches(self, task_ids: Sequence[str] | None) -> None:
        """Dim all steps but these; None dims nothing."""

    def fit_terminal(self, columns: int) -> None:
        """Adapt to the width of the terminal."""

    def on_step_canvas_selected(self, event: StepCanvas.Selected) -> None:
        """Pass on the user's selection."""
        event.stop()
        self._told = step_of(event.task_id)
        self.post_message(StepSelected(self._told, lambda: self._told))

    def on_step_canvas_opened(self, event: StepCanvas.Opened) -> None:
        """Pass on the step to be inspected."""
        event.stop()
        self.post_message(StepOpened(event.task_id))


def statuses_of(board: Board, tasks: Mapping[str, TaskRun]) -> dict[str, NodeStatus]:
    """Return the statuses of task runs of a board."""
    return {
        task_id: status_of(task, board.max_attempts(task_id)) for task_id, task in tasks.items()
    }
