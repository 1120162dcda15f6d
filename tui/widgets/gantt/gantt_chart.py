"""The rows of a Gantt chart by start, and the visible window of time. Knows no widget."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.domain.states import TaskState
from core.value.terminal_text import width_of
from tui.layout.timeline import Window, coverage, window_of
from tui.live.node_status import NodeStatus, as_status
from tui.live.steps.step_path import parent_of
from tui.widgets.gantt.gantt_row import AttemptSpan, GanttRow
from tui.words.safe_text import clean_line

_MIN_NAME_CELLS, _MAX_NAME_CELLS = 8, 30


@dataclass(frozen=True, slots=True)
class Frame:
    """The values that all lines of one repaint share; `busy` has the average load of each cell."""

    window: Window
    now: int
    busy: list[float]
    is_live: bool


class Chart:
    """All attempts, and the zoom and shift of the window."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.rows: list[GanttRow] = []
        self.by_id: dict[str, GanttRow] = {}
        self.names: Mapping[str, str] = {}
        self.parents: Mapping[str, str] = {}
        """The fan-out of each item, below whose row that of the item stands."""
        self.hidden: Sequence[AttemptSpan] = ()
        """Attempts without a row, which count as load all the same."""
        self.slots: int | None = None
        self.zoom = 0
        self.shift = 1.0
        self.name_width = _MIN_NAME_CELLS
        self._statuses: dict[str, NodeStatus] = {}

    def clear(self) -> None:
        """Remove all rows."""
        self.rows, self.by_id, self._statuses = [], {}, {}
        self.name_width = _MIN_NAME_CELLS

    def take(self, spans: Iterable[AttemptSpan]) -> bool:
        """Add or replace attempts; tell whether there are new rows."""
        before = len(self.rows)
        for span in spans:
            row = self.by_id.get(span.task_id)
            if row is None:
                title = (self.names.get(span.task_id) or span.task_id)[:200]
                depth = len(title) - len(title.lstrip(" "))
                name = " " * depth + clean_line(title[depth:])
                row = GanttRow(span.task_id, name, [span], number=len(self.rows))
                row.status = self._statuses.get(span.task_id, row.status)
                self.by_id[span.task_id] = row
                self.rows.append(row)
                self.name_width = max(self.name_width, min(_MAX_NAME_CELLS, width_of(name)))
            else:
                row.spans = [s for s in row.spans if s.attempt != span.attempt]
                row.spans.append(span)
                row.spans.sort(key=lambda s: s.attempt)
        if len(self.rows) != before:
            self.rows.sort(key=self._order)
        return len(self.rows) != before

    def _order(self, row: GanttRow) -> list[int]:
        """Sort by start, items behind their fan-out, a sub-mission behind the step that runs it."""
        order = []
        path = row.task_id
        while path:
            above = self.by_id.get(path)
            order += [0, 0] if above is None else [above.number, above.begins]
            path = self.parents.get(path) or parent_of(path)
        return order[::-1]

    def take_states(self, changes: Mapping[str, TaskState | NodeStatus]) -> list[str]:
        """Apply newer states; return the affected steps that have rows."""
        found = []
        for step_id, value in changes.items():
            status = self._statuses[step_id] = as_status(value)
            if step_id in self.by_id:
                self.by_id[step_id].status = status
                found.append(step_id)
        return found

    def reveal(self, row: GanttRow, frame: Frame) -> bool:
        """Move the window to show a row; tell whether it moved."""
        if not self.zoom or frame.window.holds(row.begins, row.ends(frame.now)):
            return False
        first, shown = frame.window.zero, frame.window.end - frame.window.start
        hidden = max(1, (shown << self.zoom) - shown)
        self.shift = max(0.0, min(1.0, (row.begins - shown // 10 - first) / hidden))
        return True

    def is_live(self) -> bool:
        """Tell whether an attempt is open or a step waits for its next one."""
        return any(
            row.spans[-1].ended_at is None or row.status.state is TaskState.WAITING
            for row in self.rows
        )

    def frame(self, width: int) -> Frame:
        """Compute the values that all lines of one repaint share. Linear in the attempts."""
        spans = [span for row in self.rows for span in row.spans]
        is_live = self.is_live()
        now = self._now() if is_live else max((s.ended_at or 0 for s in spans), default=0)
        first = min((row.begins for row in self.rows), default=0)
        window = window_of(first, max(now, first + 1), width, self.zoom, self.shift)
        times = (
            (span.started_at, now if span.ended_at is None else span.ended_at)
            for span in (*spans, *self.hidden)
            if span.holds_slot
        )
        return Frame(window, now, coverage(times, window), is_live)
