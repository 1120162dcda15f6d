"""Compares an execution with another run of its mission, by default the last that succeeded."""

from contextlib import suppress
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from core.domain.mission import Mission
from core.domain.records import Execution
from core.errors import MissionDeckError, MissionInvalidError
from core.operations.history.comparison import Comparison, baseline_of, compare_executions
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from tui.keys.textual_bindings import bindings
from tui.live.execution_queries import read_mission
from tui.screens.report.report_screen import ReportScreen
from tui.words.report.comparison_text import comparison_lines
from tui.words.report.report_line import ReportLine
from tui.words.safe_text import clean_line

MAX_RUNS = 200
"""Among so many newest runs of the mission the one to compare with is chosen."""
NO_BASELINE = "no earlier run of this mission has succeeded; [ compares with the run before"


class ComparisonScreen(ReportScreen):
    """What differs between two executions; keys choose another one to compare with."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("comparison")
    stem = "comparison"

    def __init__(self, execution_id: str, base_id: str | None = None) -> None:
        super().__init__()
        self._execution_id = execution_id
        self._base_id = base_id

    @work(exclusive=True, group="report")
    async def read_report(self) -> None:
        """Read both executions and show what differs."""
        self.entitle("comparing …")
        try:
            found = await self.deck.lookup.read(self._compare)
        except MissionDeckError as error:
            self.show_banner(clean_line(str(error)))
            return
        if found is None:
            self.show_report([ReportLine("nothing to compare with"), ReportLine(NO_BASELINE)])
            return
        self._base_id = found.before.execution_id
        self.show_report(comparison_lines(found, self.deck.clock.now()))

    @work(exclusive=True, group="report")
    async def action_base(self, step: int) -> None:
        """Compare with an earlier (1) or a later (-1) run of the mission."""
        base = await self.deck.lookup.read(lambda reader: self._other_base(reader, step))
        if base is None:
            self.deck.show_notice("there is no other run that way")
        elif base != self._base_id:
            self._base_id = base
            self.read_report()

    def _compare(self, reader: Reader) -> Comparison | None:
        after = reader.find_execution(self._execution_id)
        if self._base_id is None:
            before = baseline_of(reader, after)
        else:
            before = reader.find_execution(self._base_id)
        if before is None:
            return None
        return compare_executions(reader, before, after, read_mission=self._read_mission)

    def _read_mission(self, reader: Reader, execution: Execution) -> Mission | None:
        with suppress(MissionInvalidError):
            return read_mission(reader, self.deck.backend, execution)
        return None

    def _other_base(self, reader: Reader, step: int) -> str | None:
        execution = reader.find_execution(self._execution_id)
        query = ExecutionQuery(
            mission_name=execution.mission_name, include_children=True, limit=MAX_RUNS
        )
        runs = [one.execution_id for one in reader.executions(query)]
        start = self._base_id or self._execution_id
        place = runs.index(start) + step if start in runs else 0
        if 0 <= place < len(runs) and runs[place] == self._execution_id:
            place += step
        return runs[place] if 0 <= place < len(runs) else None
