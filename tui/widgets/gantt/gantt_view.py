"""The Gantt chart: a time axis, the number of concurrent attempts, and a row per step."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from core.domain.states import TaskState
from tui.keys.textual_bindings import bindings
from tui.layout.timeline import ticks
from tui.live.node_status import NodeStatus
from tui.look.theme import ThemeStyles, theme_styles
from tui.widgets.base.line_view import LineView, Span, strip_of
from tui.widgets.base.step_canvas import StepCanvas
from tui.widgets.gantt.gantt_chart import Chart, Frame
from tui.widgets.gantt.gantt_row import AttemptSpan, draw_row
from tui.words.safe_text import fit, fit_right

PLACEHOLDER = "nothing has started yet"
_MAX_ZOOM = 16
LABEL_CELLS, MIN_LABELLED_CELLS = 11, 40
"""What is kept for times behind the bars, where there are so many cells for both."""
_LEVELS = " ▁▂▃▄▅▆▇█"
_ASCII_LEVELS = " .:-=+*#@"


class GanttAxis(Widget):
    """Two lines above the rows: elapsed time, and the number of concurrent attempts."""

    DEFAULT_CSS = "GanttAxis { height: 2; }"

    def __init__(self, view: "GanttView") -> None:
        super().__init__()
        self._view = view

    def render_line(self, y: int) -> Strip:
        """Draw the ticks (line 0) or the load (line 1)."""
        styles = theme_styles(self.app)
        width = self.size.width
        spans = self._view.axis_line(y, styles)
        return strip_of(spans, width, self.rich_style)


class GanttRows(LineView):
    """The rows; only the visible ones are drawn."""

    placeholder = PLACEHOLDER

    BINDINGS: ClassVar[list[BindingType]] = bindings("gantt")

    def __init__(self, view: "GanttView") -> None:
        super().__init__()
        self._view = view

    def row_count(self) -> int:
        """Return how many steps have started."""
        return len(self._view.chart.rows)

    def row(self, index: int, width: int, styles: ThemeStyles) -> list[Span]:  # noqa: ARG002 - the window has its width
        """Return sign, name and bars of a step."""
        return self._view.row_line(index, styles)

    def steer_to(self, index: int) -> None:
        """Move the cursor to a row on behalf of the user, and select its step."""
        super().steer_to(index)
        self._view.row_selected()

    def action_shift(self, direction: int) -> None:
        """Show an earlier or later part of the time."""
        self._view.shift_by(direction)

    def action_zoom(self, step: int) -> None:
        """Zoom in, out, or to all (0)."""
        self._view.zoom_by(step)

    def action_toggle_items(self) -> None:
        """Open or close the fan-out under the cursor."""
        self._view.ask_to_fold()


class GanttView(Vertical, StepCanvas):
    """Attempts over time. The selection is a step id."""

    DEFAULT_CSS = """
    GanttView > GanttRows { height: 1fr; }
    """

    class Folded(Message):
        """The user wants the items of a row's fan-out to have rows, or no longer."""

        def __init__(self, task_id: str) -> None:
            super().__init__()
            self.task_id = task_id

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        ascii_only: bool | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(id=id)
        self.equip(ascii_only, now)
        self.chart = Chart(self._now)
        self._frame: Frame | None = None
        self._label_room = 0
        self._axis = GanttAxis(self)
        self._list = GanttRows(self)

    def compose(self) -> ComposeResult:
        """Put the axis above the rows."""
        yield self._axis
        yield self._list

    def on_mount(self) -> None:
        """Redraw running attempts regularly."""
        self.set_interval(1.0, self._tick)

    def focus(self, scroll_visible: bool = True) -> "GanttView":
        """Focus the rows."""
        self._list.focus(scroll_visible)
        return self

    # --- what is drawn ---------------------------------------------------------------------------

    def set_spans(
        self, spans: Iterable[AttemptSpan], names: Mapping[str, str] | None = None
    ) -> None:
        """Replace all attempts; `names` replaces ids on the screen."""
        self.chart.clear()
        self.chart.names = {} if names is None else names
        self.chart.take(spans)
        self.set_reactive(StepCanvas.selection, None)
        self._list.cursor = 0
        self._redraw()

    def say(self, text: str) -> None:
        """Show a notice in place of the rows until there are attempts."""
        self._list.placeholder = text
        self._list.refresh()

    def update_spans(
        self, spans: Iterable[AttemptSpan], *, hidden: Sequence[AttemptSpan] | None = None
    ) -> None:
        """Add attempts, or replace those of the same step and number; `hidden` have no row."""
        self._list.placeholder = PLACEHOLDER
        if hidden is not None:
            self.chart.hidden = hidden
        self.chart.take(spans)
        self._redraw()

    def set_states(self, changes: Mapping[str, TaskState | NodeStatus]) -> None:
        """Apply newer states of steps: a waiting step shows its backoff."""
        if self.chart.take_states(changes):
            self._frame = None
            self.refresh_all()

    def set_slots(self, slots: int | None) -> None:
        """Set how many attempts may run at once, which is the maximum of the load line."""
        self.chart.slots = slots
        self.refresh_all()

    def refresh_all(self) -> None:
        """Draw axis and rows again."""
        self._axis.refresh()
        self._list.refresh()

    def _redraw(self) -> None:
        self._frame = None
        if self.is_mounted:
            self._list.rows_changed()
            self.follow_selection()
            self.refresh_all()

    def _tick(self) -> None:
        if self.is_on_screen and (self._frame is None or self._frame.is_live):
            self._frame = None
            self.refresh_all()

    def on_resize(self) -> None:
        """Adapt the window of time to the new width."""
        self._frame = None
        self.refresh_all()

    # --- lines -----------------------------------------------------------------------------------

    @property
    def _name_width(self) -> int:
        return max(1, min(self.chart.name_width, self.size.width // 3))

    def _now_frame(self) -> Frame:
        if self._frame is None:
            # cursor, sign, name and two spaces are left of the bars
            width = self._list.scrollable_content_region.width - self._name_width - 5
            self._label_room = LABEL_CELLS if width >= MIN_LABELLED_CELLS else 0
            self._frame = self.chart.frame(max(1, width - self._label_room))
        return self._frame

    def axis_line(self, y: int, styles: ThemeStyles) -> list[Span]:
        """Draw a line of the axis."""
        frame = self._now_frame()
        left = self._name_width + 5
        if not self.chart.rows:
            return []
        if y == 0:
            text = [" "] * frame.window.width
            for x, label in ticks(frame.window):
                room = f"{'|' if self._ascii else '╷'}{label}"
                for place, character in enumerate(room, x):
                    if place < len(text):
                        text[place] = character
            note = fit_right("elapsed ", left) if not self.chart.zoom else self._zoom_note(left)
            return [(note, styles.faint), ("".join(text), styles.muted)]
        peak = max(frame.busy, default=0.0)
        top = max(float(self.chart.slots or 0), peak, 1.0)
        levels = _ASCII_LEVELS if self._ascii else _LEVELS
        bars = "".join(levels[min(8, -int(-8 * busy // top))] for busy in frame.busy)
        limit = f"/{self.chart.slots}" if self.chart.slots else ""
        note = fit_right(f"at once {peak:.0f}{limit} ", left)
        return [(note, styles.faint), (bars, styles.states["RUNNING"])]

    def _zoom_note(self, width: int) -> str:
        return fit_right(f"×{1 << self.chart.zoom} elapsed ", width)

    def row_line(self, index: int, styles: ThemeStyles) -> list[Span]:
        """Draw sign, name and bars of a row."""
        row = self.chart.rows[index]
        frame = self._now_frame()
        name = self.drawable(row.name)
        style = styles.states["FAILED"] if row.shown_state == "FAILED" else styles.text
        return [
            (self.sign_of(row.shown_state) + " ", styles.states[row.shown_state]),
            (fit(name, self._name_width) + "  ", style),
            *draw_row(
                row,
                frame.window,
                frame.now,
                styles,
                is_live=frame.is_live,
                ascii_only=self._ascii,
                room=self._label_room,
            ),
        ]

    # --- selection, zoom and shift ---------------------------------------------------------------

    def follow_selection(self) -> None:
        """Put the cursor on the selected step, if it has started."""
        row = self.chart.by_id.get(self.selection or "")
        if row is not None:
            self._list.move_to(self.chart.rows.index(row))
            self._reveal()

    def row_selected(self) -> None:
        """Select the step of the row that the user moved to."""
        if self._list.cursor < len(self.chart.rows):
            step_id = self.chart.rows[self._list.cursor].task_id
            if step_id != self.selection:
                self.tell_selected(step_id)
            self._reveal()

    def ask_to_fold(self) -> None:
        """Ask for the fan-out of the row under the cursor to be opened or closed."""
        if self._list.cursor < len(self.chart.rows):
            self.post_message(self.Folded(self.chart.rows[self._list.cursor].task_id))

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Open the row that was chosen."""
        event.stop()
        if event.index < len(self.chart.rows):
            self.post_message(self.Opened(self, self.chart.rows[event.index].task_id))

    def zoom_by(self, step: int) -> None:
        """Zoom in (1), out (-1), or show all (0)."""
        zoom = 0 if step == 0 else self.chart.zoom + step
        self.chart.zoom = max(0, min(_MAX_ZOOM, zoom))
        self._frame = None
        self._reveal()
        self.refresh_all()

    def _reveal(self) -> None:
        """Bring the bars of the selected row into the window."""
        index = self._list.cursor
        rows = self.chart.rows
        if index < len(rows) and self.chart.reveal(rows[index], self._now_frame()):
            self._frame = None
            self.refresh_all()

    def shift_by(self, direction: int) -> None:
        """Move the window by half its width."""
        hidden = (1 << self.chart.zoom) - 1
        if hidden:
            shift = self.chart.shift + direction * 0.5 / hidden
            self.chart.shift = max(0.0, min(1.0, shift))
            self._frame = None
            self.refresh_all()
