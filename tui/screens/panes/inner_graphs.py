"""Sub-missions that open in place, within the list, the graph and the Gantt chart of the run."""

from collections.abc import Mapping
from functools import partial

from textual import work

from core.domain.mission import EMPTY, MissionStep
from core.domain.records import TaskRun
from core.errors import MissionDeckError
from tui.live.board import Board
from tui.live.execution_queries import read_sub_mission
from tui.live.messages import StepOpened
from tui.live.steps.inner_boards import boards_of
from tui.live.steps.inner_missions import InnerMissions, may_open
from tui.live.steps.step_path import SEPARATOR, last_of, parent_of, step_of
from tui.screens.execution_selection import ExecutionSelection
from tui.words.safe_text import clean_line

IN_PLACE = ("list", "graph", "gantt")
"""The tabs in which a sub-mission opens in place."""


class InnerGraphs(ExecutionSelection):
    """Base of the execution screen: what opens and folds in place, and what opens on top."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(execution_id)
        self._inner = InnerMissions(
            self.deck.lookup, lambda: self.deck.backend, self._inner_changed, self.run_worker
        )
        self._inner_boards: Mapping[str, Board] = EMPTY
        self._open_label = ""

    def refresh_inner(self) -> None:
        """Read the open sub-missions again."""
        if self.board is not None:
            self._inner.refresh(self.board, self.as_of)

    def on_step_opened(self, event: StepOpened) -> None:
        """Open or fold a sub-mission in place; show any other step in the inspector."""
        path = event.task_id
        self._user_selected = True
        self.select(step_of(path))
        if self._left.tab in IN_PLACE and may_open(*self._step_at(path)):
            if self._inner.is_open(path):
                self._fold(path)
            else:
                self.refresh_inner()
                self._inner.open(path)
        elif SEPARATOR in path:
            self._open_on_top(path)
        else:
            self.action_inspect()

    def action_open_on_top(self) -> None:
        """Show the sub-mission under the cursor, or that of the step there, on its own screen."""
        path = self._left.path
        if path is None:
            return
        if SEPARATOR in path or may_open(*self._step_at(path)):
            self._open_on_top(path)
        else:
            self.deck.show_notice("this step runs no sub-mission")

    def label_of(self, action: str, label: str) -> str:
        """Label the key that opens by what it does to the step under the cursor."""
        opens = self._left.tab in IN_PLACE and action in ("open", "choose")
        path = self._left.path if opens and self._has_view_focus else None
        if path is None:
            return super().label_of(action, label)
        if may_open(*self._step_at(path)):
            return "fold it" if self._inner.is_open(path) else "open in place"
        return "open on top" if SEPARATOR in path else label

    def note_offers(self) -> None:
        """Update the key bar, too, when the cursor of the graph is on a step of another kind."""
        super().note_offers()
        label = self.label_of("open", self._left.tab)
        if label != self._open_label:
            self._open_label = label
            self.refresh_bindings()

    def action_back(self) -> None:
        """Fold the sub-mission under the cursor before anything else is left."""
        path = self._left.path if self._left.tab in IN_PLACE and self._has_view_focus else None
        while path:
            if self._inner.is_open(path):
                self._fold(path)
                return
            path = parent_of(path)
        super().action_back()

    @property
    def _has_view_focus(self) -> bool:
        return self.focused is self._left.focus_target

    def _fold(self, path: str) -> None:
        self._left.point_at(path)
        self._inner.fold(path)

    def _step_at(self, path: str) -> tuple[MissionStep | None, TaskRun | None]:
        """Return the step at a path, and its task run if it has one."""
        if SEPARATOR not in path:
            board = self.board
            return (None, None) if board is None else (board.step(path), board.tasks.get(path))
        inner = self._inner.opened.get(parent_of(path))
        if inner is None:
            return None, None
        task_id = last_of(path)
        task = inner.tasks.get(task_id)
        parent = None if task is None else task.parent_task_id
        return inner.steps.get(parent or task_id), task

    def _inner_changed(self, changed: Mapping[str, TaskRun] | None) -> None:
        """Draw the steps of open sub-missions; say of one without steps why it has none."""
        opened = self._inner.opened
        for path, inner in opened.items():
            if not inner.steps:
                self.deck.show_notice(clean_line(inner.title))
                self._inner.fold(path)
                return
        self._inner_boards = boards_of(opened, self._inner_boards)
        self._left.inner_changed(opened, self._inner_boards, changed)
        self.note_offers()

    @work(exclusive=True, group="sub-mission")
    async def _open_on_top(self, path: str) -> None:
        """Show the sub-mission that a path lies in, with its step selected, or that of its step."""
        opens_step = may_open(*self._step_at(path))
        inner = self._inner.opened.get(path if opens_step else parent_of(path))
        step = None if opens_step else last_of(path)
        execution = None if inner is None else inner.execution
        if execution is None and opens_step:
            owner = self._inner.opened.get(parent_of(path))
            above = self.execution_id
            if owner is not None:
                above = "" if owner.execution is None else owner.execution.execution_id
            task_id = last_of(path)
            try:
                query = partial(read_sub_mission, execution_id=above, task_id=task_id)
                execution = await self.deck.lookup.read(query) if above else None
            except MissionDeckError:
                return  # the feed reports the same failure
        if execution is None:
            self.deck.show_notice("this sub-mission has not started: there is nothing to inspect")
        elif self.is_current:
            self.deck.open_sub_mission(execution.execution_id, focus_step=step)
