"""Draws the attempts of one step as bars in a window of time."""

from dataclasses import dataclass
from itertools import pairwise

from rich.style import Style

from core.domain.states import AttemptState, TaskState
from core.value.duration import duration_text
from tui.layout.timeline import Window
from tui.live.node_status import IDLE, NodeStatus
from tui.look.theme import ThemeStyles
from tui.widgets.base.line_view import Span
from tui.words.state_glyphs import APPEARANCES

_ENDS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True)
class AttemptSpan:
    """One attempt on the time line; instants in nanoseconds. It was ready at `queued_at`."""

    task_id: str
    attempt: int
    state: AttemptState
    started_at: int
    ended_at: int | None = None
    queued_at: int | None = None
    holds_slot: bool = True
    """Whether it occupies a slot: an attempt that waits for an approval does not."""


@dataclass(slots=True)
class GanttRow:
    """All attempts of one step by number, and the latest known status of the step."""

    task_id: str
    name: str
    spans: list[AttemptSpan]
    status: NodeStatus = IDLE
    number: int = 0
    """In which order the rows came: of those that began at the same time."""

    @property
    def begins(self) -> int:
        """When it was first queued or started."""
        first = self.spans[0]
        return first.started_at if first.queued_at is None else first.queued_at

    def ends(self, now: int) -> int:
        """Return when its last attempt ended or its wait will end; `now` while it runs."""
        last = self.spans[-1].ended_at
        if self.status.state is TaskState.WAITING:
            return max(now, self.status.resume_at or now)
        return now if last is None else last

    @property
    def shown_state(self) -> str:
        """The state that its sign shows: its own or, while that is unknown, its last attempt's."""
        if self.status is not IDLE:
            return self.status.state.value
        return self.spans[-1].state.value


class _Cells:
    """A line of cells to draw over."""

    def __init__(self, width: int, room: int, base: Style) -> None:
        self.width = width
        """The cells that are for bars; texts may take those behind them, too."""
        self.texts = [" "] * (width + room)
        self.styles = [base] * (width + room)

    def fill(self, start: float, end: float, text: str, style: Style) -> None:
        for x in range(max(0, int(start)), min(self.width, int(end) + (end > int(end)))):
            self.texts[x], self.styles[x] = text, style

    def put(self, x: int, text: str, style: Style) -> None:
        for place, character in enumerate(text, x):
            if 0 <= place < len(self.texts):
                self.texts[place], self.styles[place] = character, style

    def rule(self, x: int, text: str, style: Style) -> None:
        if 0 <= x < len(self.texts) and self.texts[x] == " ":
            self.texts[x], self.styles[x] = text, style

    def spans(self) -> list[Span]:
        found: list[Span] = []
        start = 0
        for x in range(1, len(self.texts) + 1):
            if x == len(self.texts) or self.styles[x] is not self.styles[start]:
                found.append(("".join(self.texts[start:x]), self.styles[start]))
                start = x
        return found


def draw_row(
    row: GanttRow,
    window: Window,
    now: int,
    styles: ThemeStyles,
    *,
    is_live: bool,
    ascii_only: bool,
    room: int = 0,
) -> list[Span]:
    """Draw queueing, attempts, the backoff between them and the time.

    The bars are as wide as the window; behind it are `room` cells for the time.
    """
    base = Style.null()
    cells = _Cells(window.width, room, base)
    full, queue, wait = ("#", ".", "~") if ascii_only else ("█", "░", "╌")
    waiting = styles.states["WAITING"]
    for span in row.spans:
        if span.queued_at is not None:
            cells.fill(window.x(span.queued_at), window.x(span.started_at), queue, styles.faint)
    for before, after in pairwise(row.spans):
        if before.ended_at is not None:
            cells.fill(window.x(before.ended_at), window.x(after.started_at), wait, waiting)
    end = window.x(row.ends(now))
    last = row.spans[-1].ended_at
    if row.status.state is TaskState.WAITING and last is not None:
        cells.fill(window.x(last), end, wait, waiting)
    for span in row.spans:  # drawn last, so that even the shortest attempt is visible
        stop = window.x(now if span.ended_at is None else span.ended_at)
        style = styles.states[span.state.value]
        _draw_bar(cells, window.x(span.started_at), stop, full, style, ascii_only=ascii_only)
    behind = min(int(end), window.width - 1) + 1 if window.x(row.begins) < window.width else -1
    _draw_label(cells, row, behind if end >= 0 else -1, now, styles, ascii_only=ascii_only)
    if end < 0:
        cells.put(0, "<" if ascii_only else "‹", styles.muted)
    elif window.x(row.begins) >= window.width:
        cells.put(window.width - 1, ">" if ascii_only else "›", styles.muted)
    if is_live:
        cells.rule(int(window.x(now)), "|" if ascii_only else "│", styles.accent)
    return cells.spans()


def _draw_bar(
    cells: _Cells, start: float, end: float, full: str, style: Style, *, ascii_only: bool
) -> None:
    """Draw a bar, its end in eighths of a cell; even the shortest is visible."""
    if end < 0 or start >= cells.width:
        return
    first, last = int(max(0.0, start)), int(end)
    cells.fill(first, last, full, style)
    eighths = int((end - last) * 8)
    if last > first and not eighths:
        return
    text = full if ascii_only else _ENDS[max(1, eighths)] if last > first else "▌"
    if last < cells.width:
        cells.put(last, text, style)


def _draw_label(
    cells: _Cells, row: GanttRow, x: int, now: int, styles: ThemeStyles, *, ascii_only: bool
) -> None:
    """Draw time and signs of the attempts from cell x on, if there is room."""
    last = row.spans[-1]
    seconds = ((now if last.ended_at is None else last.ended_at) - last.started_at) / 1e9
    text = duration_text(seconds)
    if x + 1 + len(text) > len(cells.texts) or x < 0:
        return
    cells.put(x + 1, text, styles.muted)
    x += len(text) + 2
    if len(row.spans) > 1:
        for span in row.spans:
            appearance = APPEARANCES[span.state.value]
            cells.put(
                x,
                appearance.ascii if ascii_only else appearance.sign,
                styles.states[span.state.value],
            )
            x += 1
