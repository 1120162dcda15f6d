"""A graph as a vertical list with lanes, for narrow terminals: one row a node, upstream first.

Each node that has downstream keeps a lane open until the last of them is drawn. Lanes are capped; a
node's parents without a lane are told by name instead (`hidden`).
"""

from dataclasses import dataclass

from tui.layout.dag import Dag
from tui.layout.wire_cells import LEFT, LEFT_RIGHT, RIGHT, UP, UP_DOWN

MAX_LANES = 8
LANE_CELLS = 2
"""The width of a lane, in cells."""


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One node: its lane, the line segments of its row, and its parents without a lane."""

    node: int
    lane: int
    cells: bytes
    hidden: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """All rows, and where each node's row is."""

    rows: tuple[LaneRow, ...]
    row_of: tuple[int, ...]


def lay_lanes(dag: Dag, *, max_lanes: int = MAX_LANES) -> Lanes:
    """Order the nodes vertically; a node follows its upstream as closely as possible."""
    lane_of: dict[int, int] = {}
    owner: list[int | None] = [None] * max_lanes
    left = [len(row) for row in dag.downstream]
    rows: list[LaneRow] = []
    row_of = [0] * len(dag)
    for node in _reading_order(dag):
        parents = [lane_of[p] for p in dag.upstream[node] if p in lane_of]
        hidden = tuple(p for p in dag.upstream[node] if p not in lane_of)
        before = [lane for lane in range(max_lanes) if owner[lane] is not None]
        for parent in dag.upstream[node]:
            left[parent] -= 1
            if not left[parent] and parent in lane_of:
                owner[lane_of.pop(parent)] = None
        ended = [lane for lane in parents if owner[lane] is None]
        free = [lane for lane in range(max_lanes) if owner[lane] is None]
        lane = min(ended) if ended else free[0] if free else max_lanes
        row_of[node] = len(rows)
        rows.append(LaneRow(node, lane, _cells(lane, parents, before, owner), hidden))
        if lane < max_lanes and dag.downstream[node]:
            owner[lane] = node
            lane_of[node] = lane
    return Lanes(tuple(rows), tuple(row_of))


def _reading_order(dag: Dag) -> list[int]:
    """Order the nodes depth first, so that few lanes stay open."""
    waiting = [len(row) for row in dag.upstream]
    stack = [node for node in reversed(range(len(dag))) if not waiting[node]]
    order = []
    while stack:
        node = stack.pop()
        order.append(node)
        for child in reversed(dag.downstream[node]):
            waiting[child] -= 1
            if not waiting[child]:
                stack.append(child)
    return order


def _cells(lane: int, parents: list[int], before: list[int], owner: list[int | None]) -> bytes:
    size = LANE_CELLS * (max([lane, *before]) + 1)
    cells = bytearray(size)
    if parents:
        first, last = min(*parents, lane), max(*parents, lane)
        for x in range(LANE_CELLS * first + 1, LANE_CELLS * last):
            cells[x] = LEFT_RIGHT
    for other in before:
        if other == lane:
            continue
        if other in parents:
            goes_on = UP_DOWN if owner[other] is not None else UP
            cells[LANE_CELLS * other] = goes_on | (RIGHT if other < lane else LEFT)
        else:
            cells[LANE_CELLS * other] = UP_DOWN
    cells[LANE_CELLS * lane] = UP if lane in parents else 0
    return bytes(cells)
