"""From layers and rows to terminal cells, at one of four zoom levels."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from tui.layout.plane import Plane


class Zoom(IntEnum):
    """How much room a node gets: one cell, sign and short name, sign and name, a box."""

    DOTS = 0
    COMPACT = 1
    LABEL = 2
    BOX = 3


BOX_HEIGHT = 4
BOX_LINE = 1
"""The line of a box, from its top, at which wires arrive."""
_LEAD = {Zoom.DOTS: 0, Zoom.COMPACT: 1, Zoom.LABEL: 1, Zoom.BOX: 1}
_TRAIL = {Zoom.DOTS: 1, Zoom.COMPACT: 1, Zoom.LABEL: 2, Zoom.BOX: 1}


@dataclass(frozen=True, slots=True)
class Scale:
    """Cells of a plane: `column[l]` is where layer l starts, `gap[g]` where the wires behind it do.

    `line[r]` is the y at which row r has its wires; `lead` is the first column of tracks in a gap.
    """

    zoom: Zoom
    column: tuple[int, ...]
    column_width: tuple[int, ...]
    gap: tuple[int, ...]
    gap_width: tuple[int, ...]
    line: tuple[int, ...]
    lead: int
    width: int
    height: int

    def layer_at(self, x: int) -> int:
        """Return the layer whose column or following gap holds x."""
        return max(0, bisect_right(self.column, x) - 1)

    def row_at(self, y: int) -> int:
        """Return the row whose cells hold y."""
        above = BOX_LINE if self.zoom is Zoom.BOX else 0
        return max(0, bisect_right(self.line, y + above) - 1)

    def top(self, row: int) -> int:
        """Return the first y of a row that holds a node."""
        return self.line[row] - (BOX_LINE if self.zoom is Zoom.BOX else 0)

    @property
    def node_height(self) -> int:
        """The number of lines a node takes."""
        return BOX_HEIGHT if self.zoom is Zoom.BOX else 1


def scale_of(plane: Plane, zoom: Zoom, measure: Callable[[int], int]) -> Scale:
    """Give each layer the width of its widest node (`measure`, in cells), each gap its tracks."""
    column, widths, gaps, gap_widths = [], [], [], []
    x = 0
    for number, items in enumerate(plane.layers):
        width = max([measure(item) for item in items if item < plane.nodes], default=1)
        column.append(x)
        widths.append(width)
        x += width
        if number < len(plane.gaps):
            gap = plane.gaps[number]
            size = _LEAD[zoom] + gap.jogs + gap.tracks + gap.cuts + _TRAIL[zoom]
            size = max(size, 2 if zoom is Zoom.DOTS else 3)
            gaps.append(x)
            gap_widths.append(size)
            x += size
    return Scale(
        zoom,
        tuple(column),
        tuple(widths),
        tuple(gaps),
        tuple(gap_widths),
        *_lines(plane, zoom, x),
    )


def _lines(plane: Plane, zoom: Zoom, width: int) -> tuple[tuple[int, ...], int, int, int]:
    if zoom is not Zoom.BOX:
        return tuple(range(plane.rows)), _LEAD[zoom], width, plane.rows
    has_node = bytearray(plane.rows)
    for item in range(plane.nodes):
        has_node[plane.row[item]] = 1
    line = []
    y = 0
    for row in range(plane.rows):
        if has_node[row]:
            line.append(y + BOX_LINE)
            y += BOX_HEIGHT
        else:
            line.append(y)
            y += 1
    # lines must grow strictly in y + BOX_LINE too: row_at looks rows up by it
    return tuple(line), _LEAD[zoom], width, y
