"""The list of missions, grouped by where they were found, with their latest outcome."""

from collections.abc import Iterable, Mapping, Sequence

from core.domain.records import Execution
from core.domain.state_word import counted
from core.ports.clock import Clock
from tui.live.backend import MissionFile
from tui.look.theme import ThemeStyles
from tui.widgets.base.age_tracker import AgeTracker
from tui.widgets.base.headed_list import HeadedList
from tui.widgets.base.line_view import Span
from tui.words.numbers import when
from tui.words.safe_text import clean_line, fit, fit_right
from tui.words.state_glyphs import sign


class MissionList(HeadedList):
    """Mission files with validity, size and latest outcome. Each group has a heading."""

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._rows: list[MissionFile | str] = []
        self._last: Mapping[str, Execution] = {}
        self._ages = AgeTracker()

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
        paths = [row.path if isinstance(row, MissionFile) else None for row in rows]
        self.rows_changed()
        if before is not None and before.path in paths:
            self.cursor = paths.index(before.path)
        elif self.current is None:
            self.move_to(self.first_row())

    def set_latest_runs(self, last: Mapping[str, Execution]) -> None:
        """Set the latest run of each mission, by name."""
        before, self._last = self._last, last
        changed = {
            index: row.name
            for index in self.visible_rows
            if isinstance(row := self._rows[index], MissionFile)
        }
        self.refresh_rows(i for i, n in changed.items() if before.get(n) != last.get(n))

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

    def is_heading(self, index: int) -> bool:
        """Tell whether a row is the heading of a group."""
        return isinstance(self._rows[index], str)

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return validity, name, size and latest outcome, or the heading of a group."""
        mission = self._rows[index]
        if isinstance(mission, str):
            yield from self.heading(clean_line(mission), width, styles)
            return
        last = self._last.get(mission.name)
        tail = 24 if width >= 44 else 12
        if mission.valid:
            yield "● ", styles.good
            yield fit(clean_line(mission.name), max(6, width - 2 - tail)) + " ", styles.text
            yield fit_right(counted(mission.steps, "step"), 11), styles.muted
        else:
            errors = sum(finding.severity == "error" for finding in mission.findings)
            yield "✗ ", styles.bad
            yield fit(clean_line(mission.name), max(6, width - 2 - tail)) + " ", styles.muted
            yield fit_right(f"invalid {errors or ''}".strip(), 11), styles.bad
        if tail == 24 and last is not None:
            yield f"  {sign(last.state)} ", styles.state(last.state)
            yield fit(self._age(index), 8), styles.muted

    def _age(self, index: int) -> str:
        row = self._rows[index]
        last = self._last.get(row.name) if isinstance(row, MissionFile) else None
        return "" if last is None else when(last, self._clock.now())
