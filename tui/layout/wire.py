"""The wires of a plane as cells: which arms each cell has, drawn block by block.

A cell is one byte, two bits an arm (left, right, up, down): 0 none, 1 light, 2 heavy, 3 dashed. A
line that reaches a cell without an arm towards it passes under it, straight on: so crossings are
bridges, and a net that joins another on a target's row can be followed in one direction only.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from tui.layout.plane import Plane
from tui.layout.route import CUT, STRAIGHT, Net
from tui.layout.scale import LEAD, Scale

LEFT, RIGHT, UP, DOWN = 1, 4, 16, 64
LEFT_RIGHT, UP_DOWN = LEFT | RIGHT, UP | DOWN
_SIDES, _UPRIGHT = 3 * LEFT_RIGHT, 3 * UP_DOWN
DASHED = 3 * LEFT_RIGHT
STUB = 3 * UP
"""A cell in which a wire that is not drawn leaves its source or reaches its target."""

_LINES = " ╷╻╵│╽╹╿┃╶╭┎╰├┟┖┞┠╺┍┏┕┝┢┗┡┣╴╮┒╯┤┧┚┦┨─┬┰┴┼╁┸╀╂╼┮┲┶┾╆┺╄╊╸┑┓┙┥┪┛┩┫╾┭┱┵┽╅┹╃╉━┯┳┷┿╈┻╇╋"


def _glyph(cell: int) -> str:
    arms = [cell >> shift & 3 for shift in (0, 2, 4, 6)]
    if cell & _UPRIGHT == STUB:
        return "»"
    if cell == DASHED:
        return "╌"
    left, right, up, down = (1 if arm == 3 else arm for arm in arms)
    return _LINES[27 * left + 9 * right + 3 * up + down]


def _ascii(cell: int) -> str:
    if cell & _UPRIGHT == STUB:
        return ">"
    sides, upright = cell & _SIDES, cell & _UPRIGHT
    if not upright:
        return (" ", "-", "=", "~")[max(cell & 3, cell >> 2 & 3)]
    if not sides:
        return "|"
    if cell & (3 * UP) and cell & (3 * DOWN):
        return "+"
    if cell & 3 and cell >> 2 & 3:
        return "+"
    return "'" if cell & (3 * UP) else "."


GLYPHS = tuple(map(_glyph, range(256)))
ASCII_GLYPHS = tuple(map(_ascii, range(256)))


class Mark(IntEnum):
    """Why a piece of wire stands out; the higher is drawn over the lower."""

    NONE = 0
    CRITICAL = 1
    UPSTREAM = 2
    DOWNSTREAM = 3


Piece = tuple[int, int, Mark]
"""The wire from a left to a right item in one gap, with its mark."""


@dataclass(frozen=True, slots=True)
class Block:
    """The cells of one gap from line `top` on, and the mark of each."""

    top: int
    cells: list[bytearray]
    marks: list[bytearray]


class Wires:
    """Draws the gaps of one plane at one scale; wires into `dashed` nodes are conditional."""

    def __init__(self, plane: Plane, scale: Scale, dashed: Iterable[int] = ()) -> None:
        self.plane = plane
        self.scale = scale
        self._dashed = frozenset(dashed)
        self._at: dict[int, dict[int, int]] = {}
        self._by_track: dict[int, list[tuple[list[int], list[Net]]]] = {}
        self._stubs = (
            {source for source, _ in plane.proper.jumps},
            {target for _, target in plane.proper.jumps},
        )

    def item_at(self, layer: int, row: int) -> int | None:
        """Return the node or bend in that place."""
        found = self._at.get(layer)
        if found is None:
            row_of = self.plane.row
            found = self._at[layer] = {row_of[i]: i for i in self.plane.layers[layer]}
        return found.get(row)

    def block(self, gap: int, top: int, bottom: int, pieces: Iterable[Piece] = ()) -> Block:
        """Draw lines `top`..`bottom - 1` of a gap, with the given pieces marked."""
        width = self.scale.gap_width[gap]
        cells = [bytearray(width) for _ in range(bottom - top)]
        marks = [bytearray(width) for _ in range(bottom - top)]
        block = Block(top, cells, marks)
        line = self.scale.line
        rows = range(bisect_left(line, top), bisect_left(line, bottom))
        for row in rows:
            self._horizontals(gap, row, cells[line[row] - top])
        self._verticals(gap, block, bottom)
        if self.plane.gaps[gap].jogs:
            self._jogs(gap, range(max(0, rows.start - 1), rows.stop), block)
        for row in rows:
            self._joints(gap, row, cells[line[row] - top])
        for left, right, mark in sorted(pieces, key=lambda piece: piece[2]):
            self._mark(gap, left, right, mark, block)
        return block

    def _x(self, gap: int, net: Net) -> int:
        """Return the column of a net's vertical within its gap."""
        return LEAD + self.plane.gaps[gap].jogs + net.track

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
            jog = LEAD
            end = last if net.track == STRAIGHT else jog if net.jogs else self._x(gap, net)
            cells[: end + 1] = bytes([LEFT_RIGHT]) * (end + 1)
        above = self._net_from(gap, self.item_at(gap, row - 1)) if row else None
        if above is not None and above.jogs and above.track != CUT and self.plane.spare[row]:
            start, end = LEAD, self._x(gap, above)
            cells[start : end + 1] = bytes([LEFT_RIGHT]) * (end + 1 - start)
        target = self.item_at(gap + 1, row)
        if target is not None:
            self._arrivals(gap, target, cells, last)
        if (net is not None and net.track == CUT) or source in self._stubs[0]:
            cells[0] = STUB | cells[0] & _SIDES

    def _arrivals(self, gap: int, target: int, cells: bytearray, last: int) -> None:
        nets = self._net_into(gap, target)
        drawn = [self._x(gap, net) if net.track >= 0 else 0 for net in nets if net.track != CUT]
        if drawn:
            start, dashed_from = min(drawn), max(drawn) + 1
            cells[start:] = bytes([LEFT_RIGHT]) * (last + 1 - start)
            if target in self._dashed:
                cells[dashed_from:] = bytes([DASHED]) * (last + 1 - dashed_from)
        if len(drawn) < len(nets) or target in self._stubs[1]:
            cells[last] = STUB | cells[last] & _SIDES

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
        """Draw the uprights of jogs between a row and the spare one below it."""
        line = self.scale.line
        for row in rows:
            net = self._net_from(gap, self.item_at(gap, row))
            if net is not None and net.jogs and net.track != CUT:
                for y in range(line[row] + 1, line[row + 1]):
                    if 0 <= y - block.top < len(block.cells):
                        block.cells[y - block.top][LEAD] = UP_DOWN

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
                cells[LEAD] = LEFT | DOWN
            else:
                own = RIGHT if any(net is net_out for net in into) else 0
                cells[self._x(gap, net_out)] = LEFT | own | self._upright(net_out, row)
        above = self._net_from(gap, self.item_at(gap, row - 1)) if row else None
        if above is not None and above.jogs and above.track >= 0 and self.plane.spare[row]:
            cells[LEAD] = UP | RIGHT
            cells[self._x(gap, above)] = LEFT | self._upright(above, row)

    @staticmethod
    def _upright(net: Net, row: int) -> int:
        return (UP if net.low < row else 0) | (DOWN if net.high > row else 0)

    def _mark(self, gap: int, left: int, right: int, mark: Mark, block: Block) -> None:
        net = self._net_from(gap, left)
        if net is None:
            return
        weight = 2 if mark is Mark.CRITICAL else 1
        pen = _Pen(block, self.scale.line, mark, weight)
        last = self.scale.gap_width[gap] - 1
        row, end = self.plane.row[left], self.plane.row[right]
        if net.track == STRAIGHT:
            pen.across(row, 0, last)
            return
        if net.track == CUT:
            x = last - 1
        else:
            x = self._x(gap, net)
            if net.jogs:
                jog = LEAD
                pen.across(row, 0, jog - 1)
                pen.corner(row, jog, LEFT | DOWN)
                pen.corner(row + 1, jog, UP | RIGHT)
                pen.down(jog, row, row + 1)
                pen.across(row + 1, jog + 1, x - 1)
                row += 1
        start = 0 if row == self.plane.row[left] else x
        pen.across(row, start, x - 1)
        if row == end:
            pen.corner(row, x, LEFT_RIGHT)
        else:
            pen.corner(row, x, LEFT | (DOWN if end > row else UP))
            pen.down(x, min(row, end), max(row, end))
            pen.corner(end, x, RIGHT | (UP if end > row else DOWN))
        pen.across(end, x + 1, last)


class _Pen:
    """Goes over cells of a block, giving the arms it passes a weight and a mark."""

    def __init__(self, block: Block, line: tuple[int, ...], mark: Mark, weight: int) -> None:
        self._block = block
        self._line = line
        self._mark = mark
        self._weight = weight

    def across(self, row: int, start: int, end: int) -> None:
        y = self._line[row] - self._block.top
        if 0 <= y < len(self._block.cells):
            for x in range(start, end + 1):
                self._stroke(y, x, LEFT_RIGHT)

    def down(self, x: int, low: int, high: int) -> None:
        top, bottom = self._line[low] + 1, self._line[high]
        first, last = self._block.top, self._block.top + len(self._block.cells)
        for y in range(max(top, first), min(bottom, last)):
            self._stroke(y - first, x, UP_DOWN)

    def corner(self, row: int, x: int, arms: int) -> None:
        y = self._line[row] - self._block.top
        if 0 <= y < len(self._block.cells):
            self._stroke(y, x, arms)

    def _stroke(self, y: int, x: int, arms: int) -> None:
        cells = self._block.cells[y]
        cell = cells[x]
        mask = 3 * arms
        held = cell & mask
        whole = all(held & 3 * arm for arm in (LEFT, RIGHT, UP, DOWN) if arms & arm)
        if cell & _UPRIGHT == STUB:
            pass
        elif whole:
            if cell not in (DASHED, UP_DOWN * 3):
                cells[x] = cell & ~mask | arms * self._weight
        elif not cell & (_SIDES if arms == LEFT_RIGHT else 255):
            cells[x] = arms * self._weight  # over a foreign vertical, or where nothing was drawn
        else:
            return  # under a foreign joint
        self._block.marks[y][x] = self._mark


def marks_of(plane: Plane, edges: Mapping[tuple[int, int], Mark]) -> dict[int, list[Piece]]:
    """Cut marked edges of the graph into pieces by gap; the highest mark of a piece counts."""
    found: dict[int, dict[tuple[int, int], Mark]] = {}
    for (source, target), mark in edges.items():
        path = plane.proper.path(source, target) or ()
        for place in range(len(path) - 1):
            left, right = path[place], path[place + 1]
            pieces = found.setdefault(plane.proper.layer[left], {})
            pieces[left, right] = max(mark, pieces.get((left, right), Mark.NONE))
    return {
        gap: [(left, right, mark) for (left, right), mark in pieces.items()]
        for gap, pieces in found.items()
    }
