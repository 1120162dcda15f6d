"""The lines of a report as a list: the cursor stops at those that lead to a run."""

from collections.abc import Iterable, Sequence

from tui.look.styled_report import style_of
from tui.look.theme import ThemeStyles
from tui.widgets.base.headed_list import HeadedList
from tui.widgets.base.line_view import Span
from tui.words.report.report_line import ReportLine, RunPlace
from tui.words.safe_text import wrap


class ReportList(HeadedList):
    """Lines that lead nowhere are folded to the width; those of runs are cut."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._lines: Sequence[ReportLine] = ()
        self._rows: Sequence[ReportLine] = ()

    def set_lines(self, lines: Sequence[ReportLine]) -> None:
        """Replace the lines; the cursor stays on its run, or goes to the first one."""
        before = self.current
        self._lines = lines
        self._fold()
        self.move_to(self._row_of(before))

    @property
    def current(self) -> RunPlace | None:
        """Where the line under the cursor leads to."""
        return self._rows[self.cursor].leads_to if self.cursor < len(self._rows) else None

    @property
    def plain(self) -> str:
        """The text of all lines."""
        return "\n".join(line.text for line in self._lines)

    def on_resize(self) -> None:
        """Fold the lines to the new width."""
        before = self.current
        self._fold()
        self.move_to(self._row_of(before))
        super().on_resize()

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def is_heading(self, index: int) -> bool:
        """Tell whether a row leads nowhere."""
        return self._rows[index].leads_to is None

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:  # noqa: ARG002 - what is too long is cut
        """Return the text of a row."""
        line = self._rows[index]
        yield line.text, styles.named(style_of(line.tone))

    def reveal(self, index: int) -> None:
        """Scroll as little as needed to show a row; at the first run, show what is above it."""
        super().reveal(index)
        if index == self.first_row():
            self.scroll_to(y=0, animate=False, force=True)

    def _fold(self) -> None:
        width = max(1, self.scrollable_content_region.width - 1)
        rows: list[ReportLine] = []
        for line in self._lines:
            if line.leads_to is not None:
                rows.append(line)
            else:
                rows += [ReportLine(text, line.tone) for text in wrap(line.text, width) or [""]]
        self._rows = rows
        self.rows_changed()

    def _row_of(self, wanted: RunPlace | None) -> int:
        """Return the row that leads to a run, else the first one that leads anywhere."""
        places = (at for at, line in enumerate(self._rows) if line.leads_to == wanted)
        found = next(places, None) if wanted is not None else None
        return self.first_row() if found is None else found
