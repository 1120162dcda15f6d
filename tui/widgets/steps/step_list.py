"""The steps of an execution by urgency, with fan-outs and folds that open.

Which rows there are is decided by `tui.live.steps.step_rows`; `step_row` draws them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from core.domain.item_label import step_title
from core.domain.states import TaskState
from core.domain.tally import holds_slot
from core.ports.clock import Clock
from tui.keys.textual_bindings import bindings
from tui.live.board import Board
from tui.live.messages import StepSelected
from tui.live.steps.step_rows import Alike, Fold, Row, holder_of, step_rows
from tui.look.theme import ThemeStyles
from tui.search.step_filter import Filter, parse_filter
from tui.widgets.base.line_view import LineView, Span
from tui.widgets.steps.step_columns import step_columns
from tui.widgets.steps.step_row import (
    ARROW_COLUMN,
    INDENT_CELLS,
    StepLook,
    alike_spans,
    fold_spans,
)


class StepList(LineView):
    """A list over a `Board`. The selection is a step, not a row: it stays when rows move.

    The selection belongs to the screen. The list shows it, and sends `StepSelected` when the user
    selects another one; the screen decides what happens when a filter hides it.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("steps")

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._board: Board | None = None
        self._rows: list[Row] = []
        self._opened: set[Row] = set()
        self._filter: Filter = parse_filter("")
        self.selected: str | None = None
        self._at: Row | None = None
        """What the cursor is on: the selection, or the fold a person went to."""
        self.chosen: str | None = None
        """What a person chose and the screen has not taken yet."""
        self._is_tucked = False
        """Whether a person folded away what holds the selection."""
        self._name_width = 20
        self._last_lines: Mapping[str, str] = {}
        self._marked: Set[str] = frozenset()
        self._measured = 0
        """Of how many task runs the names were measured."""
        self._waits = self._retries = False
        """Whether any step has waited, and whether any may be tried more than once."""

    @property
    def filter_text(self) -> str:
        """The active filter, empty for none."""
        return self._filter.text

    @property
    def filter_problems(self) -> tuple[str, ...]:
        """The problems of the invalid terms of the filter."""
        return self._filter.problems

    def show(self, board: Board, selected: str | None) -> None:
        """Replace the board, with a step selected."""
        self._board = board
        self._point_at(selected)
        self._measure()
        self._rebuild()
        self.refresh()

    def mission_known(self) -> None:
        """Draw anew what depends on the mission."""
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        """Measure the longest name, and find out which columns the steps need."""
        board = self._board
        if board is None:
            return
        self._measured = len(board.tasks)
        self._name_width = max((len(step_title(task)) for task in board.tasks.values()), default=0)
        self._waits = self._retries = any(board.max_attempts(one) > 1 for one in board.steps)
        self._note(board.tasks)

    def _note(self, task_ids: Iterable[str]) -> None:
        """Note what steps have come to need; a column that was needed once stays."""
        tasks = {} if self._board is None else self._board.tasks
        for task in (tasks[one] for one in task_ids if one in tasks):
            self._waits = self._waits or task.state is TaskState.WAITING
            self._retries = self._retries or task.attempt > 1

    @property
    def _needs(self) -> tuple[bool, bool]:
        return self._waits, self._retries

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

    def tick(self) -> None:
        """Repaint the visible rows with a running time."""
        board = self._board
        if board is None:
            return
        self.refresh_rows(
            index
            for index in self.visible_rows
            if isinstance(row := self._rows[index], str)
            and board.tasks[row].state in (TaskState.RUNNING, TaskState.WAITING)
        )

    def show_marks(self, marked: Set[str]) -> None:
        """Show which steps are marked."""
        self._marked = marked
        self.refresh()

    @property
    def visible_running(self) -> list[str]:
        """The steps and items in sight of which an attempt runs; a fan-out has none of its own."""
        board = self._board
        if board is None or not self.is_on_screen:
            return []
        rows = (self._rows[index] for index in self.visible_rows)
        return [row for row in rows if isinstance(row, str) and holds_slot(board.tasks[row])]

    def show_last_lines(self, lines: Mapping[str, str]) -> None:
        """Set the last line of output of running steps."""
        before, self._last_lines = self._last_lines, lines
        self.refresh_rows(
            index
            for index in self.visible_rows
            if isinstance(row := self._rows[index], str) and before.get(row) != lines.get(row)
        )

    def set_filter(self, text: str) -> None:
        """Show only the steps that pass a filter; the cursor goes to the first if it must move."""
        self._filter = parse_filter(text)
        self._rebuild()
        if self.hides_selection:
            self.move_to(0)

    @property
    def matched(self) -> int:
        """How many steps pass the filter; None without a filter."""
        return len(self._rows)

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
        """The step under the cursor, None on a fold or an empty list."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        return row if isinstance(row, str) else None

    def select(self, task_id: str) -> None:
        """Select a step, unfolding what hides it."""
        if task_id == self.selected == self._at and self._row_of(task_id) is not None:
            return
        self._point_at(task_id)
        self._rebuild()

    def _point_at(self, task_id: str | None) -> None:
        self.selected = self._at = task_id
        self.chosen = None
        self._is_tucked = False

    def _row_of(self, row: Row | None) -> int | None:
        try:
            return None if row is None else self._rows.index(row)
        except ValueError:
            return None

    def _rebuild(self, changed: Collection[str] = ()) -> None:
        board = self._board
        if board is None:
            return
        if self._filter:
            rows: list[Row] = [*board.matching(self._filter, self._clock.now())]
            self.placeholder = "No step matches this filter\nesc clears it"
        else:
            shown = None if self._is_tucked else self.selected
            rows = step_rows(board, self._opened, shown if shown in board.tasks else None)
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

    def _changed_rows(self, before: Sequence[Row], changed: Collection[str]) -> Iterator[int]:
        """Yield the visible rows that have changed or no longer exist."""
        rows, top = self._rows, self.scroll_offset.y
        for at in range(top, top + self.scrollable_content_region.height):
            row = rows[at] if at < len(rows) else None
            was = before[at] if at < len(before) else None
            if row != was or not isinstance(row, str) or row in changed:
                yield at

    def steer_to(self, index: int) -> None:
        """Move the cursor to a row on behalf of the user, and report its step as selected."""
        super().steer_to(index)
        if self.cursor < len(self._rows):
            row = self._at = self._rows[self.cursor]
            if isinstance(row, str) and row != self.selected:
                self.chosen = row
                self.post_message(StepSelected(row, lambda: self.pointed))

    def action_toggle_fold(self) -> None:
        """Open or close the row under the cursor, or close what it is in."""
        board = self._board
        if not self._rows or board is None or self._filter:
            return
        row = self._rows[self.cursor]
        holder = holder_of(board, row, self._opened)
        if holder is None:
            return
        self._opened ^= {holder}
        self._is_tucked = holder != row and holder not in self._opened
        self._at = holder
        self._rebuild()

    def action_choose(self) -> None:
        """Inspect the step, or open or close what stands for several."""
        if self._rows and not isinstance(self._rows[self.cursor], str):
            self.action_toggle_fold()
        else:
            super().action_choose()

    def on_click(self, event: events.Click) -> None:
        """Open or close a row by a click on its arrow; everything else as in any list."""
        index = event.y + self.scroll_offset.y
        if event.chain == 1 and index < len(self._rows) and self._arrow(index) == event.x:
            event.prevent_default()
            self.steer_to(index)
            self.action_toggle_fold()

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def _arrow(self, index: int) -> int | None:
        """Return the column of a row's arrow; None without one."""
        board, row = self._board, self._rows[index]
        is_item_row = not isinstance(row, str) and row.parent is not None
        if board is None or self._filter or (isinstance(row, str) and row not in board.fan_outs):
            return None
        return ARROW_COLUMN + INDENT_CELLS * is_item_row

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return sign, name, reason (if there is room), state, attempts and time."""
        board, row = self._board, self._rows[index]
        if board is None:
            return ()
        columns = step_columns(width, self._name_width, waits=self._waits, retries=self._retries)
        is_open = row in self._opened
        if isinstance(row, Fold):
            return fold_spans(board, row, styles, is_open=is_open)
        if isinstance(row, Alike):
            return alike_spans(board, row, styles, is_open=is_open)
        look = StepLook(columns, styles, self._clock.now(), bool(self._filter), row in self._marked)
        if row in board.fan_outs and not self._filter:
            return look.fan_out(board, row, is_open=is_open)
        return look.step(board, row, self._last_lines.get(row, ""))
