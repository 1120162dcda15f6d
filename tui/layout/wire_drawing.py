"""The wires of a plane as cells: which arms each cell has, drawn block by block.

A line that reaches a cell without an arm towards it passes under it, straight on: so crossings are
bridges, and a net that joins another on a target's row can be followed in one direction only.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tui.layout.cell_scale import LEAD_CELLS, Scale
from tui.layout.edge_routing import CUT, STRAIGHT, Net
from tui.layout.highlighted_edges import Mark, Trail, between, trails_of
from tui.layout.layered_layout import Plane
from tui.layout.proper_layers import Edge
from tui.layout.wire_cells import (
    DASHED,
    DOWN,
    LEFT,
    LEFT_RIGHT,
    RIGHT,
    SIDES,
    STUB,
    UP,
    UP_DOWN,
    UPRIGHT,
)


@dataclass(frozen=True, slots=True)
class Block:
    """The cells of one gap from line `top` on, and the mark of each."""

    top: int
    cells: list[bytearray]
    marks: list[bytearray]


class Wires:
    """Draws the gaps of one plane at one scale; wires into `dashed` nodes are conditional.

    `hidden` are the sources and the targets of edges whose other ends are not in the plane.
    """

    def __init__(
        self,
        plane: Plane,
        scale: Scale,
        dashed: Iterable[int] = (),
        hidden: tuple[Collection[int], Collection[int]] = ((), ()),
    ) -> None:
        self.plane = plane
        self.scale = scale
        self._dashed = frozenset(dashed)
        self._at: dict[int, dict[int, int]] = {}
        self._by_track: dict[int, list[tuple[list[int], list[Net]]]] = {}
        self._trails: dict[int, list[Trail]] = {}
        self._stubs = (
            {source for source, _ in plane.proper.jumps}.union(hidden[0]),
            {target for _, target in plane.proper.jumps}.union(hidden[1]),
        )

    def item_at(self, layer: int, row: int) -> int | None:
        """Return the node or bend at a position."""
        found = self._at.get(layer)
        if found is None:
            row_of = self.plane.row
            found = self._at[layer] = {row_of[i]: i for i in self.plane.layers[layer]}
        return found.get(row)

    def mark(self, edges: Mapping[Edge, Mark]) -> set[int]:
        """Highlight these edges and no others; return the gaps that change."""
        trails = trails_of(self.plane, edges)
        before, self._trails = self._trails, trails
        return {g for g in before.keys() | trails.keys() if before.get(g) != trails.get(g)}

    def block(self, gap: int, top: int, bottom: int) -> Block:
        """Draw lines `top`..`bottom - 1` of a gap."""
        width = self.scale.gap_width[gap]
        cells = [bytearray(width) for _ in range(bottom - top)]
        marks = [bytearray(width) for _ in range(bottom - top)]
        block = Block(top, cells, marks)
        line = self.scale.line
        rows = self._rows_of(block)
        for row in rows:
            self._horizontals(gap, row, cells[line[row] - top])
        self._verticals(gap, block, bottom)
        if self.plane.gaps[gap].jogs:
            self._jogs(gap, range(max(0, rows.start - 1), rows.stop), block)
        for row in rows:
            self._joints(gap, row, cells[line[row] - top])
        for trail in self._trails.get(gap, ()):
            self._draw_trail(gap, trail, block)
        return block

    def _x(self, gap: int, net: Net) -> int:
        """Return the column of a net's vertical within its gap."""
        return LEAD_CELLS + self.plane.gaps[gap].jogs + net.track

    def _net_into(self, gap: int, item: int) -> list[Net]:
        wires = self.plane.gaps[gap]
        return [wires.nets[n] for n in wires.nets_into.get(item, ())]

    def _net_from(self, gap: int, item: int | None) -> Net | None:
        if item is None:
            return None
        wires = self.plane.gaps[gap]
        number = wires.net_of.get(item)
        return None if number is None else wires.nets[number]

    def _horizontals(self, gap: int, row: int, cells: bytearray) -> None:
        last = len(cells) - 1
        source = self.item_at(gap, row)
        net = self._net_from(gap, source)
        if net is not None and net.track != CUT:
            jog = LEAD_CELLS
            end = last if net.track == STRAIGHT else jog if net.jogs else self._x(gap, net)
            cells[: end + 1] = bytes([LEFT_RIGHT]) * (end + 1)
        above = self._net_from(gap, self.item_at(gap, row - 1)) if row else None
        if above is not None and above.jogs and above.track != CUT and self.plane.spare[row]:
            start, end = LEAD_CELLS, self._x(gap, above)
            cells[start : end + 1] = bytes([LEFT_RIGHT]) * (end + 1 - start)
        target = self.item_at(gap + 1, row)
        if target is not None:
            self._arrivals(gap, target, cells, last)
        if (net is not None and net.track == CUT) or source in self._stubs[0]:
            cells[0] = STUB | cells[0] & SIDES

    def _arrivals(self, gap: int, target: int, cells: bytearray, last: int) -> None:
        nets = self._net_into(gap, target)
        drawn = [self._x(gap, net) if net.track >= 0 else 0 for net in nets if net.track != CUT]
        if drawn:
            start, dashed_from = min(drawn), max(drawn) + 1
            cells[start:] = bytes([LEFT_RIGHT]) * (last + 1 - start)
            if target in self._dashed:
                cells[dashed_from:] = bytes([DASHED]) * (last + 1 - dashed_from)
        if len(drawn) < len(nets) or target in self._stubs[1]:
            cells[last] = STUB | cells[last] & SIDES

    def _verticals(self, gap: int, block: Block, bottom: int) -> None:
        line = self.scale.line
        for lows, nets in self._tracks(gap):
            if not nets:
                continue
            x = self._x(gap, nets[0])
            first = max(0, bisect_left(lows, block.top) - 1)
            for net in nets[first:]:
                if line[net.low] >= bottom:
                    break
                for y in range(max(block.top, line[net.low]), min(bottom, line[net.high] + 1)):
                    block.cells[y - block.top][x] = UP_DOWN

    def _jogs(self, gap: int, rows: range, block: Block) -> None:
        """Draw the verticals of jogs between a row and the spare row below it."""
        line = self.scale.line
        for row in rows:
            net = self._net_from(gap, self.item_at(gap, row))
            if net is not None and net.jogs and net.track != CUT:
                for y in range(line[row] + 1, line[row + 1]):
                    if 0 <= y - block.top < len(block.cells):
                        block.cells[y - block.top][LEAD_CELLS] = UP_DOWN

    def _tracks(self, gap: int) -> list[tuple[list[int], list[Net]]]:
        found = self._by_track.get(gap)
        if found is None:
            tracks: list[list[Net]] = [[] for _ in range(self.plane.gaps[gap].tracks)]
            for net in self.plane.gaps[gap].nets:
                if net.track >= 0:
                    tracks[net.track].append(net)
            line = self.scale.line
            found = []
            for nets in tracks:
                nets.sort(key=lambda net: net.low)
                found.append(([line[net.low] for net in nets], nets))
            self._by_track[gap] = found
        return found

    def _joints(self, gap: int, row: int, cells: bytearray) -> None:
        source, target = self.item_at(gap, row), self.item_at(gap + 1, row)
        into = self._net_into(gap, target) if target is not None else []
        for net in into:
            if net.track >= 0:
                cells[self._x(gap, net)] = RIGHT | self._upright(net, row)
        net_out = self._net_from(gap, source)
        if net_out is not None and net_out.track >= 0:
            if net_out.jogs:
                cells[LEAD_CELLS] = LEFT | DOWN
            else:
                own = RIGHT if any(net is net_out for net in into) else 0
                cells[self._x(gap, net_out)] = LEFT | own | self._upright(net_out, row)
        above = self._net_from(gap, self.item_at(gap, row - 1)) if row else None
        if above is not None and above.jogs and above.track >= 0 and self.plane.spare[row]:
            cells[LEAD_CELLS] = UP | RIGHT
            cells[self._x(gap, above)] = LEFT | self._upright(above, row)

    @staticmethod
    def _upright(net: Net, row: int) -> int:
        return (UP if net.low < row else 0) | (DOWN if net.high > row else 0)

    def _draw_trail(self, gap: int, trail: Trail, block: Block) -> None:
        """Highlight the marked part of a net; a net without a track is drawn for this."""
        pen = _Pen(block, self.scale.line, trail.mark)
        rows = self._rows_of(block)
        last = self.scale.gap_width[gap] - 1
        net = trail.net
        x = last if net.track == STRAIGHT else last - 1 if net.track == CUT else self._x(gap, net)
        for row in between(trail.lefts, rows.start - 1, rows.stop):
            shift = int(net.jogs and net.track != CUT)
            if shift:
                pen.across(row, 0, LEAD_CELLS - 1)
                pen.stroke(row, LEAD_CELLS, LEFT | DOWN)
                pen.down(LEAD_CELLS, row, row + 1)
                pen.stroke(row + 1, LEAD_CELLS, UP | RIGHT)
            pen.across(row + shift, LEAD_CELLS + 1 if shift else 0, x - (net.track != STRAIGHT))
        if net.track == STRAIGHT:
            return
        for low, high in trail.spans:
            pen.down(x, low, high)
        for row in trail.joints(rows):
            pen.stroke(row, x, trail.arms(row))
        for row in between(trail.rights, rows.start, rows.stop):
            pen.across(row, x + 1, last)

    def _rows_of(self, block: Block) -> range:
        line = self.scale.line
        return range(bisect_left(line, block.top), bisect_left(line, block.top + len(block.cells)))


class _Pen:
    """Draws lines over the cells of a block with a weight and a mark."""

    def __init__(self, block: Block, line: tuple[int, ...], mark: Mark) -> None:
        self._block = block
        self._line = line
        self._mark = mark
        self._weight = 2 if mark is Mark.CRITICAL else 1

    def across(self, row: int, start: int, end: int) -> None:
        """Draw along a row."""
        y = self._line[row] - self._block.top
        if 0 <= y < len(self._block.cells):
            for x in range(start, end + 1):
                self._draw(y, x, LEFT_RIGHT)

    def down(self, x: int, low: int, high: int) -> None:
        """Draw along a column, between two rows."""
        first, last = self._block.top, self._block.top + len(self._block.cells)
        for y in range(max(self._line[low] + 1, first), min(self._line[high], last)):
            self._draw(y - first, x, UP_DOWN)

    def stroke(self, row: int, x: int, arms: int) -> None:
        """Draw the given arms of one cell."""
        y = self._line[row] - self._block.top
        if 0 <= y < len(self._block.cells):
            self._draw(y, x, arms)

    def _draw(self, y: int, x: int, arms: int) -> None:
        cells = self._block.cells[y]
        cell = cells[x]
        mask = 3 * arms
        if cell & UPRIGHT == STUB or cell == DASHED:
            pass
        elif all(cell & 3 * arm for arm in (LEFT, RIGHT, UP, DOWN) if arms & arm):
            cells[x] = cell & ~mask | arms * self._weight
        elif not cell & (SIDES if arms == LEFT_RIGHT else UPRIGHT if arms == UP_DOWN else 255):
            cells[x] = arms * self._weight  # over a foreign line, or where nothing was drawn
        else:
            return  # under a foreign joint
        self._block.marks[y][x] = self._mark
