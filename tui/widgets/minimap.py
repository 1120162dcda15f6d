"""A whole plane in a few braille cells with the window on it, for the graph's corner."""

from rich.style import Style

from tui.glyph import SEVERITY
from tui.layout.braille import Raster
from tui.widgets.graph_canvas import Canvas
from tui.widgets.graph_style import CanvasStyles
from tui.widgets.line_view import Span

WIDTH, HEIGHT = 26, 7
_SHOWN = ("FAILED", "LOST", "WAITING", "RUNNING", "SUCCESS", "CANCELLED")


class Minimap:
    """Dots for nodes, coloured by the worst state in a cell; the window is a brighter ground."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        width, height = canvas.size
        self._raster = Raster(WIDTH, HEIGHT, max(1, width), max(1, height))
        for group in range(canvas.plane.nodes):
            region = canvas.region(group)
            self._raster.dot(region.x + region.width // 2, region.y + region.height // 2, group)
        self._worst: dict[tuple[int, int], str] | None = None

    def changed(self) -> None:
        """Forget the colours."""
        self._worst = None

    def line(
        self, y: int, window: tuple[int, int, int, int], styles: CanvasStyles, ground: Style
    ) -> list[Span]:
        """Write line `y` of the map; `window` is (x, y, width, height) in the canvas's cells."""
        if self._worst is None:
            labels = self._canvas.labels
            self._worst = {
                cell: max(
                    (labels.state(group).value for group in groups), key=lambda v: SEVERITY[v]
                )
                for cell, groups in self._raster.owners.items()
            }
        left, top = self._raster.cell_of(window[0], window[1])
        right, bottom = self._raster.cell_of(window[0] + window[2] - 1, window[1] + window[3] - 1)
        spans: list[Span] = []
        for x in range(WIDTH):
            state = self._worst.get((x, y))
            style = styles.signs[state] if state in _SHOWN else styles.muted
            inside = left <= x <= right and top <= y <= bottom
            spans.append((self._raster.glyph(x, y), style + ground if inside else style))
        return spans
