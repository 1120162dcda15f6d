"""Lays out and draws a graph: layers or lanes, folds, zoom and minimap. Only visible cells.

Knows no keys and does not move the selection; `GraphView` does.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from rich.segment import Segment
from textual import work
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.domain.state_word import counted
from core.domain.states import TaskState
from tui.layout.dag import dag_of
from tui.live.node_status import NodeStatus
from tui.widgets.base.step_canvas import MAX_STEPS_INLINE, StepCanvas
from tui.widgets.graph.canvas_styles import CanvasStyles, styles_of
from tui.widgets.graph.graph_model import Drawing, GraphModel, model_of
from tui.widgets.graph.graph_state import LANES_UNDER, GraphState
from tui.widgets.graph.layered_canvas import Canvas
from tui.widgets.graph.minimap import HEIGHT_CELLS, WIDTH_CELLS, Minimap
from tui.words.safe_text import fit

_MARGIN_COLUMNS, _MARGIN_ROWS = 10, 3
"""Cells kept visible around the node under the cursor."""


class GraphDrawing(ScrollView, StepCanvas, can_focus=True):
    """A scrolling drawing of a graph with a cursor. The selection is a step id."""

    DEFAULT_CSS = """
    GraphDrawing {
        overflow: auto auto; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1;
    }
    """

    lanes_under: int = LANES_UNDER
    """Below this width, in cells, lanes are drawn instead of layers."""

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        ascii_only: bool | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(id=id)
        self.equip(ascii_only, now)
        self._state: GraphState | None = None
        self._styles: CanvasStyles | None = None
        self._shows_map = False
        self._minimap: Minimap | None = None
        self._layout_number = 0
        self._notice = ""
        self._origin = (0, 0)

    # --- content ---------------------------------------------------------------------------------

    def set_graph(
        self,
        ids: Sequence[str],
        upstream: Sequence[Sequence[int]],
        names: Mapping[str, str] | None = None,
        conditional: Collection[str] = (),
        handlers: Collection[str] = (),
    ) -> None:
        """Replace the graph, with every step pending. `upstream` holds indices into `ids`.

        `names` replaces ids on the screen, `conditional` are steps with a `when`, `handlers` run
        after the end. Raises ValueError if an index does not exist or there is a cycle.
        """
        self.show_model(model_of(ids, dag_of(upstream), names, conditional, handlers))

    def show_model(self, model: GraphModel) -> None:
        """Replace the graph, with the states in its model.

        How it is looked at stays as it is, if it is the same graph with other steps opened in it.
        """
        before = self._state
        self._state = GraphState(model, ascii_only=self._ascii, now=self._now())
        self._minimap = None
        goes_on = before is not None and self._state.goes_on_from(before)
        if not goes_on or self.selection not in model.index:
            self.set_reactive(StepCanvas.selection, None)
        self._lay_out()

    def say(self, text: str) -> None:
        """Show a notice in place of the graph until the next graph."""
        self._notice = text
        self.refresh()

    def set_states(self, changes: Mapping[str, TaskState | NodeStatus]) -> None:
        """Apply newer states; only the visible lines they are on are redrawn."""
        if self._state is None:
            return
        groups = self._state.set_states(changes)
        canvas = self._state.canvas
        if canvas is None or not groups:
            return
        self._refresh_lines([canvas.changed(group) for group in groups])
        if self._minimap is not None:
            self._minimap.changed(groups)
            self.refresh(Region(0, 0, self.size.width, HEIGHT_CELLS))

    def set_matches(self, ids: Collection[str] | None) -> None:
        """Dim every step but these; None dims nothing."""
        if self._state is not None:
            index = self._state.model.index
            steps = None if ids is None else [index[i] for i in ids if i in index]
            self._state.set_matches(steps)
            self.refresh()

    def _lay_out(self) -> None:
        state = self._state
        if state is None or not self.is_mounted:
            return
        self._layout_number += 1
        step = state.model.index.get(self.selection or "")
        layout = state.layout(state.model.first_step() if step is None else step)
        if len(state.model.ids) <= MAX_STEPS_INLINE or state.is_quick:
            self._show(state, layout())
            return
        self._notice = f"laying out {counted(len(state.model.ids), 'step')}…"
        self.refresh()
        self._lay_out_in_thread(state, layout, self._layout_number)

    @work(exclusive=True, group="layout")
    async def _lay_out_in_thread(
        self, state: GraphState, layout: Callable[[], Drawing], number: int
    ) -> None:
        drawing = await asyncio.to_thread(layout)
        if number == self._layout_number:
            self._show(state, drawing)

    def _show(self, state: GraphState, drawing: Drawing) -> None:
        self._notice = ""
        state.lanes_under = self.lanes_under
        state.resize(*self._window)
        state.show(drawing)
        if self.selection is None:
            first = state.model.first_step()
            selected = None if first is None else state.model.ids[first]
            self.set_reactive(StepCanvas.selection, selected)
        self._rescaled()

    @property
    def _window(self) -> tuple[int, int]:
        size = self.scrollable_content_region.size
        return size.width, size.height - bool(self._note)

    @property
    def _note(self) -> str:
        """The last line of the window while only a part of the graph is drawn."""
        return "" if self._state is None or self._notice else self._state.note

    def _rescaled(self) -> None:
        """Apply a new canvas and its size."""
        state = self._state
        if state is None or state.canvas is None:
            return
        state.update_highlights(self._now())
        width, height = state.canvas.size
        left = self._window[0] - width
        above = self._window[1] - height
        self._origin = (max(0, min(2, left // 2)), max(0, min(1, above // 2)))
        room = height + self._origin[1] + bool(self._note)
        self.virtual_size = Size(width + self._origin[0], room)
        is_map = self._shows_map and isinstance(state.canvas, Canvas)
        self._minimap = Minimap(state.canvas) if is_map else None  # type: ignore[arg-type] # is_map
        self.follow_selection()
        self.call_after_refresh(self._reveal)  # scrolling needs the new size to be applied
        self.refresh()

    # --- drawing ---------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one visible line."""
        styles = self._styles
        if styles is None:
            styles = self._styles = styles_of(self)
        width = self.scrollable_content_region.width
        canvas = self._state.canvas if self._state is not None else None
        if canvas is None or self._notice:
            text = self._notice if y == self.size.height // 2 else ""
            left = " " * max(0, (width - len(text)) // 2)
            return Strip([Segment(fit(left + text, width), styles.muted)], width)
        if self._note and y == self._window[1]:
            return Strip([Segment(fit(f" {self._note}", width), styles.muted)], width)
        x, top = self.scroll_offset
        indent, above = self._origin
        strip = canvas.strip(y + top - above, x, width - indent, styles)
        if indent:
            strip = Strip.join([Strip.blank(indent, styles.base), strip])
        if self._minimap is None or y >= HEIGHT_CELLS or width < 2 * WIDTH_CELLS:
            return strip
        spans = self._minimap.line(y, (x, top, *self._window), styles, styles.cursor)
        return Strip.join(
            [
                strip.crop(0, width - WIDTH_CELLS),
                Strip([Segment(t, s) for t, s in spans], WIDTH_CELLS),
            ]
        )

    def _refresh_lines(self, lines: Iterable[range]) -> None:
        top = self.scroll_offset.y - self._origin[1]
        bottom = top + self.size.height
        for line in lines:
            start, stop = max(top, line.start), min(bottom, line.stop)
            if start < stop:
                self.refresh(Region(0, start - top, self.size.width, stop - start))

    def notify_style_update(self) -> None:
        """Recompute the styles when the theme or the focus changes."""
        super().notify_style_update()
        self._styles = None

    def on_mount(self) -> None:
        """Lay out a graph that was set before mounting, and update running times every second."""
        self.set_interval(1.0, self._tick)
        self.call_later(self._lay_out)  # the widget counts as mounted only after this method

    def _tick(self) -> None:
        if self._state is not None and self.is_on_screen:
            self._state.update_highlights(self._now())
            top = self.scroll_offset.y - self._origin[1]
            self._refresh_lines(self._state.running_lines(range(top, top + self.size.height)))

    def on_resize(self) -> None:
        """Switch between lanes and layers, or to the zoom level that fits."""
        if self._state is not None:
            self._state.lanes_under = self.lanes_under
            if self._state.resize(*self._window):
                self._rescaled()

    def on_focus(self) -> None:
        """Show the cursor as the active one."""
        self._styles = None
        self.refresh()

    def on_blur(self) -> None:
        """Show the cursor as an inactive one."""
        self._styles = None
        self.refresh()

    # --- selection -------------------------------------------------------------------------------

    def follow_selection(self) -> None:
        """Put the cursor on the selected step, and draw its neighbourhood if it is at the edge."""
        state = self._state
        if state is None or state.drawing is None or self.selection is None:
            return
        step = state.model.index.get(self.selection)
        if step is None:
            return
        if not state.select(step):
            state.leave_focus()
            self._lay_out()
        elif state.is_at_edge:
            self._lay_out()
        else:
            self._reveal()
            self.refresh()

    def _reveal(self) -> None:
        """Scroll as little as needed to show the node under the cursor."""
        state = self._state
        if state is None or state.canvas is None or state.cursor is None:
            return
        node = state.canvas.region(state.cursor)
        width, height = self._window
        if width <= 0 or height <= 0:
            return
        x, y = self.scroll_offset
        x = _scroll_start(x, node.x, node.right, width, _MARGIN_COLUMNS)
        y = _scroll_start(y, node.y, node.bottom, height, _MARGIN_ROWS)
        self.scroll_to(x, y, animate=False)


def _scroll_start(start: int, low: int, high: int, size: int, margin: int) -> int:
    """Return the start of a window of `size` that shows low..high, scrolled as little as needed."""
    margin = min(margin, max(0, (size - (high - low)) // 2))
    if low < start + margin:
        return max(0, low - margin)
    if high > start + size - margin:
        return min(low, high - size + margin) if high - low > size else high - size + margin
    return start
