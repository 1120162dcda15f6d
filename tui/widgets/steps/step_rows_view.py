"""The rows of a list of steps: which there are, their columns, and how each is drawn.

Which rows there are is decided by `tui.live.steps.step_rows` and `inner_rows`; `step_row` and
`inner_step_row` draw them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set

from core.domain.item_label import step_title
from core.domain.records import TaskRun
from core.domain.states import TaskState
from core.domain.tally import holds_slot
from core.ports.clock import Clock
from tui.live.board import Board
from tui.live.steps.inner_missions import may_open
from tui.live.steps.inner_rows import Inside, ListRow, path_of, with_inner
from tui.live.steps.step_rows import Row, step_rows
from tui.look.theme import ThemeStyles
from tui.search.step_filter import Filter, parse_filter
from tui.widgets.base.line_view import LineView, Span
from tui.widgets.steps.inner_step_row import InnerSteps
from tui.widgets.steps.step_columns import step_columns
from tui.widgets.steps.step_row import ARROW_COLUMN, StepLook, row_indent, row_spans


class StepRows(LineView):
    """Base of the list of steps: everything but selecting, opening and filtering."""

    def __init__(self, clock: Clock, *, id: str | None = None, opens: bool = False) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._opens = opens
        self._board: Board | None = None
        self._inner = InnerSteps()
        self._rows: list[ListRow] = []
        self._opened: set[ListRow] = set()
        self._filter: Filter = parse_filter("")
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
        widths = (len(step_title(task)) for task in board.tasks.values())
        self._name_width = max(max(widths, default=0), self._inner.name_width(board))
        self._waits = self._retries = any(board.max_attempts(one) > 1 for one in board.steps)
        self._note(board.tasks)

    def _note(self, task_ids: Iterable[str]) -> None:
        """Note what steps have come to need; a column that was needed once stays."""
        tasks = {} if self._board is None else self._board.tasks
        self._note_tasks(tasks[one] for one in task_ids if one in tasks)

    def _note_tasks(self, tasks: Iterable[TaskRun]) -> None:
        for task in tasks:
            self._waits = self._waits or task.state is TaskState.WAITING
            self._retries = self._retries or task.attempt > 1

    @property
    def _needs(self) -> tuple[bool, bool]:
        return self._waits, self._retries

    def tick(self) -> None:
        """Repaint the visible rows with a running time."""
        board = self._board
        if board is None:
            return
        self.refresh_rows(
            index
            for index in self.visible_rows
            if (task := self._task_of(self._rows[index])) is not None
            and task.state in (TaskState.RUNNING, TaskState.WAITING)
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

    @property
    def matched(self) -> int:
        """How many steps pass the filter; None without a filter."""
        return len(self._rows)

    def _row_of(self, row: ListRow | None) -> int | None:
        try:
            return None if row is None else self._rows.index(row)
        except ValueError:
            return None

    def _rows_now(self, board: Board, shown: str | None, at: ListRow | None) -> list[ListRow]:
        """Return the rows of a board; those of `shown` and `at` are not folded away."""
        if self._filter:
            return [*board.matching(self._filter, self._clock.now())]
        opened, inner = self._opened, self._inner
        rows = step_rows(board, self._run_opened, shown)
        if not inner.opened:
            return [*rows]
        return [*with_inner(rows, inner.opened, inner.boards, opened, at)]

    @property
    def _run_opened(self) -> set[Row]:
        """The rows that were opened, without those within sub-missions."""
        return {row for row in self._opened if not isinstance(row, Inside)}

    def _changed_rows(self, before: Sequence[ListRow], changed: Collection[str]) -> Iterator[int]:
        """Yield the visible rows that have changed or no longer exist."""
        rows, top = self._rows, self.scroll_offset.y
        for at in range(top, top + self.scrollable_content_region.height):
            row = rows[at] if at < len(rows) else None
            was = before[at] if at < len(before) else None
            if row != was or not isinstance(row, str) or row in changed:
                yield at

    def _task_of(self, row: ListRow) -> TaskRun | None:
        if isinstance(row, Inside):
            return self._inner.task_of(row)
        return self._board.tasks[row] if self._board and isinstance(row, str) else None

    def _opens_mission(self, row: ListRow | None) -> bool:
        """Tell whether the step of a row has a sub-mission, which opens below it."""
        if not self._opens or self._filter or self._board is None:
            return False
        if isinstance(row, Inside):
            return may_open(*self._inner.step_of(row))
        return isinstance(row, str) and may_open(self._board.step(row), self._board.tasks[row])

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def _arrow(self, index: int) -> int | None:
        """Return the column of a row's arrow; None without one."""
        board, row, indent = self._board, self._rows[index], 0
        if board is None or self._filter:
            return None
        opens, within = self._opens_mission(row), board
        if isinstance(row, Inside):
            inner, shown = self._inner.boards.get(row.path), row.row
            if inner is None or shown is None:
                return None
            indent, within = self._inner.indent(board, row.path), inner
        else:
            shown = row
        if isinstance(shown, str) and shown not in within.fan_outs and not opens:
            return None
        return ARROW_COLUMN + indent + row_indent(within, shown)

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return sign, name, reason (if there is room), state, attempts and time."""
        board, row = self._board, self._rows[index]
        if board is None:
            return ()
        columns = step_columns(width, self._name_width, waits=self._waits, retries=self._retries)
        is_marked, is_open = row in self._marked, row in self._opened
        look = StepLook(columns, styles, self._clock.now(), bool(self._filter), is_marked)
        if opens := self._opens_mission(row):
            is_open = path_of(row) in self._inner.opened
        if isinstance(row, Inside):
            return self._inner.spans(board, row, look, is_open=is_open, opens=opens)
        last_line = self._last_lines.get(row, "") if isinstance(row, str) else ""
        return row_spans(board, row, look, last_line, is_open=is_open, opens=opens)
