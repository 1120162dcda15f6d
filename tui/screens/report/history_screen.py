"""The history of a mission, and of one of its steps: outcomes, durations, flakiness."""

from collections.abc import Sequence

from core.domain.item_label import step_title
from core.operations.history.past_runs import mission_outcomes, step_outcomes
from core.ports.reader import Reader
from tui.screens.report.report_screen import Report, ReportScreen
from tui.widgets.base.line_view import LineView
from tui.widgets.base.report_list import ReportList
from tui.words.report.history_text import history_lines
from tui.words.report.report_line import ReportLine


class HistoryScreen(ReportScreen):
    """How the runs of a mission ended; with a step, first how that did. Enter opens a run."""

    stem = "history"
    reading = "reading the history …"

    def __init__(
        self, mission_name: str, *, execution_id: str | None = None, task_id: str | None = None
    ) -> None:
        self._list = ReportList(id="history")
        super().__init__(self._list)
        self._mission_name = mission_name
        self._execution_id = execution_id
        self._task_id = task_id

    def read(self, reader: Reader) -> Report:
        """Read the runs; there may always be a new one."""
        now = self.deck.clock.now()
        lines = [ReportLine(f"history of {self._mission_name}"), ReportLine()]
        if self._execution_id is not None and self._task_id is not None:
            execution = reader.find_execution(self._execution_id)
            task = reader.task_run(self._execution_id, self._task_id)
            runs = step_outcomes(reader, execution, task)
            lines += [*history_lines(f"step {step_title(task)}", runs, now), ReportLine()]
        runs = mission_outcomes(reader, self._mission_name)
        lines += history_lines(f"mission {self._mission_name}", runs, now)
        return Report(lines, may_change=True)

    def show(self, lines: Sequence[ReportLine], *, keep_place: bool) -> None:  # noqa: ARG002 - the cursor stays anyway
        """Show the lines; the cursor stays on its run."""
        self._list.set_lines(lines)

    def on_line_view_chosen(self, _event: LineView.Chosen) -> None:
        """Open the run under the cursor, at the step that the history is about."""
        place = self._list.current
        if place is not None:
            self.deck.open_above(place.execution_id, focus_step=place.task_id)
