"""The highlighted parts of edges: the critical path, and the edges of the selected step."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from tui.layout.edge_routing import CUT, Net
from tui.layout.layered_layout import Plane
from tui.layout.proper_layers import Edge
from tui.layout.wire_cells import DOWN, LEFT, RIGHT, UP


class Mark(IntEnum):
    """Why a part of an edge is highlighted; higher values are drawn over lower ones."""

    NONE = 0
    CRITICAL = 1
    UPSTREAM = 2
    DOWNSTREAM = 3


@dataclass(frozen=True, slots=True)
class Trail:
    """The marked part of one net: rows of sources and targets, and the stretches between them.

    `lefts` are the rows of the items themselves, `bends` those at which their wires meet the
    upright; they differ when the net jogs. All in growing order.
    """

    net: Net
    mark: Mark
    lefts: tuple[int, ...]
    bends: tuple[int, ...]
    rights: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    def joints(self, rows: range) -> Iterator[int]:
        """Return the given rows at which a wire meets the upright."""
        yield from between(self.bends, rows.start, rows.stop)
        yield from between(self.rights, rows.start, rows.stop)

    def arms(self, row: int) -> int:
        """Return the marked arms of the joint in a row."""
        place = bisect_right(self.spans, (row, 1 << 60)) - 1
        low, high = self.spans[place] if place >= 0 else (row, row)
        inside = low <= row <= high
        return (
            (LEFT if _has(self.bends, row) else 0)
            | (RIGHT if _has(self.rights, row) else 0)
            | (UP if inside and low < row else 0)
            | (DOWN if inside and row < high else 0)
        )


def trails_of(plane: Plane, edges: Mapping[Edge, Mark]) -> dict[int, list[Trail]]:
    """Group highlighted edges into trails by gap, the lower marks first."""
    found: dict[tuple[int, int, Mark], set[tuple[int, int]]] = {}
    for (source, target), mark in edges.items():
        path = plane.proper.path(source, target) or ()
        for left, right in pairwise(path):
            gap = plane.proper.layer[left]
            number = plane.gaps[gap].net_of[left]
            found.setdefault((gap, number, mark), set()).add((left, right))
    trails: dict[int, list[Trail]] = {}
    for (gap, number, mark), pieces in found.items():
        trails.setdefault(gap, []).append(_trail(plane, plane.gaps[gap].nets[number], mark, pieces))
    for row in trails.values():
        row.sort(key=lambda trail: (trail.mark, trail.lefts, trail.rights))
    return trails


def _trail(plane: Plane, net: Net, mark: Mark, pieces: Iterable[tuple[int, int]]) -> Trail:
    shift = int(net.jogs and net.track != CUT)
    pairs = [(plane.row[left], plane.row[right]) for left, right in pieces]
    lefts = sorted({left for left, _ in pairs})
    stretches = sorted((min(a + shift, b), max(a + shift, b)) for a, b in pairs)
    spans: list[tuple[int, int]] = []
    for low, high in stretches:
        if spans and low <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(high, spans[-1][1]))
        else:
            spans.append((low, high))
    return Trail(
        net,
        mark,
        tuple(lefts),
        tuple(left + shift for left in lefts),
        tuple(sorted({right for _, right in pairs})),
        tuple(spans),
    )


def between(rows: Sequence[int], start: int, stop: int) -> Sequence[int]:
    """Return those of the sorted `rows` that are in start..stop-1."""
    return rows[bisect_left(rows, start) : bisect_left(rows, stop)]


def _has(rows: Sequence[int], row: int) -> bool:
    place = bisect_left(rows, row)
    return place < len(rows) and rows[place] == row
