"""A graph as an indented tree: each node under its first parent, the others told beside it."""

from collections.abc import Collection
from dataclasses import dataclass

from tui.layout.dag import Dag


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One node: how deep it stands and the guides before it.

    `bars[i]` tells whether level i + 1 goes on below; roots have depth 0. A run (an only child)
    stands as deep as its parent. `extra` are the parents other than the one it stands under,
    `hidden` counts the rows folded away below it.
    """

    node: int
    depth: int
    bars: tuple[bool, ...]
    is_last: bool
    is_run: bool
    extra: tuple[int, ...]
    hidden: int


def lay_tree(dag: Dag, folded: Collection[int] = ()) -> list[TreeRow]:
    """Return the rows of the spanning forest, roots and children in index order.

    A child that is alone and has a single parent continues its parent's level, so that a chain
    stays readable however long it is. Nodes in `folded` hide what is under them.
    """
    children: list[list[int]] = [[] for _ in range(len(dag))]
    roots: list[int] = []
    for node, parents in enumerate(dag.upstream):
        (children[parents[0]] if parents else roots).append(node)
    sizes = _sizes(dag, children)
    rows: list[TreeRow] = []
    stack: list[tuple[int, tuple[bool, ...], bool, bool]] = [
        (root, (), place == 0, False) for place, root in enumerate(reversed(roots))
    ]
    while stack:
        node, bars, is_last, is_run = stack.pop()
        below = children[node]
        is_folded = node in folded and bool(below)
        rows.append(
            TreeRow(
                node,
                len(bars) + 1 if dag.upstream[node] else 0,
                bars,
                is_last,
                is_run,
                dag.upstream[node][1:],
                sizes[node] if is_folded else 0,
            )
        )
        if is_folded:
            continue
        if len(below) == 1 and dag.upstream[node]:
            stack.append((below[0], bars, is_last, True))
            continue
        deeper = (*bars, not is_last) if dag.upstream[node] else ()
        stack.extend(
            (child, deeper, place == 0, False) for place, child in enumerate(reversed(below))
        )
    return rows


def _sizes(dag: Dag, children: list[list[int]]) -> list[int]:
    """Count the rows under each node."""
    sizes = [0] * len(dag)
    for node in reversed(dag.topological):
        sizes[node] = sum(1 + sizes[child] for child in children[node])
    return sizes
