"""The mission as a graph: order, neighbours, ancestors, layers, cycles, critical path.

Steps are numbered by their place in the mission file; every order breaks ties by that number. Only
this module imports rustworkx, and only for questions about whole paths: order and neighbours, which
every run needs, are computed here in O(V+E).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from core.domain.mission import Mission
from core.errors import BugError

if TYPE_CHECKING:  # 15 ms of start-up that most commands save
    from rustworkx import PyDiGraph

Neighbours = tuple[tuple[int, ...], ...]


class Graph:
    """An acyclic graph over the steps of one mission. Immutable."""

    def __init__(self, ids: Sequence[str], upstream: Sequence[Sequence[int]]) -> None:
        """Take step ids in file order, and for each step the indexes of what it depends on.

        Raises `BugError` on a cycle: validation finds those first, by `find_cycle`.
        """
        self.ids: tuple[str, ...] = tuple(ids)
        self.upstream: Neighbours = tuple([tuple(needs) for needs in upstream])
        self.downstream: Neighbours = invert(self.upstream)
        self._order = topological_order(self.upstream, self.downstream)
        if len(self._order) != len(self.ids):
            raise BugError("a graph was made of steps that depend on each other in a cycle")

    @classmethod
    def of(cls, mission: Mission) -> "Graph":
        """Return the graph of a validated mission."""
        index = {step.id: number for number, step in enumerate(mission.steps)}
        return cls(
            [step.id for step in mission.steps],
            [[index[name] for name in step.depends_on] for step in mission.steps],
        )

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """The number of each step by its id."""
        return {name: number for number, name in enumerate(self.ids)}

    @property
    def order(self) -> tuple[int, ...]:
        """Step numbers in topological order, ties by file order."""
        return self._order

    @cached_property
    def order_ids(self) -> tuple[str, ...]:
        """`order` as step ids."""
        return tuple([self.ids[number] for number in self._order])

    @cached_property
    def rank(self) -> tuple[int, ...]:
        """For each step, the length of the longest path that leads to it: its layer."""
        rank = [0] * len(self.ids)
        for number in self._order:
            needs = self.upstream[number]
            if needs:
                rank[number] = 1 + max([rank[need] for need in needs])
        return tuple(rank)

    def generations(self) -> tuple[tuple[int, ...], ...]:
        """Return the layers of the graph, each in file order; each step as early as possible."""
        layers: list[list[int]] = [[] for _ in range(max(self.rank, default=-1) + 1)]
        for number, layer in enumerate(self.rank):
            layers[layer].append(number)
        return tuple([tuple(layer) for layer in layers])

    def ancestors(self, step_id: str) -> frozenset[str]:
        """Return the ids of all steps that must have ended before `step_id`."""
        from rustworkx import ancestors

        return self._names(ancestors(self._paths, self.index[step_id]))

    def descendants(self, step_id: str) -> frozenset[str]:
        """Return the ids of all steps that depend on `step_id`, directly or not."""
        from rustworkx import descendants

        return self._names(descendants(self._paths, self.index[step_id]))

    def is_upstream(self, earlier: int, later: int) -> bool:
        """Tell whether step `later` depends, directly or not, on step `earlier`."""
        if earlier in self.upstream[later]:
            return True
        low = self.rank[earlier]
        seen: set[int] = set()
        pending = [later]
        while pending:
            for need in self.upstream[pending.pop()]:
                if need == earlier:
                    return True
                if need not in seen and self.rank[need] > low:
                    seen.add(need)
                    pending.append(need)
        return False

    def critical_path(self, durations: Mapping[str, float]) -> tuple[tuple[str, ...], float]:
        """Return the slowest path and its length in seconds; a step without duration takes none."""
        finish = [0.0] * len(self.ids)
        before: list[int | None] = [None] * len(self.ids)
        for number in self._order:
            needs = self.upstream[number]
            if needs:
                latest = max(needs, key=finish.__getitem__)
                before[number] = latest
                finish[number] = finish[latest]
            finish[number] += durations.get(self.ids[number], 0.0)
        if not finish:
            return (), 0.0
        last: int | None = max(range(len(finish)), key=finish.__getitem__)
        total = finish[last] if last is not None else 0.0
        path: list[str] = []
        while last is not None:
            path.append(self.ids[last])
            last = before[last]
        return tuple(reversed(path)), total

    def _names(self, numbers: Iterable[int]) -> frozenset[str]:
        return frozenset([self.ids[number] for number in numbers])

    @cached_property
    def _paths(self) -> "PyDiGraph[int, None]":
        return _digraph(self.upstream)


def invert(upstream: Neighbours) -> Neighbours:
    """Return the neighbours in the other direction, each list in ascending order."""
    downstream: list[list[int]] = [[] for _ in upstream]
    for number, needs in enumerate(upstream):
        for need in needs:
            downstream[need].append(number)
    return tuple([tuple(names) for names in downstream])


def topological_order(upstream: Neighbours, downstream: Neighbours) -> tuple[int, ...]:
    """Return Kahn's order, the lowest ready number first; members of cycles are left out."""
    missing = [len(needs) for needs in upstream]
    ready = [number for number, count in enumerate(missing) if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        number = heappop(ready)
        order.append(number)
        for follower in downstream[number]:
            missing[follower] -= 1
            if not missing[follower]:
                heappush(ready, follower)
    return tuple(order)


def find_cycles(upstream: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return one shortest cycle of every strongly connected component.

    Each starts at the component's lowest number and names what it depends on next; a step that
    depends on itself is a cycle of length one.
    """
    from rustworkx import strongly_connected_components

    graph = _digraph(upstream)
    components = [sorted(component) for component in strongly_connected_components(graph)]
    cycles: list[list[int]] = []
    for component in sorted(components):
        if len(component) > 1:
            cycles.append(_shortest_cycle(component[0], set(component), upstream))
        elif component[0] in upstream[component[0]]:
            cycles.append(component)
    return cycles


def find_cycle(edges: Iterable[tuple[str, str]]) -> list[str] | None:
    """Return the steps of a cycle, or None. An edge is (step, what it depends on).

    The first step is repeated at the end: `["a", "b", "c", "a"]`.
    """
    index: dict[str, int] = {}
    upstream: list[list[int]] = []
    for edge in edges:
        for name in edge:
            if name not in index:
                index[name] = len(index)
                upstream.append([])
        upstream[index[edge[0]]].append(index[edge[1]])
    cycles = find_cycles(upstream)
    if not cycles:
        return None
    names = list(index)
    return [names[number] for number in (*cycles[0], cycles[0][0])]


def _shortest_cycle(
    start: int, component: set[int], upstream: Sequence[Sequence[int]]
) -> list[int]:
    """Search breadth first from `start` back to it, within its strongly connected component."""
    came_from: dict[int, int] = {}
    pending = [start]
    for number in pending:
        for need in upstream[number]:
            if need == start:
                path = [number]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if need in component and need not in came_from:
                came_from[need] = number
                pending.append(need)
    raise BugError("a strongly connected component without a cycle")


def _digraph(upstream: Sequence[Sequence[int]]) -> "PyDiGraph[int, None]":
    from rustworkx import PyDiGraph

    graph: PyDiGraph[int, None] = PyDiGraph(multigraph=False)
    graph.add_nodes_from(list(range(len(upstream))))
    graph.add_edges_from_no_data(
        [(need, number) for number, needs in enumerate(upstream) for need in needs]
    )
    return graph
