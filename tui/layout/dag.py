"""A directed acyclic graph of plain indices, with the layers of its longest paths."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Dag:
    """Nodes 0..n-1. `layers[i]` is the length of the longest path that leads to node i.

    `upstream` and `downstream` have no duplicates; `downstream` is in index order.
    """

    upstream: tuple[tuple[int, ...], ...]
    downstream: tuple[tuple[int, ...], ...]
    layers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.upstream)

    @property
    def topological(self) -> list[int]:
        """The nodes so that each stands behind its upstream, ties by index."""
        return sorted(range(len(self.layers)), key=self.layers.__getitem__)


def dag_of(upstream: Sequence[Sequence[int]]) -> Dag:
    """Build a graph from the upstream indices of each node.

    Raises ValueError when an index does not exist or there is a cycle.
    """
    count = len(upstream)
    above = [tuple(dict.fromkeys(row)) for row in upstream]
    below: list[list[int]] = [[] for _ in range(count)]
    for node, row in enumerate(above):
        for parent in row:
            if not 0 <= parent < count:
                raise ValueError(f"node {node} depends on {parent}, which does not exist")
            below[parent].append(node)
    waiting = [len(row) for row in above]
    layers = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    for node in ready:  # grows while it is read: a queue without popping
        next_layer = layers[node] + 1
        for child in below[node]:
            if layers[child] < next_layer:
                layers[child] = next_layer
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if len(ready) != count:
        raise ValueError("the graph has a cycle")
    return Dag(tuple(above), tuple(map(tuple, below)), tuple(layers))


def components(dag: Dag) -> list[int]:
    """Return for each node the number of its weakly connected component, the largest first.

    Components of one size are numbered by first appearance.
    """
    found = [-1] * len(dag)
    number = 0
    for start in range(len(dag)):
        if found[start] >= 0:
            continue
        found[start] = number
        stack = [start]
        while stack:
            node = stack.pop()
            for other in dag.upstream[node] + dag.downstream[node]:
                if found[other] < 0:
                    found[other] = number
                    stack.append(other)
        number += 1
    sizes = [0] * number
    for old in found:
        sizes[old] += 1
    by_size = sorted(range(number), key=lambda old: -sizes[old])
    rank = {old: new for new, old in enumerate(by_size)}
    return [rank[old] for old in found]


def within_hops(dag: Dag, centre: int, hops: int) -> dict[int, int]:
    """Return the nodes at most `hops` edges up or down from `centre`, in index order.

    The value is the number of edges: negative for those upstream, 0 for the centre.
    """
    found = {centre: 0}
    for rows, sign in ((dag.upstream, -1), (dag.downstream, 1)):
        front = [centre]
        for distance in range(1, hops + 1):
            reached = {other for node in front for other in rows[node]} - found.keys()
            found.update(dict.fromkeys(reached, sign * distance))
            front = list(reached)
    return dict(sorted(found.items()))


def induced(dag: Dag, nodes: Sequence[int]) -> Dag:
    """Return the graph of the given nodes alone, renumbered in their order."""
    number = {node: new for new, node in enumerate(nodes)}
    return dag_of([[number[p] for p in dag.upstream[node] if p in number] for node in nodes])


def put_last(dag: Dag, last: Collection[int]) -> tuple[Dag, int | None]:
    """Move nodes that no other node depends on into layers behind all others.

    Return the graph and the first of these layers; None when there are no nodes on both sides.
    """
    others = [layer for node, layer in enumerate(dag.layers) if node not in last]
    if not others or not last:
        return dag, None
    first = max(others) + 1
    layers = tuple(
        first + layer if node in last else layer for node, layer in enumerate(dag.layers)
    )
    return replace(dag, layers=layers), first


def critical_path(dag: Dag, weights: Sequence[float] | None = None) -> list[int]:
    """Return the heaviest path from a root to a leaf; without weights, the longest by hops.

    `weights` are non-negative, one a node (its duration). Ties go to the lower index.
    """
    if not len(dag):
        return []
    cost = [1.0] * len(dag) if weights is None else list(weights)
    best = [0.0] * len(dag)
    before = [-1] * len(dag)
    for node in dag.topological:
        for parent in dag.upstream[node]:
            if best[parent] > best[node] or before[node] < 0:
                best[node] = best[parent]
                before[node] = parent
        best[node] += cost[node]
    node = max(range(len(dag)), key=lambda n: (best[n], -n))
    path = [node]
    while before[node] >= 0:
        node = before[node]
        path.append(node)
    return path[::-1]
