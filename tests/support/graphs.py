"""Graphs for layout tests: hypothesis strategies, and shapes that every layout must handle."""

import random

from hypothesis import strategies as st

Upstream = list[list[int]]


@st.composite
def upstreams(draw: st.DrawFn, max_nodes: int = 24) -> Upstream:
    """Draw a graph whose edges run from lower to higher indices, then shuffle its numbering."""
    count = draw(st.integers(0, max_nodes))
    rows: Upstream = []
    for node in range(count):
        reach = draw(st.integers(1, max(1, node)))
        pool = st.integers(max(0, node - reach), node - 1) if node else st.nothing()
        rows.append(draw(st.lists(pool, max_size=4, unique=True)) if node else [])
    place = draw(st.permutations(range(count)))
    shuffled: Upstream = [[] for _ in range(count)]
    for node, row in enumerate(rows):
        shuffled[place[node]] = [place[parent] for parent in row]
    return shuffled


def chain(count: int) -> Upstream:
    """Each node needs the one before."""
    return [[node - 1] if node else [] for node in range(count)]


def star(leaves: int) -> Upstream:
    """One node, many that need it, one that needs all of those."""
    return [[], *([0] for _ in range(leaves)), list(range(1, leaves + 1))]


def bipartite(size: int, share: float = 1.0, seed: int = 0) -> Upstream:
    """Every one of `size` targets needs (about `share` of) all `size` sources."""
    choice = random.Random(seed)
    return [[] for _ in range(size)] + [
        [source for source in range(size) if choice.random() < share] for _ in range(size)
    ]


def tangle(count: int, reach: int | None = None, degree: int = 4, seed: int = 1) -> Upstream:
    """A random graph: up to `degree` parents each, from the `reach` nodes before."""
    choice = random.Random(seed)
    return [
        [
            choice.randrange(max(0, node - (reach or node)), node)
            for _ in range(choice.randint(0, degree))
        ]
        if node
        else []
        for node in range(count)
    ]


def ids_of(upstream: Upstream) -> list[str]:
    """Return an id for each node."""
    return [f"step-{node}" for node in range(len(upstream))]
