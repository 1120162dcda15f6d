"""The tab that draws attempts over time, those of open sub-missions below the step of each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.widget import Widget

from core.domain.item_label import step_title
from core.domain.mission import EMPTY
from core.domain.records import Attempt, TaskRun
from core.domain.states import AttemptState, TaskState
from core.domain.tally import keeps_slot
from core.ports.clock import Clock
from tui.live.board import Board
from tui.live.messages import StepSelected
from tui.live.steps.step_path import SEPARATOR, joined, step_of
from tui.widgets.steps.drawn_tab import Canvas, statuses_of

if TYPE_CHECKING:
    from tui.live.steps.inner_missions import InnerMission
    from tui.widgets.gantt.gantt_row import AttemptSpan
    from tui.widgets.gantt.gantt_view import GanttView

_BAR_STATES = {
    TaskState.SUCCESS: AttemptState.SUCCESS,
    TaskState.FAILED: AttemptState.FAILED,
    TaskState.CANCELLED: AttemptState.CANCELLED,
}


class GanttCanvas(Canvas):
    """Attempts over time."""

    wants_attempts = True

    def __init__(self, tab: str, clock: Clock) -> None:
        from tui.widgets.gantt.gantt_view import GanttView

        self._gantt: GanttView = GanttView(now=clock.now)
        self._names: dict[str, str] = {}
        self._attempts: Sequence[Attempt] = ()
        self._attempts_drawn: set[tuple[str, int]] = set()
        self._opened: Mapping[str, InnerMission] = EMPTY
        self._unfolded: set[str] = set()
        """The fan-outs whose items all have rows."""
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
        self._gantt.set_states(statuses_of(board, board.tasks))
        self._has_drawn(board)

    def take_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Redraw all attempts."""
        self._attempts = attempts
        if self._drawn is not None:
            self._set_rows(self._drawn)
            super().select_step(self._told)

    def select_step(self, task_id: str | None) -> None:
        """Select the step that another view has selected; an item has a row while it is that."""
        before, self._told = self._told, task_id
        board = self._drawn
        if board is not None and any(self._is_folded_item(board, one) for one in (before, task_id)):
            self._set_rows(board)
        super().select_step(task_id)

    def on_gantt_view_folded(self, event: "GanttView.Folded") -> None:
        """Open or close the fan-out of a row."""
        event.stop()
        board, task_id = self._drawn, event.task_id
        task = None if board is None else board.tasks.get(task_id)
        if board is None or task is None:
            return
        parent = task_id if task_id in board.fan_outs else task.parent_task_id
        if parent is None or parent not in board.fan_outs:
            return
        self._unfolded ^= {parent}
        self._gantt.set_spans((), self._names)
        self._told = parent
        self._set_rows(board)
        super().select_step(parent)
        self.post_message(StepSelected(parent, lambda: self._told))

    def _is_folded_item(self, board: Board, task_id: str | None) -> bool:
        task = None if task_id is None else board.tasks.get(task_id)
        parent = None if task is None else task.parent_task_id
        return parent in board.fan_outs and parent not in self._unfolded

    def _has_row(self, board: Board, task: TaskRun) -> bool:
        """Tell whether a step or an item has a row: failed items also below a closed fan-out."""
        task_id = task.task_id
        if task_id in board.fan_outs or not self._is_folded_item(board, task_id):
            return True
        is_wanted = task_id == self._told or task_id in self._opened
        return is_wanted or task.state is TaskState.FAILED

    def _set_rows(self, board: Board) -> None:
        """Draw the attempts, those of a fan-out also as one row of it."""
        shown: list[Attempt] = []
        hidden: list[Attempt] = []
        of_fan_out: dict[str, list[Attempt]] = {}
        for attempt in self._attempts:
            task = board.tasks.get(attempt.task_id)
            if attempt.task_id in board.fan_outs:
                continue  # its row tells of its items
            if task is not None and task.parent_task_id in board.fan_outs:
                of_fan_out.setdefault(task.parent_task_id or "", []).append(attempt)
            is_shown = task is None or self._has_row(board, task)
            (shown if is_shown else hidden).append(attempt)
        drawn = {(one.task_id, one.attempt) for one in shown}
        if self._attempts_drawn - drawn:  # an earlier moment of the past, or other items
            self._gantt.set_spans((), self._names)
        self._attempts_drawn = drawn
        self._gantt.chart.parents = {
            one.task_id: parent for parent, found in of_fan_out.items() for one in found
        }
        spans = [fan_out_span(board, parent, found) for parent, found in of_fan_out.items()]
        for parent in of_fan_out:
            arrow = "▾" if parent in self._unfolded else "▸"
            total = sum(board.fan_outs[parent].counts.values())
            self._names[parent] = f"{arrow} {parent} ×{total:,}"
        for attempt in shown:
            if attempt.task_id not in self._names:
                indent = "  " if attempt.task_id in self._gantt.chart.parents else ""
                self._names[attempt.task_id] = indent + board.title(attempt.task_id)
            spans.append(attempt_span(board, attempt))
        inner = {
            joined(path, task_id): task
            for path, one in self._opened.items()
            for task_id, task in one.tasks.items()
        }
        self._gantt.update_spans(
            [*spans, *self._inner_spans(inner)],
            hidden=[attempt_span(board, attempt) for attempt in hidden],
        )
        self._gantt.set_states(statuses_of(board, board.tasks))

    def inner_changed(
        self, opened: "Mapping[str, InnerMission]", changed: Mapping[str, TaskRun] | None
    ) -> None:
        """Draw the steps of open sub-missions below the step that runs them."""
        self._opened = opened
        if self._drawn is None:
            return
        rows = self._gantt.chart.by_id
        is_later = all(
            task.worked_from or path not in rows for path, task in (changed or {}).items()
        )
        if changed is not None and is_later:
            self._gantt.update_spans(self._inner_spans(changed))
            return
        chosen = self._gantt.selection  # what has folded, or has not started at the moment shown
        self._gantt.set_spans((), self._names)
        self.take_attempts(self._attempts)
        if chosen is not None and chosen in self._gantt.chart.by_id:
            self._gantt.selection = chosen

    def _inner_spans(self, tasks: Mapping[str, TaskRun]) -> "list[AttemptSpan]":
        """Return a bar for each step within a sub-mission that has started, by its path."""
        from tui.widgets.gantt.gantt_row import AttemptSpan

        spans = []
        for path, task in tasks.items():
            if task.worked_from is None:
                continue
            within = step_of(path) in self._gantt.chart.parents
            self._names[path] = "  " * (path.count(SEPARATOR) + within) + step_title(task)
            spans.append(
                AttemptSpan(
                    path,
                    1,
                    _BAR_STATES.get(task.state, AttemptState.RUNNING),
                    task.worked_from,
                    task.worked_until,
                    holds_slot=False,  # of this run
                )
            )
        return spans


def attempt_span(board: Board, attempt: Attempt) -> "AttemptSpan":
    """Return the bar of one attempt."""
    from tui.widgets.gantt.gantt_row import AttemptSpan

    task = board.tasks.get(attempt.task_id)
    latest = task is not None and task.attempt == attempt.attempt
    ready = task.ready_at if task is not None and latest else None
    return AttemptSpan(
        attempt.task_id,
        attempt.attempt,
        attempt.state,
        attempt.started_at,
        attempt.ended_at,
        ready if ready is not None and ready <= attempt.started_at else None,
        keeps_slot(board.step(attempt.task_id)),
    )


def fan_out_span(board: Board, step_id: str, attempts: Sequence[Attempt]) -> "AttemptSpan":
    """Return the bar of a fan-out: from the first start of an item to the last end."""
    from tui.widgets.gantt.gantt_row import AttemptSpan

    state = _BAR_STATES.get(board.tasks[step_id].state, AttemptState.RUNNING)
    ends = [one.ended_at for one in attempts]
    has_ended = state is not AttemptState.RUNNING and None not in ends
    return AttemptSpan(
        step_id,
        1,
        state if has_ended else AttemptState.RUNNING,
        min(one.started_at for one in attempts),
        max((end for end in ends if end is not None), default=None) if has_ended else None,
        holds_slot=False,  # its items do
    )
