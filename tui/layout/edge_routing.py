"""Wires between two neighbouring layers: nets and tracks, so that no two sources are confused.

Sources with the same targets form one *net*: a horizontal from each source to the net's vertical
track and one from the track to each target. Two rules keep different nets apart:
- verticals that share a track do not touch;
- where a row holds the source of one net and a target of another, the source's track is left of the
  other's, so their horizontals do not overlap. When such demands form a circle, a net *jogs*: it
  leaves its row for the spare row below, where no target is. Nets into one target share the last
  stretch of its row: they end at the same place. A net that finds no track within the limit is
  *cut*: drawn as stubs.
"""

import heapq
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_TRACKS = 32

STRAIGHT = -1
CUT = -2


@dataclass(slots=True)
class Net:
    """Sources and targets, each by item, joined by a vertical on `track`, rows `low`..`high`.

    `track` STRAIGHT needs none; CUT has none. Rows are doubled: 2r is row r, 2r+1 the spare below
    it.
    """

    sources: tuple[int, ...]
    targets: tuple[int, ...]
    track: int = STRAIGHT
    jogs: bool = False
    low: int = 0
    high: int = 0


@dataclass(slots=True)
class Gap:
    """The wires between two layers; `tracks` counts the columns of verticals."""

    nets: list[Net]
    net_of: dict[int, int] = field(default_factory=dict)
    nets_into: dict[int, list[int]] = field(default_factory=dict)
    tracks: int = 0
    jogs: bool = False
    cuts: bool = False


def route(
    items: Sequence[int], down: Sequence[Sequence[int]], row: Sequence[int], limit: int = MAX_TRACKS
) -> Gap:
    """Route all edges from `items` (one layer) to their `down` items (the next layer)."""
    together: dict[tuple[int, ...], list[int]] = {}
    for item in items:
        if down[item]:
            together.setdefault(tuple(sorted(down[item])), []).append(item)
    gap = Gap([Net(tuple(sources), targets) for targets, sources in together.items()])
    into: dict[int, list[int]] = defaultdict(list)
    for number, net in enumerate(gap.nets):
        for item in net.sources:
            gap.net_of[item] = number
        for item in net.targets:
            into[item].append(number)
    gap.nets_into = dict(into)
    target_at = {row[item]: item for item in into}
    bent = [n for n, net in enumerate(gap.nets) if not _is_straight(net, row)]
    for number in bent:
        net = gap.nets[number]
        rows = [row[item] for item in net.sources] + [row[item] for item in net.targets]
        net.low, net.high = 2 * min(rows), 2 * max(rows)
    after: dict[int, set[int]] = {}
    for number in bent:
        rights = {
            other
            for item in gap.nets[number].sources
            if row[item] in target_at
            for other in into[target_at[row[item]]]
        }
        # a straight net has no track to be right of; it may share the row, both end at the target
        after[number] = {o for o in rights if o != number and gap.nets[o].high > gap.nets[o].low}
    _assign(gap, bent, after, row, limit)
    return gap


def _is_straight(net: Net, row: Sequence[int]) -> bool:
    return len(net.sources) == len(net.targets) == 1 and row[net.sources[0]] == row[net.targets[0]]


def _assign(
    gap: Gap, bent: list[int], after: dict[int, set[int]], row: Sequence[int], limit: int
) -> None:
    """Give each bent net the leftmost track that its demands and the taken intervals allow."""
    before: dict[int, set[int]] = {number: set() for number in bent}
    for number, others in after.items():
        for other in others:
            before[other].add(number)
    least = dict.fromkeys(bent, 0)
    starts: list[list[int]] = []
    ends: list[list[int]] = []
    ready = [(_priority(gap.nets[n], row), n) for n in bent if not before[n]]
    heapq.heapify(ready)
    left = dict.fromkeys(bent)
    while left:
        if not ready:
            number = _most_demanding(_circle(next(iter(left)), before), gap, after)
            net = gap.nets[number]
            rows = [2 * row[item] + 1 for item in net.sources]
            rows += [2 * row[item] for item in net.targets]
            net.jogs, net.low, net.high = True, min(rows), max(rows)
        else:
            _, number = heapq.heappop(ready)
            del left[number]
            net = gap.nets[number]
            net.track = _take(starts, ends, net, least[number], limit)
        for other in after[number]:
            before[other].discard(number)
            if net.track >= 0:
                least[other] = max(least[other], net.track + 1)
            if not before[other] and other in left:
                heapq.heappush(ready, (_priority(gap.nets[other], row), other))
        after[number] = set()
    gap.tracks = len(starts)
    gap.cuts = any(net.track == CUT for net in gap.nets)
    gap.jogs = any(net.jogs and net.track != CUT for net in gap.nets)


def _circle(start: int, before: dict[int, set[int]]) -> list[int]:
    """Walk against the demands until a net comes round again; return the nets of that circle."""
    place: dict[int, int] = {}
    walk: list[int] = []
    number = start
    while number not in place:
        place[number] = len(walk)
        walk.append(number)
        number = min(before[number])
    return walk[place[number] :]


def _most_demanding(circle: list[int], gap: Gap, after: dict[int, set[int]]) -> int:
    """Choose the net whose jog frees most others for each spare row it takes."""
    return max(circle, key=lambda n: (len(after[n]) / len(gap.nets[n].sources), -n))


def _priority(net: Net, row: Sequence[int]) -> tuple[int, int]:
    """Order nets so that those side by side do not cross: going down the lowest source first."""
    source = row[net.sources[0]]
    rows = [row[item] for item in net.targets]
    return (0, source) if min(rows) + max(rows) < 2 * source else (1, -source)


def _take(starts: list[list[int]], ends: list[list[int]], net: Net, least: int, limit: int) -> int:
    for track in range(least, limit):
        while track >= len(starts):
            starts.append([])
            ends.append([])
        place = bisect_left(starts[track], net.low)
        if place and ends[track][place - 1] >= net.low:
            continue
        if place < len(starts[track]) and starts[track][place] <= net.high:
            continue
        starts[track].insert(place, net.low)
        ends[track].insert(place, net.high)
        return track
    return CUT
