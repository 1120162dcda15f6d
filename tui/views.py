"""The canvases of a mission's structure (graph, tree, gantt) behind one face, made on first use."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.containers import Vertical
from textual.widget import Widget

from core.model import TaskRun
from core.ports import Clock
from tui.board import Board
from tui.messages import StepOpened, StepSelected
from tui.status import NodeStatus, status_of

if TYPE_CHECKING:
    from tui.widgets.graph import GraphView

CANVAS_TABS = ("graph",)


class Canvas(Vertical):
    """A tab that draws the steps of a board. What changes while it is out of sight it takes later."""

    DEFAULT_CSS = """
    Canvas { height: 1fr; }
    """

    def __init__(self, tab: str, clock: Clock) -> None:
        super().__init__(id=tab)
        self._clock = clock
        self._view: GraphView = _make(tab, clock)
        self._view.id = f"{tab}-canvas"
        self._drawn: Board | None = None
        self._told: str | None = None
        self._late: set[str] = set()

    def compose(self) -> Any:
        """The canvas itself."""
        yield self._view

    @property
    def focus_target(self) -> Widget:
        """What takes the focus."""
        return self._view

    def focus_canvas(self) -> None:
        """Put the focus on the canvas."""
        self._view.focus()

    def show_board(self, board: Board, selected: str | None) -> None:
        """Draw another board, or one whose mission has become known."""
        if board.mission is None:
            return
        ids = [step.id for step in board.mission.all_steps if step.id in board.tasks]
        index = {task_id: place for place, task_id in enumerate(ids)}
        upstream = [
            [index[parent] for parent in board.steps[task_id].depends_on if parent in index]
            for task_id in ids
        ]
        names = {step.id: step.name for step in board.mission.all_steps}
        conditional = [step.id for step in board.mission.all_steps if step.when is not None]
        self._drawn = board
        self._view.set_graph(ids, upstream, names, conditional)
        self._view.set_states(self._statuses(board, board.tasks))
        self.select_step(selected)

    def board_changed(self, changed: Mapping[str, TaskRun]) -> None:
        """Take newer task runs."""
        if self._drawn is None:
            return
        if self.display and self.is_on_screen:
            self._view.set_states(self._statuses(self._drawn, changed))
        else:
            self._late.update(changed)

    def catch_up(self, board: Board, selected: str | None) -> None:
        """Take what changed while it was out of sight."""
        if self._drawn is not board:
            self.show_board(board, selected)
        elif self._late:
            changed = {task_id: board.tasks[task_id] for task_id in self._late}
            self._view.set_states(self._statuses(board, changed))
        self._late.clear()
        self.select_step(selected)

    def select_step(self, task_id: str | None) -> None:
        """Follow the selection of the other views."""
        self._told = task_id
        if task_id is not None and self._drawn is not None and self._view.selection != task_id:
            self._view.selection = task_id

    def tick(self) -> None:
        """Let running times go on."""
        self._view.refresh()

    def _statuses(self, board: Board, tasks: Mapping[str, TaskRun]) -> dict[str, NodeStatus]:
        return {
            task_id: status_of(task, board.max_attempts(task_id)) for task_id, task in tasks.items()
        }

    def on_graph_view_selected(self, event: Any) -> None:
        """Pass a selection on, unless it is the one it was told."""
        event.stop()
        if event.task_id != self._told:
            self._told = event.task_id
            self.post_message(StepSelected(event.task_id))

    def on_graph_view_opened(self, event: Any) -> None:
        """Pass on what is to be inspected."""
        event.stop()
        self.post_message(StepOpened(event.task_id))


def make_canvas(tab: str, clock: Clock) -> Canvas:
    """Return the canvas of a tab, its layout modules imported only now."""
    return Canvas(tab, clock)


def _make(tab: str, clock: Clock) -> "GraphView":
    from tui.widgets.graph import GraphView

    return GraphView(now=clock.now)
