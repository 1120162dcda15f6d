"""The history of a mission, and of one of its steps: outcomes, durations, flakiness."""

from textual import work

from core.domain.item_label import step_title
from core.errors import MissionDeckError
from core.operations.history.past_runs import mission_outcomes, step_outcomes
from core.ports.reader import Reader
from tui.screens.report.report_screen import ReportScreen
from tui.words.report.history_text import history_lines
from tui.words.report.report_line import ReportLine
from tui.words.safe_text import clean_line


class HistoryScreen(ReportScreen):
    """How the runs of a mission ended; with a step, first how that did."""

    stem = "history"

    def __init__(
        self, mission_name: str, *, execution_id: str | None = None, task_id: str | None = None
    ) -> None:
        super().__init__()
        self._mission_name = mission_name
        self._execution_id = execution_id
        self._task_id = task_id

    @work(exclusive=True, group="report")
    async def read_report(self) -> None:
        """Read the runs and show them."""
        self.entitle("reading the history …")
        try:
            lines = await self.deck.lookup.read(self._lines)
        except MissionDeckError as error:
            self.show_banner(clean_line(str(error)))
            return
        self.show_report(lines)

    def _lines(self, reader: Reader) -> list[ReportLine]:
        now = self.deck.clock.now()
        lines = [ReportLine(f"history of {self._mission_name}"), ReportLine()]
        if self._execution_id is not None and self._task_id is not None:
            execution = reader.find_execution(self._execution_id)
            task = reader.task_run(self._execution_id, self._task_id)
            runs = step_outcomes(reader, execution, task)
            lines += [*history_lines(f"step {step_title(task)}", runs, now), ReportLine()]
        runs = mission_outcomes(reader, self._mission_name)
        return lines + history_lines(f"mission {self._mission_name}", runs, now)
