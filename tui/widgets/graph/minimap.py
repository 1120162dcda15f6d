"""The minimap in the corner of the graph: the whole plane in braille, with the window marked."""

from collections.abc import Iterable

from rich.style import Style

from tui.layout.braille import Raster
from tui.widgets.base.line_view import Span
from tui.widgets.graph.canvas_styles import CanvasStyles
from tui.widgets.graph.layered_canvas import Canvas
from tui.words.state_glyphs import SEVERITY

WIDTH_CELLS, HEIGHT_CELLS = 26, 7
_STATES_BY_SEVERITY = ("FAILED", "LOST", "WAITING", "RUNNING", "SUCCESS", "CANCELLED")


class Minimap:
    """Dots for nodes, coloured by the worst state in a cell; the window is brighter."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        width, height = canvas.size
        self._raster = Raster(WIDTH_CELLS, HEIGHT_CELLS, max(1, width), max(1, height))
        self._cell_of: list[tuple[int, int]] = []
        for group in range(canvas.plane.nodes):
            region = canvas.region(group)
            x, y = region.x + region.width // 2, region.y + region.height // 2
            self._raster.dot(x, y, group)
            self._cell_of.append(self._raster.cell_of(x, y))
        self._worst: dict[tuple[int, int], str] = {}

    def changed(self, groups: Iterable[int]) -> None:
        """Invalidate the colours of the cells of these nodes."""
        for group in groups:
            self._worst.pop(self._cell_of[group], None)

    def line(
        self, y: int, window: tuple[int, int, int, int], styles: CanvasStyles, ground: Style
    ) -> list[Span]:
        """Draw line `y` of the map; `window` is (x, y, width, height) in cells of the canvas."""
        left, top = self._raster.cell_of(window[0], window[1])
        right, bottom = self._raster.cell_of(window[0] + window[2] - 1, window[1] + window[3] - 1)
        spans: list[Span] = []
        for x in range(WIDTH_CELLS):
            state = self._state(x, y)
            style = styles.signs[state] if state in _STATES_BY_SEVERITY else styles.muted
            inside = left <= x <= right and top <= y <= bottom
            spans.append((self._raster.glyph(x, y), style + ground if inside else style))
        return spans

    def point_of(self, x: int, y: int) -> tuple[int, int]:
        """Return the position in the canvas that a cell of the map represents."""
        return self._raster.point_of(x, y)

    def _state(self, x: int, y: int) -> str:
        """Return the worst state in a cell, by name; empty for none."""
        state = self._worst.get((x, y))
        if state is None:
            labels = self._canvas.labels
            found = {labels.state(group).value for group in self._raster.owners.get((x, y), ())}
            state = max(found, key=lambda value: SEVERITY[value], default="")
            self._worst[x, y] = state
        return state
