"""Draws one line of a log: time, step, stream and text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style

from core.domain.records import LogEntry, LogStream
from core.value.terminal_text import ends_within
from tui.lines.log_tail import stream_mark
from tui.live.log.log_pages import Line
from tui.live.log.log_search import LogSearch
from tui.look.theme import ThemeStyles
from tui.widgets.base.line_view import Span
from tui.words.log_line import JsonLine, Severity, json_line, severity_of
from tui.words.numbers import time_of_day
from tui.words.safe_text import clean, fit
from tui.words.sgr_text import MAX_COLOURED_CHARACTERS, PLAIN, coloured

STEP_CELLS = 16
TIME_CELLS = 13
MARK_CELLS = 4
KEPT_TEXTS = 64
"""Of how many lines the text and its pieces are kept from one row, or frame, to the next."""


@dataclass(frozen=True, slots=True)
class LogRows:
    """How lines look: the time, and in a merged log the step, before the text of each; colours."""

    times: bool
    steps: bool
    colours: bool = True
    """Whether the colours of the step are shown, and errors and warnings in one."""
    records: bool = True
    """Whether the records of structured logs (JSON) are shown with their message first."""

    @property
    def lead(self) -> int:
        """The number of cells before the text."""
        return MARK_CELLS + TIME_CELLS * self.times + (STEP_CELLS + 1) * self.steps

    def text_of(self, entry: LogEntry) -> str:
        """Return the whole text that is shown of an entry, without what is before it."""
        return _text_of(entry.message, self.records)

    def gap(self, text: str, styles: ThemeStyles) -> list[Span]:
        """Return the row between two lines that are apart."""
        return [(" " * self.lead, styles.faint), (f"── {text} ──", styles.faint)]

    def spans(
        self, line: Line, piece: int, room: int | None, search: LogSearch, styles: ThemeStyles
    ) -> list[Span]:
        """Return a line, or one piece of a line that is folded to `room` cells."""
        entry = line[1]
        runs = self._runs(entry, styles)
        if search.holds(line):
            style = styles.match_current if search.is_current(line) else styles.match
            runs = list(_marked(runs, search.ranges(self.text_of(entry)), style))
        if room is not None:
            ends = _ends_of(entry.message, self.records, room)
            piece = min(piece, len(ends) - 2)
            runs = list(_slice(runs, ends[piece], ends[piece + 1]))
        lead = [(" " * self.lead, Style.null())] if piece else self._lead_spans(entry, styles)
        return [*lead, *runs]

    def _record(self, entry: LogEntry) -> JsonLine | None:
        return _record_of(entry.message, self.records)

    def _runs(self, entry: LogEntry, styles: ThemeStyles) -> list[Span]:
        if entry.stream is LogStream.SYSTEM:
            return [(self.text_of(entry), styles.muted)]
        plain = Style.null()
        if self.colours:
            severity = severity_of(entry.message)
            if severity is not Severity.NONE:
                plain = styles.warn if severity is Severity.WARNING else styles.bad
        record = self._record(entry)
        if record is not None:
            return _record_runs(record, plain, styles)
        if not self.colours or len(entry.message) > MAX_COLOURED_CHARACTERS:
            return [(self.text_of(entry), plain)]
        return [
            (text, plain if sgr is PLAIN else styles.output.style(sgr))
            for text, sgr in coloured(entry.message)
        ]

    def _lead_spans(self, entry: LogEntry, styles: ThemeStyles) -> list[Span]:
        spans: list[Span] = []
        if self.times:
            spans.append((f"{time_of_day(entry.timestamp)} ", styles.faint))
        if self.steps:
            spans.append((fit(clean(entry.task_id), STEP_CELLS) + " ", styles.accent))
        mark, match_style = stream_mark(entry.stream)
        spans.append((f"{mark} ", styles.named(match_style)))
        return spans


def _record_of(message: str, records: bool) -> JsonLine | None:
    return json_line(message) if records else None


@lru_cache(maxsize=KEPT_TEXTS)
def _text_of(message: str, records: bool) -> str:
    record = _record_of(message, records)
    return clean(message) if record is None else record.text


@lru_cache(maxsize=KEPT_TEXTS)
def _ends_of(message: str, records: bool, room: int) -> Sequence[int]:
    """Return the ends of the pieces of a line that is folded; all of its rows ask for them."""
    return (0, *ends_within(_text_of(message, records), room))


def _record_runs(record: JsonLine, style: Style, styles: ThemeStyles) -> list[Span]:
    level = (record.level, styles.muted + style)
    parts = [level, (record.message, style), (record.rest, styles.muted)]
    runs: list[Span] = []
    for text, one in parts:
        if text:
            runs += [("  ", Style.null()), (text, one)] if runs else [(text, one)]
    return runs


def _marked(
    runs: Sequence[Span], ranges: Sequence[tuple[int, int]], style: Style
) -> Iterator[Span]:
    """Yield runs with another style in some ranges of their whole text."""
    bounds = sorted({0, *(at for found in ranges for at in found)})
    inside = {start for start, _end in ranges}
    for at, start in enumerate(bounds):
        end = bounds[at + 1] if at + 1 < len(bounds) else None
        part = _slice(runs, start, end)
        yield from ((text, style) for text, _style in part) if start in inside else part


def _slice(runs: Sequence[Span], start: int, end: int | None) -> Iterator[Span]:
    """Yield the part of runs from one character to another."""
    at = 0
    for text, style in runs:
        left = max(0, start - at)
        right = len(text) if end is None else min(len(text), end - at)
        if left < right:
            yield text[left:right], style
        at += len(text)
