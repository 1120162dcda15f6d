"""Prints the lines of a report in colour."""

from collections.abc import Sequence

from tui.cli.printing.console import Console
from tui.words.report.report_line import ReportLine, Tone

_STYLES: dict[Tone, tuple[str, ...]] = {
    Tone.TITLE: ("bold",),
    Tone.MUTED: ("dim",),
    Tone.GONE: ("red",),
    Tone.NEW: ("green",),
    Tone.GOOD: ("green",),
    Tone.BAD: ("red",),
}


def print_report(console: Console, lines: Sequence[ReportLine]) -> None:
    """Print the lines, each in the colour of its tone."""
    paint = console.palette.paint
    console.out_lines([paint(line.text, *_STYLES.get(line.tone, ())) for line in lines])
