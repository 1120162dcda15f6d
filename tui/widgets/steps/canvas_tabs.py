"""The graph, tree and Gantt tabs behind one interface, each created on first use."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from core.domain.mission import EMPTY
from core.domain.records import Attempt, TaskRun
from core.domain.tally import keeps_slot
from core.ports.clock import Clock
from tui.live.board import Board
from tui.live.messages import StepOpened, StepSelected
from tui.live.node_status import NodeStatus, status_of
from tui.live.steps.step_path import step_of
from tui.widgets.base.step_canvas import MAX_STEPS_INLINE, StepCanvas

if TYPE_CHECKING:
    from tui.live.steps.inner_missions import InnerMission
    from tui.widgets.graph.graph_model import GraphModel

CANVAS_TABS = ("graph", "tree", "gantt")
WIDE_COLUMNS = 100
"""On a terminal of this width or more the graph shows layers, even beside the side pane."""
MIN_LAYERS_COLUMNS = 60
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

    def focus_canvas(self) -> None:
        """Focus the canvas."""
        self._view.focus()

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
            self._view.set_states(_statuses(self._drawn, changed))
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
            self._view.set_states(_statuses(board, changed))
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


class StructureView(Protocol):
    """A widget that draws the steps with their dependencies."""

    def show_model(self, model: "GraphModel") -> None:
        """Replace the graph, with the states in its model."""


class StructureCanvas(Canvas):
    """A tab that draws dependencies. The model of a large mission is built in a thread."""

    _structure: StructureView
    _opened: "Mapping[str, InnerMission]" = EMPTY
    """The sub-missions that are open in place."""

    def _draw(self, board: Board) -> None:
        from tui.widgets.graph.board_model import board_model

        size = len(board.order) + sum(len(one.tasks) for one in self._opened.values())
        if size <= MAX_STEPS_INLINE:
            self._structure.show_model(board_model(board, board.order, board.tasks, self._opened))
            self._has_drawn(board)
        else:
            self._draw_aside(board)

    @work(exclusive=True, group="draw")
    async def _draw_aside(self, board: Board) -> None:
        from tui.widgets.graph.board_model import board_model

        order, tasks, opened = list(board.order), dict(board.tasks), self._opened
        model = await asyncio.to_thread(board_model, board, order, tasks, opened)
        if self._building is board and opened is self._opened:
            self._structure.show_model(model)
            self._has_drawn(board)


class GraphCanvas(StructureCanvas):
    """The layered graph, or lanes where the terminal is narrow."""

    def __init__(self, tab: str, clock: Clock) -> None:
        from tui.widgets.graph.graph_view import GraphView

        self._graph: GraphView = GraphView(now=clock.now)
        self._structure = self._graph
        super().__init__(tab, self._graph)

    def inner_changed(
        self, opened: Mapping[str, "InnerMission"], changed: Mapping[str, TaskRun] | None
    ) -> None:
        """Draw the sub-missions that are open, in place; of newer task runs the states alone."""
        from tui.widgets.graph.board_model import statuses_within

        self._opened = opened
        board = self._drawn if self._building is None else self._building
        if changed is not None:
            self._view.set_states(statuses_within(opened, changed))
        elif board is not None:
            self._building = board
            self._draw(board)

    def set_matches(self, task_ids: Sequence[str] | None) -> None:
        """Dim the steps that a filter hides."""
        self._graph.set_matches(task_ids)

    def fit_terminal(self, columns: int) -> None:
        """Show layers beside the side pane if the whole terminal is wide enough."""
        self._graph.lanes_under = MIN_LAYERS_COLUMNS if columns >= WIDE_COLUMNS else WIDE_COLUMNS


class TreeCanvas(StructureCanvas):
    """The steps as a tree, each below its first dependency."""

    def __init__(self, tab: str, clock: Clock) -> None:
        from tui.widgets.graph.tree_view import TreeView

        tree: TreeView = TreeView(now=clock.now)
        self._structure = tree
        super().__init__(tab, tree)


class GanttCanvas(Canvas):
    """Attempts over time."""

    wants_attempts = True

    def __init__(self, tab: str, clock: Clock) -> None:
        from tui.widgets.gantt.gantt_view import GanttView

        self._gantt: GanttView = GanttView(now=clock.now)
        self._names: dict[str, str] = {}
        self._attempts_drawn: set[tuple[str, int]] = set()
        super().__init__(tab, self._gantt)

    @property
    def focus_target(self) -> Widget:
        """The rows, which take the focus for the chart."""
        return next((w for w in self._gantt.query("*") if w.focusable), self._gantt)

    def _draw(self, board: Board) -> None:
        self._names = {step.id: step.id for step in board.steps.values()}
        self._gantt.say("reading the attempts …")
        self._gantt.set_spans((), self._names)
        self._attempts_drawn = set()
        if board.mission is not None:
            self._gantt.set_slots(board.slot_limit)
        self._gantt.set_states(_statuses(board, board.tasks))
        self._has_drawn(board)

    def take_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Redraw all attempts."""
        from tui.widgets.gantt.gantt_row import AttemptSpan

        board = self._drawn
        if board is None:
            return
        gone = self._attempts_drawn - {(one.task_id, one.attempt) for one in attempts}
        if gone:  # an earlier moment of the past is shown
            self._gantt.set_spans((), self._names)
        self._attempts_drawn = {(one.task_id, one.attempt) for one in attempts}
        spans = []
        for attempt in attempts:
            task = board.tasks.get(attempt.task_id)
            latest = task is not None and task.attempt == attempt.attempt
            if attempt.task_id not in self._names:
                self._names[attempt.task_id] = board.title(attempt.task_id)
            ready = task.ready_at if task is not None and latest else None
            queued = ready if ready is not None and ready <= attempt.started_at else None
            spans.append(
                AttemptSpan(
                    attempt.task_id,
                    attempt.attempt,
                    attempt.state,
                    attempt.started_at,
                    attempt.ended_at,
                    queued,
                    keeps_slot(board.step(attempt.task_id)),
                )
            )
        self._gantt.update_spans(spans)
        self._gantt.set_states(_statuses(board, board.tasks))
        self.select_step(self._told)


_MAKERS = {"graph": GraphCanvas, "tree": TreeCanvas, "gantt": GanttCanvas}


def make_canvas(tab: str, clock: Clock) -> Canvas:
    """Return the canvas of a tab; its modules are imported on first use."""
    return _MAKERS[tab](tab, clock)


def _statuses(board: Board, tasks: Mapping[str, TaskRun]) -> dict[str, NodeStatus]:
    return {
        task_id: status_of(task, board.max_attempts(task_id)) for task_id, task in tasks.items()
    }
