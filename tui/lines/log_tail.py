"""The end of an attempt's log as lines to read, for where there is no room for the whole."""

from collections.abc import Sequence

from core.domain.records import LogEntry, LogStream
from tui.look.styled_text import Line
from tui.words.numbers import time_of_day
from tui.words.safe_text import clean, fit

LONGEST = 2000
"""Characters of one line shown; the log itself has the rest."""


def stream_mark(stream: LogStream) -> tuple[str, str]:
    """Return the word of three cells, and its style, that tell a stream without colour."""
    if stream is LogStream.STDERR:
        return "err", "warn"
    return ("sys", "muted") if stream is LogStream.SYSTEM else ("   ", "faint")


def tail_lines(entries: Sequence[LogEntry], *, more_before: bool, ending: str) -> list[Line]:
    """Return time, stream and text of each entry, and how the attempt ended."""
    lines: list[Line] = []
    if more_before:
        lines.append([(f"… only the last {len(entries):,} lines are here", "faint")])
    for entry in entries:
        mark, style = stream_mark(entry.stream)
        text = clean(entry.message)
        if len(text) > LONGEST:
            text = fit(text, LONGEST)
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
