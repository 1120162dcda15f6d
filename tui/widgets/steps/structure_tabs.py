"""The tabs that draw dependencies: the graph, with sub-missions open in place, and the tree."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from textual import work

from core.domain.mission import EMPTY
from core.domain.records import TaskRun
from core.ports.clock import Clock
from tui.live.board import Board
from tui.widgets.base.step_canvas import MAX_STEPS_INLINE
from tui.widgets.steps.drawn_tab import Canvas

if TYPE_CHECKING:
    from tui.live.steps.inner_missions import InnerMission
    from tui.widgets.graph.graph_model import GraphModel

WIDE_COLUMNS = 100
"""On a terminal of this width or more the graph shows layers, even beside the side pane."""
MIN_LAYERS_COLUMNS = 60


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
