"""Compares an execution with another run of its mission, by default the last that succeeded."""

from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

from textual.binding import BindingType

from core.domain.mission import Mission
from core.domain.records import Execution
from core.domain.states import is_terminal
from core.errors import MissionDeckError, MissionInvalidError
from core.operations.history.comparison import Comparison, baseline_of, compare_executions
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from tui.keys.textual_bindings import bindings
from tui.live.coalescing_worker import CoalescingWorker
from tui.live.execution_queries import read_mission
from tui.look.styled_report import styled_report
from tui.screens.report.report_screen import Report, ReportScreen
from tui.widgets.base.text_view import TextView
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
    reading = "comparing …"

    def __init__(self, execution_id: str, base_id: str | None = None) -> None:
        self._text = TextView(id="text")
        super().__init__(self._text)
        self._execution_id = execution_id
        self._base_id = base_id
        self._moves: list[int] = []
        """The ways to other runs that were asked for and not gone yet."""
        self._mover = CoalescingWorker(self._move, self.run_worker)

    def read(self, reader: Reader) -> Report:
        """Read both executions; what differs may change until both have ended."""
        found = self._compare(reader)
        if found is None:
            lines = [ReportLine("nothing to compare with"), ReportLine(NO_BASELINE)]
            return Report(lines, may_change=False)
        self._base_id = found.before.execution_id
        is_over = all(is_terminal(one.state) for one in (found.before, found.after))
        return Report(comparison_lines(found, self.deck.clock.now()), may_change=not is_over)

    def show(self, lines: Sequence[ReportLine], *, keep_place: bool) -> None:
        """Show the lines, from the top unless they are those of before, read anew."""
        self._text.set_lines(styled_report(lines), keep_place=keep_place)

    def action_base(self, step: int) -> None:
        """Compare with an earlier (1) or a later (-1) run of the mission."""
        self._moves.append(step)
        self._mover.request()

    async def _move(self) -> None:
        moves, self._moves = self._moves, []
        try:
            base = await self.deck.lookup.read(lambda reader: self._other_base(reader, moves))
        except MissionDeckError as error:
            self.deck.show_problem(clean_line(str(error)))
            return
        if base is None:
            self.deck.show_notice("there is no other run that way")
        elif base != self._base_id:
            self._base_id = base
            self.read_again()

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

    def _other_base(self, reader: Reader, moves: Sequence[int]) -> str | None:
        """Return the run that these moves lead to; None if there is none that way."""
        execution = reader.find_execution(self._execution_id)
        query = ExecutionQuery(
            mission_name=execution.mission_name, include_children=True, limit=MAX_RUNS
        )
        runs = [one.execution_id for one in reader.executions(query)]
        start, found = self._base_id or self._execution_id, None
        for step in moves:
            place = runs.index(start) + step if start in runs else 0
            if 0 <= place < len(runs) and runs[place] == self._execution_id:
                place += step
            if 0 <= place < len(runs):
                found = start = runs[place]
        return found
