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
from tui.live.steps.step_path import SEPARATOR, joined
from tui.widgets.steps.drawn_tab import Canvas, statuses_of

if TYPE_CHECKING:
    from tui.live.steps.inner_missions import InnerMission
    from tui.widgets.gantt.gantt_row import AttemptSpan

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
        from tui.widgets.gantt.gantt_row import AttemptSpan

        board = self._drawn
        self._attempts = attempts
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
        inner = {
            joined(path, task_id): task
            for path, one in self._opened.items()
            for task_id, task in one.tasks.items()
        }
        self._gantt.update_spans([*spans, *self._inner_spans(inner)])
        self._gantt.set_states(statuses_of(board, board.tasks))
        self.select_step(self._told)

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
            self._names[path] = "  " * path.count(SEPARATOR) + step_title(task)
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
