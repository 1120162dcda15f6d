"""Sub-missions that open in place, within the list, the graph and the Gantt chart of the run."""

from collections.abc import Mapping
from functools import partial

from textual import work

from core.domain.mission import EMPTY, MissionStep
from core.domain.records import TaskRun
from core.errors import MissionDeckError
from tui.live.board import Board
from tui.live.execution_queries import StepRecords, read_sub_mission
from tui.live.messages import StepOpened
from tui.live.past import records_at
from tui.live.steps.inner_boards import boards_of
from tui.live.steps.inner_missions import InnerMissions, may_open
from tui.live.steps.step_path import SEPARATOR, joined, last_of, parent_of, step_of
from tui.screens.execution_selection import ExecutionSelection
from tui.screens.inspector import InspectorScreen
from tui.screens.panes.inspected_inner import InspectedInner
from tui.screens.panes.inspected_step import InspectedExecution
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

    # --- the step under the cursor ---------------------------------------------------------------

    @property
    def _inner_path(self) -> str | None:
        """The path of the step under the cursor if it is one of an open sub-mission."""
        path = None if self.focused is self._side_list else self._left.path
        return path if path is not None and SEPARATOR in path else None

    @property
    def acted_on(self) -> tuple[Board, str] | None:
        """The step under the cursor, also one of an open sub-mission; None of a plan."""
        path = self._inner_path
        if path is None:
            return super().acted_on
        board, task_id = self._inner_boards.get(parent_of(path)), last_of(path)
        return (board, task_id) if board is not None and task_id in board.tasks else None

    @property
    def step_shown(self) -> tuple[Board, str] | None:
        """The step that side pane and log are about; of a plan the step that would run it."""
        found = self.acted_on
        if found is None and self.board is not None and self.selected is not None:
            return self.board, self.selected
        return found

    @property
    def step_title(self) -> str | None:
        """The title of that step, with the steps that lead to it."""
        path, found = self._inner_path, self.acted_on
        if path is None or found is None:
            return super().step_title
        return " ▸ ".join((*parent_of(path).split(SEPARATOR), found[0].title(found[1])))

    def as_shown_on(self, board: Board, records: StepRecords) -> StepRecords | None:
        """Return the records of a step on a board at the moment that the screen shows."""
        if board is self.board:
            return self.as_shown(records)
        if self.as_of is None:
            return records
        moment = self._inner.moments.get(board.execution.execution_id)
        if moment is None or records.task.task_id not in moment.tasks:
            return None
        return records_at(moment, records)

    def action_inspect(self) -> None:
        """Open the inspector on the step under the cursor."""
        self._inspect(None)

    def action_why(self) -> None:
        """Explain the state of the step under the cursor."""
        self._inspect("overview")

    def _inspect(self, section: str | None) -> None:
        path, found = self._inner_path, self._step_to_act_on()
        if found is None:
            return
        board, task_id = found
        shown: InspectedExecution = self if path is None else self._inspected(board, path)
        self.app.push_screen(InspectorScreen(shown, task_id, section=section))

    def _inspected(self, board: Board, path: str) -> InspectedInner:
        above = parent_of(path)

        def go_to(task_id: str) -> None:
            self._left.point_at(joined(above, task_id))
            self.follow_cursor()

        return InspectedInner(
            self,
            board,
            board_now=lambda: self._inner_boards.get(above),
            as_shown=self.as_shown_on,
            go_to=go_to,
        )

    def action_mark(self) -> None:
        """Mark the selected step, or unmark it; not one of a sub-mission, whose log is its own."""
        if self._inner_path is None:
            super().action_mark()
        else:
            self.deck.show_notice("a step of a sub-mission has the log of another run: no mark")

    def action_past_step(self, step: int) -> None:
        """Go to an event of the selected step; those of a sub-mission are on its own screen."""
        if self._inner_path is None:
            self.go_to_step_event(step)
        else:
            self.deck.show_notice("the events of a sub-mission are not those of this run: press O")

    def go_to_step_event(self, step: int) -> None:
        """Go to the next or the previous event of the selected step."""

    # --- opening and folding ---------------------------------------------------------------------

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
        return "inspect"

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
        self.follow_cursor()

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
        self.follow_cursor()
        if self._inner_path in (changed or ()):
            self._record_reader.request()
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
