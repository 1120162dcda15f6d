"""The lines of a report with the styles of the screen."""

from collections.abc import Sequence

from tui.look.styled_text import Line, StyleName
from tui.words.report.report_line import ReportLine, Tone

_STYLES: dict[Tone, StyleName] = {
    Tone.TITLE: "strong",
    Tone.PLAIN: "text",
    Tone.MUTED: "muted",
    Tone.GONE: "bad",
    Tone.NEW: "state:SUCCESS",
    Tone.GOOD: "text",
    Tone.BAD: "bad",
}


def style_of(tone: Tone) -> StyleName:
    """Return the style of a line of this tone."""
    return _STYLES[tone]


def styled_report(lines: Sequence[ReportLine]) -> list[Line]:
    """Return the lines as a text view draws them."""
    return [[(line.text, style_of(line.tone))] for line in lines]
