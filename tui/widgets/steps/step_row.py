"""Draws a row of the list of steps: a step, an item, a fan-out, or what stands for several."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from core.domain.item_label import item_label
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.state_word import counted, state_word
from core.domain.states import TaskState
from core.domain.tally import holds_slot
from core.explain.execution_facts import CAUSE_RESOLVED
from core.value.duration import duration_text
from core.value.terminal_text import width_of
from core.value.timestamp import SECOND_NS
from tui.live.board import Board
from tui.live.steps.breakpoints import breakpoint_text
from tui.live.steps.bucket import ENDED, Bucket, bucket_of
from tui.live.steps.step_rows import Alike, Fold, Row
from tui.live.steps.stopping import stopping_of
from tui.live.steps.usual_time import overdue_text
from tui.look.theme import ThemeStyles
from tui.widgets.base.line_view import Span
from tui.widgets.steps.step_columns import TIME_CELLS, TRIES_CELLS, StepColumns
from tui.words.cause import UNREMARKABLE, cause_of_task
from tui.words.numbers import elapsed, rough
from tui.words.safe_text import clean_line, fit, fit_right, shorten
from tui.words.state_bar import state_bar
from tui.words.state_counts import count_signs
from tui.words.state_glyphs import appearance_of, sign

INDENT_CELLS = 2
"""By how much an item is indented under its fan-out, and again under a row it is folded into."""
ARROW_COLUMN = 3
"""The column of the arrow of a row that opens: behind the cursor's mark, the sign and a blank."""
ARROW_CELLS = 2
"""The width of an arrow and the blank behind it."""
MIN_BAR_CELLS, MAX_BAR_CELLS = 6, 24
"""The width of the bar of a fan-out; below the least it is left out."""

_FOLD_WORDS = {
    Bucket.QUEUED: (TaskState.READY, "queued"),
    Bucket.PENDING: (TaskState.PENDING, "pending"),
    Bucket.DONE: (TaskState.SUCCESS, "done"),
    Bucket.SKIPPED: (TaskState.SKIPPED, "skipped"),
    Bucket.CANCELLED: (TaskState.CANCELLED, "cancelled"),
}


def row_spans(
    board: Board, row: Row, look: "StepLook", last_line: str, *, is_open: bool, opens: bool
) -> Iterable[Span]:
    """Return a row of a board: a step, or what stands for several.

    `last_line` is what a running step wrote last; `opens` says that its sub-mission opens below it.
    """
    if isinstance(row, Fold):
        return _fold_spans(board, row, look.styles, is_open=is_open)
    if isinstance(row, Alike):
        return _alike_spans(board, row, look.styles, is_open=is_open)
    if row in board.fan_outs and not look.is_flat:
        return look.fan_out(board, row, is_open=is_open)
    return replace(look, arrow=_arrow(is_open) if opens else "").step(board, row, last_line)


def row_indent(board: Board, row: Row) -> int:
    """Return by how many cells a row is indented among those of its board."""
    if isinstance(row, str):
        return _indent(board, board.tasks[row])
    return INDENT_CELLS * (row.parent is not None)


def _fold_spans(board: Board, row: Fold, styles: ThemeStyles, *, is_open: bool) -> Iterable[Span]:
    """Return the row of many steps or items in one bucket."""
    state, word = _FOLD_WORDS[row.bucket]
    if row.parent is None:
        text = counted(len(board.row_members(row.bucket)), "step")
    else:
        text = counted(board.fan_outs[row.parent].items.size_of(row.bucket), "item")
        yield " " * INDENT_CELLS, styles.text
    yield f"{appearance_of(state).sign} ", styles.state(state)
    yield f"{_arrow(is_open)} {text} {word}", styles.muted
    yield "  space", styles.faint


def _alike_spans(board: Board, row: Alike, styles: ThemeStyles, *, is_open: bool) -> Iterable[Span]:
    """Return the row of the failed items with the same error."""
    alike = board.fan_outs[row.parent].same_failures(row.key)
    if alike is None:  # it goes with the next change of the rows
        return
    style = styles.state(TaskState.FAILED)
    yield " " * INDENT_CELLS, styles.text
    yield f"{sign(TaskState.FAILED)} ", style
    yield f"{_arrow(is_open)} ", styles.muted
    yield f"×{len(alike.task_ids):,} ", style
    yield clean_line(alike.text), styles.text


@dataclass(frozen=True, slots=True)
class StepLook:
    """How steps are drawn at this moment: the columns, the styles and the time."""

    columns: StepColumns
    styles: ThemeStyles
    now: int
    is_flat: bool
    """Whether items are listed without their fan-out, as when filtered."""
    is_marked: bool = False
    arrow: str = ""
    """Of a step whose sub-mission opens below it: whether it is open."""

    def step(self, board: Board, task_id: str, last_line: str) -> Iterable[Span]:
        """Return the row of a step or an item."""
        task = board.tasks[task_id]
        columns, styles = self.columns, self.styles
        style = styles.state(task.state)
        indent = 0 if self.is_flat else _indent(board, task)
        name = clean_line(self._name(task))
        yield " " * indent, styles.text
        yield from self._sign(task)
        name_style = styles.muted if bucket_of(task) in ENDED else styles.text
        if self.arrow:
            yield f"{self.arrow} ", styles.muted
            indent += ARROW_CELLS
        cells = max(1, columns.name - indent)
        yield fit(shorten(name, cells), cells) + " ", name_style
        stopping = stopping_of(board, task, self.now)
        if stopping and columns.why:  # instead of state and time: the sign says that it still runs
            yield fit(stopping, columns.behind_name), styles.warn
            return
        if columns.why:
            yield from self._why(board, task, last_line)
        yield fit(self._state(task), columns.state), style
        yield from self._ending(board, task)

    def fan_out(self, board: Board, task_id: str, *, is_open: bool) -> Iterable[Span]:
        """Return the row of a fan-out: a bar by the states of its items, and their numbers."""
        task, counts = board.tasks[task_id], board.fan_outs[task_id].counts
        columns, styles = self.columns, self.styles
        total = f" ×{sum(counts.values()):,}"
        numbers = count_signs(counts)
        wide = sum(width_of(text) + 1 for _state, text in numbers)
        yield from self._sign(task)
        yield f"{_arrow(is_open)} ", styles.muted
        has_room = bool(columns.why)
        whole = columns.name + columns.why + 1 if has_room else columns.row - 2
        room = whole - wide - 1
        least = width_of(clean_line(task_id)) + len(total) + 2
        if columns.name + MIN_BAR_CELLS + 1 > room:  # the column gives way to the bar
            room = max(room - MIN_BAR_CELLS - 1, min(least, room))
        column = columns.name if has_room else room
        cells = max(len(total) + 4, min(column, room)) - 2
        name = shorten(clean_line(task_id), cells - len(total))
        yield name, styles.text
        yield fit(total, cells - width_of(name)) + " ", styles.muted
        left = whole - cells - 3
        bar = min(MAX_BAR_CELLS, left - wide - 1)
        if bar >= MIN_BAR_CELLS:
            for state, text in state_bar(counts, bar):
                yield text, styles.state(state)
            yield " ", styles.text
            left -= bar + 1
        for state, text in numbers:
            yield f"{text} ", styles.state(state)
        if has_room:
            yield " " * (left - wide + 1), styles.text
            yield fit(self._state(task), columns.state), styles.state(task.state)
            yield from self._ending(board, task)

    def _sign(self, task: TaskRun) -> Iterable[Span]:
        """Return the sign of the state, and whether the step is marked."""
        yield sign(task.state), self.styles.state(task.state)
        yield "●" if self.is_marked else " ", self.styles.accent

    def _name(self, task: TaskRun) -> str:
        parent = task.parent_task_id
        if parent is None:
            return task.task_id
        name = task.task_id if self.is_flat else task.task_id.removeprefix(parent)
        return f"{name} {item_label(task.item)}"

    def _state(self, task: TaskRun) -> str:
        if task.state is TaskState.WAITING and task.resume_at is not None:
            left = (task.resume_at - self.now) / SECOND_NS
            return f"retry in {rough(left)}" if left >= 0.5 else "retry due"
        if task.reason_code is Reason.REUSED:
            return "reused"
        return state_word(task.state, task.reason_code)

    def _ending(self, board: Board, task: TaskRun) -> Iterable[Span]:
        """Return the columns at the end: attempts and time."""
        columns, styles = self.columns, self.styles
        most = max(task.attempt, board.max_attempts(task.task_id))
        tries = f"{task.attempt}/{most}" if most > 1 and task.attempt else ""
        spent = elapsed(task.worked_from, task.worked_until, self.now, task.worked_us)
        time = "" if spent is None else duration_text(spent)
        if columns.tries:
            yield fit_right(tries, TRIES_CELLS - 1) + " ", styles.muted
        if columns.time:
            yield fit_right(time, TIME_CELLS - 1) + " ", styles.muted

    def _why(self, board: Board, task: TaskRun, last_line: str) -> Iterable[Span]:
        """Return why it is in its state; of a running step, what it last wrote."""
        cells, styles = self.columns.why, self.styles
        late = overdue_text(board, task, self.now)
        if late:
            late = fit(late, min(width_of(late), cells)) + " "
            yield late, styles.warn
            cells -= width_of(late)
        said = clean_line(last_line) if holds_slot(task) else ""
        text = said or clean_line(_reason(board, task))
        if cells >= 0:
            yield fit(text, cells) + " ", styles.muted


def _reason(board: Board, task: TaskRun) -> str:
    if board.is_outdated(task.task_id):
        return CAUSE_RESOLVED
    if told := breakpoint_text(board, task):
        return told
    is_reused = task.reason_code is Reason.REUSED  # of which run is in the title
    if not is_reused and (sentence := cause_of_task(task).sentence):
        return sentence
    if (
        task.state in (TaskState.PENDING, TaskState.SUCCESS, TaskState.RUNNING)
        or task.reason_code.value in UNREMARKABLE
    ):
        step = board.steps.get(task.task_id)
        return "" if step is None or step.name == task.task_id else step.name
    return task.reason_code.value


def _indent(board: Board, task: TaskRun) -> int:
    fan_out = board.fan_outs.get(task.parent_task_id or "")
    if fan_out is None:
        return 0
    alike = fan_out.failures_of(board.positions[task.task_id])
    is_folded = alike is not None and alike.is_one_row
    return INDENT_CELLS * (2 if is_folded else 1)


def _arrow(is_open: bool) -> str:
    return "▾" if is_open else "▸"
