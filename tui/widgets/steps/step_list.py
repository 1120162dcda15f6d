"""The steps of an execution by urgency, with fan-outs, folds and sub-missions that open.

What the rows are and how they are drawn is in `step_rows_view`.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from core.ports.clock import Clock
from tui.keys.textual_bindings import bindings
from tui.live.board import Board
from tui.live.messages import StepOpened, StepSelected
from tui.live.steps.inner_missions import InnerMission
from tui.live.steps.inner_rows import Inside, ListRow, inner_holder_of, path_of
from tui.live.steps.step_path import SEPARATOR, last_of, parent_of, step_of
from tui.live.steps.step_rows import holder_of
from tui.search.step_filter import parse_filter
from tui.widgets.steps.inner_step_row import InnerSteps
from tui.widgets.steps.step_rows_view import StepRows


class StepList(StepRows):
    """A list over a `Board`. The selection is a step, not a row: it stays when rows move.

    The selection belongs to the screen. The list shows it, and sends `StepSelected` when the user
    selects another one; the screen decides what happens when a filter hides it. With `opens` the
    user may open the sub-mission of a step below it: the list asks for that by `StepOpened`.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("steps")

    def __init__(self, clock: Clock, *, id: str | None = None, opens: bool = False) -> None:  # noqa: A002 - Textual's own name
        super().__init__(clock, id=id, opens=opens)
        self.selected: str | None = None
        self._at: ListRow | None = None
        """What the cursor is on: the selection, or the fold or inner step a person went to."""
        self.chosen: str | None = None
        """What a person chose and the screen has not taken yet."""
        self._is_tucked = False
        """Whether a person folded away what holds the selection."""

    def show(self, board: Board, selected: str | None) -> None:
        """Replace the board, with a step selected."""
        self._board = board
        self._point_at(selected)
        self._measure()
        self._rebuild()
        self.refresh()

    def board_changed(
        self, changed: Iterable[str], *, moved: bool, selected: str | None = None
    ) -> None:
        """Take note of newer task runs; `moved` when some belong elsewhere now.

        `selected` takes the selection along at once, so that the list does not first follow a step
        that has ended to where that is now.
        """
        wanted, needs = set(changed), self._needs
        board = self._board
        if board is not None and len(board.tasks) != self._measured:
            self._measure()  # a step has fanned out
        self._note(wanted)
        if self._needs != needs:
            self.refresh()
        if selected is not None:
            self._point_at(selected)
        if moved or self._filter:
            self._rebuild(wanted)
            return
        rows = self._rows
        self.refresh_rows(i for i in self.visible_rows if rows[i] in wanted)

    def show_inner(self, opened: Mapping[str, InnerMission], boards: Mapping[str, Board]) -> None:
        """Show the sub-missions that are open, or newer task runs in them."""
        if not opened and not self._inner.opened:
            return
        before, self._inner = self._inner, InnerSteps(opened, boards)
        if self._inner.sizes != before.sizes:
            self._measure()
        self._note_tasks(task for inner in opened.values() for task in inner.tasks.values())
        self._rebuild()
        self.refresh()

    def set_filter(self, text: str) -> None:
        """Show only the steps that pass a filter; the cursor goes to the first if it must move."""
        self._filter = parse_filter(text)
        self._rebuild()
        if self.hides_selection:
            self.move_to(0)

    @property
    def hides_selection(self) -> bool:
        """Whether the filter hides the selected step."""
        return bool(self._filter) and self._row_of(self.selected) is None

    @property
    def has_cursor(self) -> bool:
        """Whether the keys act on the row under the cursor."""
        return not self.hides_selection

    @property
    def pointed(self) -> str | None:
        """The step of the run under the cursor, None on a fold or an empty list."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        return _run_step_of(row)

    @property
    def path(self) -> str | None:
        """The step under the cursor, also one in an open sub-mission; None where none opens.

        On the title of a sub-mission it is the step that runs it.
        """
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        if row is None or self._filter:
            return None
        return row.path if isinstance(row, Inside) and row.row is None else path_of(row)

    def point_at(self, path: str) -> None:
        """Put the cursor on a step of the run, or on one within an open sub-mission."""
        is_inner = SEPARATOR in path
        self._at = Inside(parent_of(path), last_of(path)) if is_inner else path
        self._rebuild()

    def select(self, task_id: str) -> None:
        """Select a step, unfolding what hides it; within it the cursor may be deeper."""
        if _run_step_of(self._at) == task_id and self._row_of(self._at) is not None:
            is_new, self.selected, self.chosen = task_id != self.selected, task_id, None
            if not is_new:
                return
            self._is_tucked = False
        else:
            self._point_at(task_id)
        self._rebuild()

    def _point_at(self, task_id: str | None) -> None:
        self.selected = self._at = task_id
        self.chosen = None
        self._is_tucked = False

    def _rebuild(self, changed: Collection[str] = ()) -> None:
        board = self._board
        if board is None:
            return
        if self._filter:
            self.placeholder = "No step matches this filter\nesc clears it"
        shown = None if self._is_tucked else self.selected
        rows = self._rows_now(board, shown if shown in board.tasks else None, self._at)
        before, self._rows = self._rows, rows
        at = self._row_of(self._at)
        if at is None:
            at = self._row_of(self.selected)
        if len(before) != len(rows):
            self.count_changed()
        if not before or not rows:
            self.refresh()
        else:
            self.refresh_rows(self._changed_rows(before, changed))
        if at is not None:
            self.cursor = at
            self.reveal(at)

    def steer_to(self, index: int) -> None:
        """Move the cursor to a row on behalf of the user, and report its step as selected."""
        super().steer_to(index)
        if self.cursor < len(self._rows):
            before, row = self._at, self._rows[self.cursor]
            self._at = row
            step_id = _run_step_of(row)
            is_inner = isinstance(row, Inside) or isinstance(before, Inside)
            if step_id is not None and (step_id != self.selected or (is_inner and row != before)):
                self.chosen = step_id
                self.post_message(StepSelected(step_id, lambda: self.pointed))

    def action_toggle_fold(self) -> None:
        """Open or close the row under the cursor, or close what it is in."""
        board = self._board
        if not self._rows or board is None or self._filter:
            return
        row = self._rows[self.cursor]
        path = path_of(row)
        if path is not None and self._opens_mission(row):
            self.post_message(StepOpened(path))
        elif isinstance(row, Inside):
            within = inner_holder_of(self._inner.boards, row, self._opened)
            if within is None:
                self.post_message(StepOpened(row.path))  # it is open, so that closes it
            else:
                self._toggle(row, within)
        elif holder := holder_of(board, row, self._run_opened):
            self._toggle(row, holder)

    def _toggle(self, row: ListRow, holder: ListRow) -> None:
        self._opened ^= {holder}
        self._is_tucked = holder != row and holder not in self._opened
        self._at = holder
        self._rebuild()

    def action_choose(self) -> None:
        """Inspect the step, or open or close its sub-mission or what stands for several."""
        row = self._rows[self.cursor] if self._rows else None
        path = None if row is None else path_of(row)
        if row is not None and path is None:
            self.action_toggle_fold()
        elif path is not None and (isinstance(row, Inside) or self._opens_mission(row)):
            self.post_message(StepOpened(path))
        else:
            super().action_choose()

    def on_click(self, event: events.Click) -> None:
        """Open or close a row by a click on its arrow; everything else as in any list."""
        index = event.y + self.scroll_offset.y
        if event.chain == 1 and index < len(self._rows) and self._arrow(index) == event.x:
            event.prevent_default()
            self.steer_to(index)
            self.action_toggle_fold()


def _run_step_of(row: ListRow | None) -> str | None:
    """Return the step of the run that a row is about; None of what stands for several."""
    if isinstance(row, Inside):
        return step_of(row.path)
    return row if isinstance(row, str) else None
