"""Lines of a report that the command line and the screen both show, each with its tone."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from core.value.terminal_text import width_of
from tui.words.safe_text import fit, fit_right


class Tone(StrEnum):
    """What a line is, which decides how it is coloured."""

    TITLE = "title"
    PLAIN = "plain"
    MUTED = "muted"
    GONE = "gone"
    NEW = "new"
    GOOD = "good"
    BAD = "bad"


class RunPlace(Struct, frozen=True):
    """An execution, or one of its steps, that a line is about."""

    execution_id: str
    task_id: str | None = None


class ReportLine(Struct, frozen=True):
    """One line, safe to print. `leads_to` is what the screen opens from it."""

    text: str = ""
    tone: Tone = Tone.PLAIN
    leads_to: RunPlace | None = None


def aligned(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Return rows of cells as lines with aligned columns; those of `right` are flush right."""
    widths = [max(width_of(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            fit_right(cell, width) if number in right else fit(cell, width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
