"""Draws one line of a log: time, step, stream and text."""

from dataclasses import dataclass

from rich.style import Style

from core.domain.records import LogEntry, LogStream
from tui.lines.log_tail import stream_mark
from tui.live.log.log_pages import Line
from tui.live.log.log_search import LogSearch
from tui.look.theme import ThemeStyles
from tui.widgets.base.line_view import Span
from tui.words.numbers import time_of_day
from tui.words.safe_text import clean, fit, fold

STEP_CELLS = 16
TIME_CELLS = 13
MARK_CELLS = 4


@dataclass(frozen=True, slots=True)
class LogRows:
    """The columns before the text of each line: the time, and in a merged log the step."""

    times: bool
    steps: bool

    @property
    def lead(self) -> int:
        """The number of cells before the text."""
        return MARK_CELLS + TIME_CELLS * self.times + (STEP_CELLS + 1) * self.steps

    def spans(
        self, line: Line, piece: int, room: int | None, search: LogSearch, styles: ThemeStyles
    ) -> list[Span]:
        """Return a line, or one piece of a line that is folded to `room` cells."""
        entry = line[1]
        style = styles.muted if entry.stream is LogStream.SYSTEM else Style.null()
        text = clean(entry.message)
        if room is not None:
            pieces = fold(text, room)
            text = pieces[min(piece, len(pieces) - 1)]
        spans = [(" " * self.lead, style)] if piece else self._lead_spans(entry, styles)
        if not search.holds(line):
            return [*spans, (text, style)]
        match_style = styles.match_current if search.is_current(line) else styles.match
        spans.extend(
            (part, match_style if wanted else style) for part, wanted in search.parts(text)
        )
        return spans

    def _lead_spans(self, entry: LogEntry, styles: ThemeStyles) -> list[Span]:
        spans: list[Span] = []
        if self.times:
            spans.append((f"{time_of_day(entry.timestamp)} ", styles.faint))
        if self.steps:
            spans.append((fit(clean(entry.task_id), STEP_CELLS) + " ", styles.accent))
        mark, match_style = stream_mark(entry.stream)
        spans.append((f"{mark} ", styles.named(match_style)))
        return spans
