"""The missions that were found and the executions that are known, as lists."""

from collections.abc import Iterable, Mapping, Sequence

from core.duration import duration_text
from core.model import Execution
from core.ports import Clock
from core.state_word import counted
from core.states import ExecutionState, is_terminal
from core.tally import tally_of_execution
from tui.backend import MissionFile
from tui.counts import count_signs
from tui.format import SECOND, ago, bar, elapsed, percent
from tui.glyph import look, sign
from tui.text import clean_line, fit, fit_right, width_of
from tui.theme import Inks
from tui.widgets.line_view import LineView, Span


class _Ages:
    """Says when "3m ago" is to be written anew: with the first news of each second."""

    def __init__(self) -> None:
        self._second = 0

    def are_due(self, now: int) -> bool:
        """Tell whether this is the first call within a second."""
        before, self._second = self._second, now // SECOND
        return before != self._second


class MissionList(LineView):
    """Mission files with validity, size, last outcome."""

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._missions: list[MissionFile] = []
        self._last: dict[str, Execution] = {}
        self._ages = _Ages()

    def show(self, missions: Sequence[MissionFile]) -> None:
        """Show other missions, the cursor on the same file where it is still there."""
        before = self.current
        self._missions = list(missions)
        if before is not None:
            paths = [mission.path for mission in self._missions]
            if before.path in paths:
                self.cursor = paths.index(before.path)
        self.rows_changed()

    def learn(self, executions: Sequence[Execution]) -> None:
        """Take in executions, newest first, for the last outcome of each mission."""
        before = self._last
        self._last = {execution.mission_name: execution for execution in reversed(executions)}
        if self._ages.are_due(self._clock.now()):
            self.refresh()
            return
        names = {index: self._missions[index].name for index in self.visible_rows}
        self.refresh_rows(i for i, n in names.items() if before.get(n) != self._last.get(n))

    @property
    def current(self) -> MissionFile | None:
        """The mission under the cursor."""
        return self._missions[self.cursor] if self.cursor < len(self._missions) else None

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._missions)

    def row(self, index: int, width: int, inks: Inks) -> Iterable[Span]:
        """Return validity, name, size and last outcome."""
        mission = self._missions[index]
        last = self._last.get(mission.name)
        tail = 24 if width >= 44 else 12
        if mission.valid:
            yield "● ", inks.good
            yield fit(clean_line(mission.name), max(6, width - 2 - tail)) + " ", inks.text
            yield fit_right(counted(mission.steps, "step"), 11), inks.muted
        else:
            errors = sum(finding.severity == "error" for finding in mission.findings)
            yield "✗ ", inks.bad
            yield fit(clean_line(mission.name), max(6, width - 2 - tail)) + " ", inks.muted
            yield fit_right(f"invalid {errors or ''}".strip(), 11), inks.bad
        if tail == 24 and last is not None:
            yield f"  {sign(last.state)} ", inks.state(last.state)
            yield fit(ago(last.ended_at or last.updated_at, self._clock.now()), 8), inks.muted


class ExecutionList(LineView):
    """Executions, newest first, with progress while they run."""

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._executions: list[Execution] = []
        self._short: Mapping[str, str] = {}
        self._ages = _Ages()

    def show(self, executions: Sequence[Execution], short_ids: Mapping[str, str]) -> None:
        """Show other executions; the cursor stays on the one it is on."""
        before, shown = self.current, self._executions
        same_ids = short_ids == self._short
        self._executions = list(executions)
        self._short = short_ids
        at = 0
        if before is not None and self.cursor > 0:
            ids = [execution.execution_id for execution in self._executions]
            at = ids.index(before.execution_id) if before.execution_id in ids else 0
        quiet = same_ids and len(shown) == len(self._executions)
        if quiet and not self._ages.are_due(self._clock.now()):
            self.refresh_rows(i for i in self.visible_rows if shown[i] != self._executions[i])
        else:
            self.rows_changed()
        self.cursor = at

    def tick(self) -> None:
        """Repaint the visible rows whose time goes on."""
        self.refresh_rows(
            index for index in self.visible_rows if not is_terminal(self._executions[index].state)
        )

    @property
    def current(self) -> Execution | None:
        """The execution under the cursor."""
        found = self._executions
        return found[self.cursor] if self.cursor < len(found) else None

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._executions)

    def row(self, index: int, width: int, inks: Inks) -> Iterable[Span]:
        """Return state, id, mission, progress, time, who and when."""
        execution = self._executions[index]
        now = self._clock.now()
        style = inks.state(execution.state)
        short = self._short.get(execution.execution_id, execution.execution_id[:8])
        spent = elapsed(execution.started_at, execution.ended_at, now)
        live = not is_terminal(execution.state)
        aged, middle, named, wide = width >= 46, width >= 56, width >= 70, width >= 90
        fixed = 24 + 8 * aged + 17 * middle + 10 * named + 10 * wide
        name_width = max(8, width - fixed)
        yield f"{sign(execution.state)} ", style
        yield fit(clean_line(execution.mission_name), name_width) + " ", inks.text
        yield fit(look(execution.state).word, 10), style
        if middle:
            yield from self._progress(execution, live, inks)
        yield fit_right("" if spent is None else duration_text(spent), 8) + "  ", inks.text
        if named:
            yield fit(clean_line(short), 9) + " ", inks.muted
        if wide:
            yield fit(clean_line(execution.actor), 9) + " ", inks.muted
        if aged:
            yield fit_right(ago(execution.created_at, now), 8), inks.muted

    def _progress(self, execution: Execution, live: bool, inks: Inks) -> Iterable[Span]:
        tally = tally_of_execution(execution)
        if live and execution.state is not ExecutionState.PENDING:
            share = tally.share_done
            filled, rest = bar(share, 11)
            yield filled, inks.state(execution.state)
            yield rest, inks.faint
            yield fit_right(percent(share), 5) + " ", inks.text
            return
        left = 17
        for state, text in count_signs(tally.steps):
            if width_of(text) < left:
                yield f"{text} ", inks.state(state)
                left -= width_of(text) + 1
        yield " " * left, inks.muted
