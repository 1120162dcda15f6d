"""The end of an attempt's log as lines, for the inspector."""

from collections.abc import Sequence

from core.domain.records import LogEntry, LogStream
from tui.look.styled_text import Line
from tui.words.numbers import time_of_day
from tui.words.safe_text import clean, fit

MAX_LINE_CHARACTERS = 2000
"""How many characters of one line are shown; the log pane shows the rest."""


def stream_mark(stream: LogStream) -> tuple[str, str]:
    """Return the mark of a stream, a word of three cells, and its style."""
    if stream is LogStream.STDERR:
        return "err", "warn"
    return ("sys", "muted") if stream is LogStream.SYSTEM else ("   ", "faint")


def tail_lines(entries: Sequence[LogEntry], *, more_before: bool, ending: str) -> list[Line]:
    """Return time, stream and text of each entry, and the line about the end of the attempt."""
    lines: list[Line] = []
    if more_before:
        lines.append([(f"… only the last {len(entries):,} lines are shown", "faint")])
    for entry in entries:
        mark, style = stream_mark(entry.stream)
        text = clean(entry.message)
        if len(text) > MAX_LINE_CHARACTERS:
            text = fit(text, MAX_LINE_CHARACTERS)
        lines.append(
            [
                (f"{time_of_day(entry.timestamp)} ", "faint"),
                (f"{mark} ", style),
                (text, "muted" if entry.stream is LogStream.SYSTEM else "text"),
            ]
        )
    if not lines:
        lines.append([("No output" if ending else "No output yet", "muted")])
    if ending:
        lines.append([(ending, "strong")])
    return lines
