"""The list of missions, grouped by where they were found, with their last outcomes."""

from collections.abc import Iterable, Mapping, Sequence

from core.domain.records import Execution
from core.domain.state_word import counted
from core.ports.clock import Clock
from core.ports.reader import RunOutcome
from core.value.terminal_text import width_of
from tui.lines.outcome_strip import outcome_strip
from tui.live.backend import MissionFile
from tui.look.theme import ThemeStyles
from tui.widgets.base.age_tracker import AgeTracker
from tui.widgets.base.headed_list import HeadedList
from tui.widgets.base.line_view import Span
from tui.words.numbers import when
from tui.words.safe_text import clean_line, fit, fit_right

MAX_NAME_CELLS, AGE_CELLS, STEPS_CELLS = 32, 8, 11
SIGN_CELLS = 3
MIN_TAIL_CELLS = 20
"""How many cells beside the name are kept for what is said of a mission."""
MIN_STRIP_CELLS = 20
"""With less room for the outcomes, the number of steps is left out."""


class MissionList(HeadedList):
    """Mission files with validity, size and last outcomes. Each group has a heading."""

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._rows: list[MissionFile | str] = []
        self._last: Mapping[str, Execution] = {}
        self._outcomes: Mapping[str, Sequence[RunOutcome]] = {}
        self._ages = AgeTracker()
        self._widths = (0, 0)
        """The widths of name and age, by their content."""

    def show(self, missions: Sequence[MissionFile]) -> None:
        """Replace the missions; the cursor stays on its file if that still exists."""
        before = self.current
        rows: list[MissionFile | str] = []
        group = ""
        for mission in missions:
            if mission.group != group:
                group = mission.group
                rows.append(group)
            rows.append(mission)
        self._rows = rows
        self._measure()
        paths = [row.path if isinstance(row, MissionFile) else None for row in rows]
        self.rows_changed()
        if before is not None and before.path in paths:
            self.cursor = paths.index(before.path)
        elif self.current is None:
            self.move_to(self.first_row())

    def go_to(self, path: str) -> bool:
        """Move the cursor to a mission; tell whether it is listed."""
        rows = enumerate(self._rows)
        found = (at for at, row in rows if isinstance(row, MissionFile) and row.path == path)
        at = next(found, None)
        if at is not None:
            self.steer_to(at)
        return at is not None

    def set_runs(
        self, last: Mapping[str, Execution], outcomes: Mapping[str, Sequence[RunOutcome]]
    ) -> None:
        """Set the latest run of each mission, and how its last runs stand, by name."""
        before, self._last = self._last, last
        was, self._outcomes = self._outcomes, outcomes
        if self._measure():
            self.refresh()
            return
        changed = {
            index: row.name
            for index in self.visible_rows
            if isinstance(row := self._rows[index], MissionFile)
        }
        self.refresh_rows(
            i
            for i, n in changed.items()
            if before.get(n) != last.get(n) or was.get(n) != outcomes.get(n)
        )

    def tick(self) -> None:
        """Repaint the rows whose age has changed."""
        self.refresh_rows(self._ages.changed(self.visible_rows, self._age))

    @property
    def current(self) -> MissionFile | None:
        """The mission under the cursor."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        return row if isinstance(row, MissionFile) else None

    @property
    def shown(self) -> int:
        """How many missions are listed."""
        return sum(isinstance(row, MissionFile) for row in self._rows)

    @property
    def natural_width(self) -> int:
        """How many cells the list needs to show all that it has to say."""
        names, tail = self._widths
        longest = max((len(one) for one in self._outcomes.values()), default=0)
        return SIGN_CELLS + names + 1 + STEPS_CELLS + 1 + (tail + 1) * bool(tail) + longest + 1

    def is_heading(self, index: int) -> bool:
        """Tell whether a row is the heading of a group."""
        return isinstance(self._rows[index], str)

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return validity, name, size, age and last outcomes, or the heading of a group."""
        mission = self._rows[index]
        if isinstance(mission, str):
            yield from self.heading(clean_line(mission), width, styles)
            return
        names, tail = self._widths
        room = max(6, min(names, width - MIN_TAIL_CELLS))
        style = styles.text if mission.valid else styles.muted
        yield ("● ", styles.good) if mission.valid else ("✗ ", styles.bad)
        yield fit(clean_line(mission.name), room) + " ", style
        left = width - 2 - room - 1
        if not mission.valid:
            errors = sum(finding.severity == "error" for finding in mission.findings)
            yield f"invalid {errors or ''}".strip(), styles.bad
            return
        outcomes = self._outcomes.get(mission.name, ())
        if left >= tail + STEPS_CELLS + MIN_STRIP_CELLS or not outcomes:
            yield fit_right(counted(mission.steps, "step"), STEPS_CELLS) + " ", styles.muted
            left -= STEPS_CELLS + 1
        if tail and mission.name in self._last:
            yield fit_right(self._age(index), tail) + " ", styles.muted
            left -= tail + 1
        for text, name in outcome_strip(outcomes[: max(0, left)]):
            yield text, styles.named(name)

    def _measure(self) -> bool:
        """Measure the columns by their content; tell whether a width has changed."""
        missions = [row for row in self._rows if isinstance(row, MissionFile)]
        names = max((width_of(clean_line(one.name)) for one in missions), default=0)
        aged = any(one.name in self._last for one in missions)
        before, self._widths = self._widths, (min(names, MAX_NAME_CELLS), AGE_CELLS * aged)
        return self._widths != before

    def _age(self, index: int) -> str:
        row = self._rows[index]
        last = self._last.get(row.name) if isinstance(row, MissionFile) else None
        return "" if last is None else when(last, self._clock.now())
