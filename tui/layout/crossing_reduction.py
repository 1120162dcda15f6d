"""Orders the items within each layer by barycentre sweeps, to reduce edge crossings."""

from bisect import bisect_right, insort
from collections.abc import Sequence

from tui.layout.proper_layers import Proper

MAX_SWEEPS = 8
"""The number of sweeps over a small graph."""
SWEEP_BUDGET_ITEMS = 120_000
"""Larger graphs get as many sweeps as visit about this many items and edges, but 4 to 16."""
COUNT_CROSSINGS_BELOW = 5000
"""Up to this many items and edges the best sweep is kept; in larger graphs the last one is."""


def order_layers(proper: Proper, component: Sequence[int]) -> list[list[int]]:
    """Return the items of each layer, top to bottom.

    Items of one component (given for each item) stand together, components by number.
    Deterministic: ties keep the order in which a depth-first walk in index order meets the items.
    """
    layers = _first_order(proper)
    position = [0] * len(proper.layer)
    # the order by component is what no sweep may change: it is the larger part of every sort key
    step = max(map(len, layers), default=0) + 1
    base = [number * step for number in component]
    for items in layers:
        items.sort(key=base.__getitem__)
        for place, item in enumerate(items):
            position[item] = place
    size = len(proper.layer) + sum(map(len, proper.down))
    is_small = size <= COUNT_CROSSINGS_BELOW
    best, fewest = layers, crossings(proper, layers, position) if is_small else 0
    for sweep in range(MAX_SWEEPS if is_small else max(4, min(16, SWEEP_BUDGET_ITEMS // size))):
        if is_small and not fewest:
            break
        layers = [list(items) for items in layers] if is_small else layers
        forward = sweep % 2 == 0
        near = proper.up if forward else proper.down
        for items in layers if forward else reversed(layers):
            _sort_by_neighbours(items, near, position, base)
        if is_small:
            found = crossings(proper, layers, position)
            if found < fewest:
                best, fewest = layers, found
        else:
            best = layers
    return best


def _sort_by_neighbours(
    items: list[int], near: list[list[int]], position: list[int], base: list[int]
) -> None:
    keys: dict[int, float] = {}
    for item in items:
        others = near[item]
        if len(others) == 1:
            keys[item] = base[item] + position[others[0]]
        elif others:
            keys[item] = base[item] + sum([position[o] for o in others]) / len(others)
        else:
            keys[item] = base[item] + position[item]
    items.sort(key=keys.__getitem__)
    for place, item in enumerate(items):
        position[item] = place


def crossings(proper: Proper, layers: Sequence[Sequence[int]], position: Sequence[int]) -> int:
    """Count the pairs of edges that cross, over all gaps between layers."""
    total = 0
    for items in layers:
        seen: list[int] = []
        for item in items:
            ends = sorted(position[other] for other in proper.down[item])
            for end in ends:
                total += len(seen) - bisect_right(seen, end)
            for end in ends:
                insort(seen, end)
    return total


def _first_order(proper: Proper) -> list[list[int]]:
    layers: list[list[int]] = [[] for _ in range(max(proper.layer, default=-1) + 1)]
    seen = bytearray(len(proper.layer))
    for root in range(proper.nodes):
        if proper.layer[root] or seen[root]:
            continue
        stack = [root]
        while stack:
            item = stack.pop()
            if seen[item]:
                continue
            seen[item] = 1
            layers[proper.layer[item]].append(item)
            stack.extend(reversed(proper.down[item]))
    for item, layer in enumerate(proper.layer):  # reached by jumps alone
        if not seen[item]:
            layers[layer].append(item)
    return layers
