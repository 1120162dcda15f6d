"""Maps layers and rows to terminal cells, at one of four zoom levels."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from tui.layout.layered_layout import Plane


class Zoom(IntEnum):
    """The size of a node: one cell, sign and short name, sign and name, or a box."""

    DOTS = 0
    COMPACT = 1
    LABEL = 2
    BOX = 3


BOX_HEIGHT = 4
BOX_LINE = 1
"""The line of a box, counted from its top, that edges connect to."""
LEAD_CELLS = 1
"""Cells before the first track of a gap; neither they nor its last cell have verticals."""
_TRAIL_CELLS = {Zoom.DOTS: 1, Zoom.COMPACT: 1, Zoom.LABEL: 2, Zoom.BOX: 1}


@dataclass(frozen=True, slots=True)
class Scale:
    """Cells of a plane: `column[l]` is where layer l starts, `gap[g]` where the wires behind it do.

    Row r starts at y `top[r]` and has its wires at `line[r]`.
    """

    zoom: Zoom
    column: tuple[int, ...]
    column_width: tuple[int, ...]
    gap: tuple[int, ...]
    gap_width: tuple[int, ...]
    top: tuple[int, ...]
    line: tuple[int, ...]
    width: int
    height: int

    def layer_at(self, x: int) -> int:
        """Return the layer whose column or following gap holds x."""
        return max(0, bisect_right(self.column, x) - 1)

    def row_at(self, y: int) -> int:
        """Return the row whose lines hold y."""
        return max(0, bisect_right(self.top, y) - 1)

    @property
    def node_height(self) -> int:
        """The number of lines a node takes."""
        return BOX_HEIGHT if self.zoom is Zoom.BOX else 1


def scale_of(plane: Plane, zoom: Zoom, measure: Callable[[int], int], *, pitch: int = 1) -> Scale:
    """Give each layer the width of its widest node (`measure`, in cells), each gap its tracks.

    `pitch` is the distance of rows that are not boxes, in lines.
    """
    column, widths, gaps, gap_widths = [], [], [], []
    x = 0
    for number, items in enumerate(plane.layers):
        width = max([measure(item) for item in items if item < plane.nodes], default=1)
        column.append(x)
        widths.append(width)
        x += width
        if number < len(plane.gaps):
            gap = plane.gaps[number]
            size = LEAD_CELLS + gap.jogs + gap.tracks + gap.cuts + _TRAIL_CELLS[zoom]
            size = max(size, 2 if zoom is Zoom.DOTS else 3)
            gaps.append(x)
            gap_widths.append(size)
            x += size
    top, line, height = _lines(plane, zoom, pitch)
    return Scale(
        zoom,
        tuple(column),
        tuple(widths),
        tuple(gaps),
        tuple(gap_widths),
        top,
        line,
        x,
        height,
    )


def _lines(plane: Plane, zoom: Zoom, pitch: int) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Return the first y of each row, the y of its wires, and the height of the whole."""
    if zoom is not Zoom.BOX:
        height = max(0, pitch * (plane.rows - 1) + 1)
        rows = tuple(range(0, height, pitch))
        return rows, rows, height
    has_node = bytearray(plane.rows)
    for item in range(plane.nodes):
        has_node[plane.row[item]] = 1
    top = []
    y = 0
    for row in range(plane.rows):
        top.append(y)
        y += BOX_HEIGHT if has_node[row] else 1
    line = tuple(y + BOX_LINE * has_node[row] for row, y in enumerate(top))
    return tuple(top), line, y
