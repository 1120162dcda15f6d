"""The graph, tree and Gantt tabs behind one interface, each created on first use."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from core.domain.item_label import step_title
from core.domain.records import Attempt, TaskRun
from core.domain.tally import keeps_slot
from core.ports.clock import Clock
from tui.live.board import Board
from tui.live.messages import StepOpened, StepSelected
from tui.live.node_status import NodeStatus, status_of
from tui.widgets.base.step_canvas import MAX_STEPS_INLINE, StepCanvas

if TYPE_CHECKING:
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
        """Select the step that another view has selected."""
        self._told = task_id
        self._view.chosen = None
        if task_id is not None and self._drawn is not None and self._view.selection != task_id:
            self._view.selection = task_id

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
        self._told = event.task_id
        self.post_message(StepSelected(event.task_id, lambda: self._told))

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

    def _draw(self, board: Board) -> None:
        if len(board.order) <= MAX_STEPS_INLINE:
            self._structure.show_model(_model_of(board, board.order, board.tasks))
            self._has_drawn(board)
        else:
            self._draw_aside(board)

    @work(exclusive=True, group="draw")
    async def _draw_aside(self, board: Board) -> None:
        order, tasks = list(board.order), dict(board.tasks)
        model = await asyncio.to_thread(_model_of, board, order, tasks)
        if self._building is board:
            self._structure.show_model(model)
            self._has_drawn(board)


class GraphCanvas(StructureCanvas):
    """The layered graph, or lanes where the terminal is narrow."""

    def __init__(self, tab: str, clock: Clock) -> None:
        from tui.widgets.graph.graph_view import GraphView

        self._graph: GraphView = GraphView(now=clock.now)
        self._structure = self._graph
        super().__init__(tab, self._graph)

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


def _model_of(board: Board, ids: Sequence[str], tasks: Mapping[str, TaskRun]) -> "GraphModel":
    """Build what is drawn of these task runs; an item of a fan-out hangs where its step does.

    Of the board it reads only what no news change, so it may run in a thread.
    """
    from tui.layout.dag import dag_of
    from tui.widgets.graph.graph_model import model_of

    index = {task_id: number for number, task_id in enumerate(ids)}
    upstream: list[list[int]] = []
    names: dict[str, str] = {}
    for task_id in ids:
        parent = tasks[task_id].parent_task_id
        step = board.steps.get(parent or task_id)
        needs = step.depends_on if step is not None else ()
        upstream.append([index[need] for need in needs if need in index])
        if parent is not None:
            names[task_id] = step_title(tasks[task_id])
        elif step is not None:
            names[task_id] = step.name
    conditional = [step.id for step in board.steps.values() if step.when is not None]
    handlers = [] if board.mission is None else [step.id for step in board.mission.handlers.all]
    model = model_of(ids, dag_of(upstream), names, conditional, handlers)
    model.statuses = [status_of(tasks[one], board.max_attempts(one)) for one in ids]
    return model


def _statuses(board: Board, tasks: Mapping[str, TaskRun]) -> dict[str, NodeStatus]:
    return {
        task_id: status_of(task, board.max_attempts(task_id)) for task_id, task in tasks.items()
    }
