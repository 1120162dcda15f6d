"""A layered graph made proper: edges that pass layers run through dummies, bundled and bounded.

All long edges of a source share one row of dummies, or all those into a target do, whichever
carries more edges; so a star is never as wide as it has leaves. Bundles that would cost more
dummies than the budget become *jumps*: no wire is drawn for them, only a stub at either end.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tui.layout.dag import Dag

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Proper:
    """Items 0..nodes-1 are the graph's nodes, the rest dummies; `up` and `down` span one layer.

    `by_source` and `by_target` hold the dummies of a node's bundle, left to right.
    """

    nodes: int
    layer: list[int]
    up: list[list[int]]
    down: list[list[int]]
    by_source: dict[int, list[int]]
    by_target: dict[int, list[int]]
    into_target: frozenset[Edge]
    jumps: frozenset[Edge]

    def path(self, source: int, target: int) -> list[int] | None:
        """Return the items an edge runs through, both ends included; None when it is a jump."""
        span = self.layer[target] - self.layer[source]
        if span == 1:
            return [source, target]
        if (source, target) in self.jumps:
            return None
        if (source, target) in self.into_target:
            return [source, *self.by_target[target][1 - span :], target]
        return [source, *self.by_source[source][: span - 1], target]


def make_proper(dag: Dag, *, budget: int | None = None) -> Proper:
    """Give long edges their dummies; `budget` bounds their number, by default by the graph's."""
    count = len(dag)
    layer = list(dag.layers)
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    long: list[Edge] = []
    for node, parents in enumerate(dag.upstream):
        for parent in parents:
            if layer[node] - layer[parent] == 1:
                up[node].append(parent)
                down[parent].append(node)
            else:
                long.append((parent, node))
    leaving = Counter(source for source, _ in long)
    entering = Counter(target for _, target in long)
    sources: dict[int, list[int]] = {}
    targets: dict[int, list[int]] = {}
    for source, target in long:
        if entering[target] > leaving[source]:
            targets.setdefault(target, []).append(source)
        else:
            sources.setdefault(source, []).append(target)

    left = max(2000, count) if budget is None else budget
    # (dummies an edge, node, whether it is a source, the other ends): the cheapest bundles first
    bundles = [
        ((max(layer[t] for t in ends) - layer[node] - 1) / len(ends), node, True, ends)
        for node, ends in sources.items()
    ]
    bundles += [
        ((layer[node] - min(layer[s] for s in ends) - 1) / len(ends), node, False, ends)
        for node, ends in targets.items()
    ]
    bundles.sort(key=lambda bundle: bundle[:3])
    by_source: dict[int, list[int]] = {}
    by_target: dict[int, list[int]] = {}
    into_target: set[Edge] = set()
    jumps: set[Edge] = set()
    for price, node, is_source, ends in bundles:
        cost = round(price * len(ends))
        if cost > left:
            jumps.update((node, end) if is_source else (end, node) for end in ends)
            continue
        left -= cost
        first = len(layer)
        row = list(range(first, first + cost))
        start = layer[node] + 1 if is_source else layer[node] - cost
        layer.extend(range(start, start + cost))
        up.extend([] for _ in row)
        down.extend([] for _ in row)
        if is_source:
            by_source[node] = row
            _link(up, down, [node, *row])
            for end in ends:
                _link(up, down, [row[layer[end] - start - 1], end])
        else:
            by_target[node] = row
            _link(up, down, [*row, node])
            for end in ends:
                _link(up, down, [end, row[layer[end] + 1 - start]])
                into_target.add((end, node))
    return Proper(
        count, layer, up, down, by_source, by_target, frozenset(into_target), frozenset(jumps)
    )


def item_components(proper: Proper, component: Sequence[int]) -> list[int]:
    """Return for every item the component of its node, given those of the nodes."""
    found = list(component) + [0] * (len(proper.layer) - proper.nodes)
    for bundles in (proper.by_source, proper.by_target):
        for node, row in bundles.items():
            for item in row:
                found[item] = component[node]
    return found


def _link(up: list[list[int]], down: list[list[int]], items: list[int]) -> None:
    for left, right in pairwise(items):
        down[left].append(right)
        up[right].append(left)
