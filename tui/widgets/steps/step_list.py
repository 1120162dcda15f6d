"""The steps of an execution by urgency; ended steps are folded into one row per state."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import ClassVar

from textual.binding import BindingType

from core.domain.item_label import step_title
from core.domain.reasons import Reason
from core.domain.state_word import counted, state_word
from core.domain.states import TaskState
from core.explain.execution_facts import CAUSE_RESOLVED
from core.ports.clock import Clock
from core.value.duration import duration_text
from core.value.timestamp import SECOND_NS
from tui.keys.textual_bindings import bindings
from tui.live.board import FOLDED, Board, Bucket, bucket_of
from tui.live.messages import StepSelected
from tui.look.theme import ThemeStyles
from tui.search.step_filter import Filter, parse_filter
from tui.widgets.base.line_view import LineView, Span
from tui.widgets.steps.step_columns import STATE_CELLS, TIME_CELLS, TRIES_CELLS, step_columns
from tui.words.cause import cause_of_task
from tui.words.numbers import elapsed, rough
from tui.words.safe_text import clean_line, fit, fit_right, shorten
from tui.words.state_glyphs import appearance_of, sign

MAX_UNFOLDED_STEPS = 200
"""Up to this many steps, a state that all steps are in is not folded."""

_FOLD_WORDS = {Bucket.DONE: "done", Bucket.SKIPPED: "skipped", Bucket.CANCELLED: "cancelled"}
_FOLD_STATES = {
    Bucket.DONE: TaskState.SUCCESS,
    Bucket.SKIPPED: TaskState.SKIPPED,
    Bucket.CANCELLED: TaskState.CANCELLED,
}


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
        self._rows: list[str | Bucket] = []
        self._open: set[Bucket] = set()
        self._filter: Filter = parse_filter("")
        self.selected: str | None = None
        self._at: str | Bucket | None = None
        """What the cursor is on: the selection, or the fold a person went to."""
        self.chosen: str | None = None
        """What a person chose and the screen has not taken yet."""
        self._is_tucked = False
        """Whether a person folded away what holds the selection."""
        self._name_width = 20
        self._measured = 0
        """Of how many task runs the names were measured."""

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

    def _measure(self) -> None:
        """Measure the longest name."""
        tasks = self._board.tasks if self._board is not None else {}
        self._measured = len(tasks)
        self._name_width = max((len(step_title(task)) for task in tasks.values()), default=0)

    def board_changed(
        self, changed: Iterable[str], *, moved: bool, selected: str | None = None
    ) -> None:
        """Take note of newer task runs; `moved` when some belong elsewhere now.

        `selected` takes the selection along at once, so that the list does not first follow a step
        that has ended to where that is now.
        """
        wanted = set(changed)
        if self._board is not None and len(self._board.tasks) != self._measured:
            self._measure()  # a step has fanned out
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

    def _row_of(self, row: str | Bucket | None) -> int | None:
        try:
            return None if row is None else self._rows.index(row)
        except ValueError:
            return None

    def _rebuild(self, changed: Collection[str] = ()) -> None:
        board = self._board
        if board is None:
            return
        rows: list[str | Bucket] = []
        if self._filter:
            rows.extend(board.matching(self._filter, self._clock.now()))
            self.placeholder = "No step matches this filter\nesc clears it"
        else:
            for bucket in Bucket:
                size = board.size_of(bucket)
                if not size:
                    continue
                if (
                    bucket not in FOLDED
                    or size == 1
                    or size == len(board.order) <= MAX_UNFOLDED_STEPS
                ):
                    rows.extend(board.members(bucket))
                elif bucket in self._open:
                    rows.append(bucket)
                    rows.extend(board.members(bucket))
                else:
                    rows.append(bucket)
                    selected = None if self._is_tucked else self.selected
                    if selected is not None and board.bucket(selected) is bucket:
                        rows.append(selected)
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

    def _changed_rows(
        self, before: Sequence[str | Bucket], changed: Collection[str]
    ) -> Iterator[int]:
        """Yield the visible rows that have changed or no longer exist."""
        rows, top = self._rows, self.scroll_offset.y
        for at in range(top, top + self.scrollable_content_region.height):
            row = rows[at] if at < len(rows) else None
            was = before[at] if at < len(before) else None
            if row != was or isinstance(row, Bucket) or row in changed:
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
        """Fold or unfold the ended steps of the row under the cursor."""
        if not self._rows or self._board is None:
            return
        row = self._rows[self.cursor]
        bucket = row if isinstance(row, Bucket) else bucket_of(self._board.tasks[row])
        if bucket in FOLDED:
            self._open ^= {bucket}
            self._is_tucked = not isinstance(row, Bucket) and bucket not in self._open
            self._at = bucket
            self._rebuild()

    def action_choose(self) -> None:
        """Open the step, or unfold the steps of the row."""
        if self._rows and isinstance(self._rows[self.cursor], Bucket):
            self.action_toggle_fold()
        else:
            super().action_choose()

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return sign, id, reason (if there is room), state, attempts and time."""
        board, row = self._board, self._rows[index]
        if board is None:
            return
        if isinstance(row, Bucket):
            yield from self._fold_row(row, board, styles)
            return
        task = board.tasks[row]
        style = styles.state(task.state)
        limit = board.max_attempts(row)
        now = self._clock.now()
        state = state_word(task.state, task.reason_code)
        most = max(task.attempt, limit)
        tries = f"{task.attempt}/{most}" if most > 1 and task.attempt else ""
        spent = elapsed(task.worked_from, task.worked_until, now, task.worked_us)
        time = "" if spent is None else duration_text(spent)
        if task.state is TaskState.WAITING and task.resume_at is not None:
            left = (task.resume_at - now) / SECOND_NS
            state = f"retry in {rough(left)}" if left >= 0.5 else "retry due"
        elif task.reason_code is Reason.REUSED:
            state = "reused"
        columns = step_columns(width, self._name_width)
        name = shorten(clean_line(step_title(task)), columns.name)
        ended = bucket_of(task) in FOLDED
        yield f"{sign(task.state)} ", style
        yield fit(name, columns.name) + " ", styles.muted if ended else styles.text
        if columns.why:
            yield fit(clean_line(self._why(board, row)), columns.why) + " ", styles.muted
        yield fit(state, STATE_CELLS), style
        if columns.tries:
            yield fit_right(tries, TRIES_CELLS - 1) + " ", styles.muted
        if columns.time:
            yield fit_right(time, TIME_CELLS - 1) + " ", styles.muted

    def _why(self, board: Board, task_id: str) -> str:
        task = board.tasks[task_id]
        if board.is_outdated(task_id):
            return CAUSE_RESOLVED
        if sentence := cause_of_task(task).sentence:
            return sentence
        if task.state in (TaskState.PENDING, TaskState.SUCCESS, TaskState.RUNNING):
            step = board.steps.get(task_id)
            return "" if step is None or step.name == task_id else step.name
        return task.reason_code.value

    def _fold_row(self, bucket: Bucket, board: Board, styles: ThemeStyles) -> Iterable[Span]:
        state = _FOLD_STATES[bucket]
        yield f"{appearance_of(state).sign} ", styles.state(state)
        arrow = "▾" if bucket in self._open else "▸"
        text = f"{arrow} {counted(board.size_of(bucket), 'step')} {_FOLD_WORDS[bucket]}"
        yield text, styles.muted
        yield "  space", styles.faint
