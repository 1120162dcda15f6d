"""A graph as an indented tree: each node under its first parent, other parents listed beside it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tui.layout.dag import Dag


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One node of the tree; roots have depth 0.

    A *run* is an only child with one parent: it stands as deep as its parent, so that a chain stays
    readable however long it is. `above` is the row of the parent (-1 for roots), `head` the row
    that began the level. `extra` are the parents other than the one it stands under, `hidden`
    counts the rows folded away below it.
    """

    node: int
    above: int
    head: int
    depth: int
    is_last: bool
    is_run: bool
    extra: tuple[int, ...]
    hidden: int


def lay_tree(dag: Dag, folded: Collection[int] = ()) -> list[TreeRow]:
    """Return the rows of the spanning forest, roots and children in index order.

    Nodes in `folded` hide what is under them.
    """
    children: list[list[int]] = [[] for _ in range(len(dag))]
    roots: list[int] = []
    for node, parents in enumerate(dag.upstream):
        (children[parents[0]] if parents else roots).append(node)
    sizes = _sizes(dag, children)
    rows: list[TreeRow] = []
    stack = [(root, -1, place == 0) for place, root in enumerate(reversed(roots))]
    while stack:
        node, above, is_last = stack.pop()
        below = children[node]
        parents = dag.upstream[node]
        is_run = (
            len(parents) == 1 and len(children[parents[0]]) == 1 and bool(dag.upstream[parents[0]])
        )
        number = len(rows)
        is_folded = node in folded and bool(below)
        rows.append(
            TreeRow(
                node,
                above,
                rows[above].head if is_run else number,
                rows[above].depth + (not is_run) if parents else 0,
                is_last,
                is_run,
                parents[1:],
                sizes[node] if is_folded else 0,
            )
        )
        if not is_folded:
            stack.extend((c, number, place == 0) for place, c in enumerate(reversed(below)))
    return rows


def guides(rows: Sequence[TreeRow], row: TreeRow, levels: int) -> tuple[list[bool], bool]:
    """Return for the levels above a row whether they go on below it, outermost first.

    At most the `levels` innermost ones; the second value tells that there were more.
    """
    found: list[bool] = []
    up = rows[row.head].above
    while up >= 0:
        head = rows[rows[up].head]
        if head.depth == 0:
            break
        if len(found) == levels:
            return found[::-1], True
        found.append(not head.is_last)
        up = head.above
    return found[::-1], False


def _sizes(dag: Dag, children: list[list[int]]) -> list[int]:
    """Count the rows under each node."""
    sizes = [0] * len(dag)
    for node in reversed(dag.topological):
        sizes[node] = sum(1 + sizes[child] for child in children[node])
    return sizes
