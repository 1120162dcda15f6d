"""Which steps a large graph draws as one: identical siblings, chains, and look-alikes of a layer.

- SIBLINGS: steps, or chains of the same length, with the same upstream and the same downstream.
- CHAIN: a run in which each step has nothing but the next one.
- ALIKE: only when the graph is still large, steps of one layer whose ids differ in digits only;
  their edges are the union of those of the members.
Every step is in exactly one group, and the graph of groups has no cycle.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from tui.layout.dag import Dag, dag_of

FOLD_OVER = 60
"""Graphs with at most this many steps are drawn step by step."""
ALIKE_OVER = 400
"""Look-alikes are folded while more groups than this are left."""
SIBLINGS_MIN = 4
CHAIN_MIN = 5
ALIKE_MIN = 8

_DIGITS = re.compile(r"\d+")


class FoldKind(Enum):
    """Why steps are drawn as one."""

    STEP = "step"
    SIBLINGS = "siblings"
    CHAIN = "chain"
    ALIKE = "alike"


FoldKey = tuple[FoldKind, int]
"""Names a fold by its kind and its first step, so that it stays the same when others open."""


@dataclass(frozen=True, slots=True)
class Group:
    """One drawn node. `members` in drawing order; `width` counts the chains side by side."""

    kind: FoldKind
    members: tuple[int, ...]
    width: int = 1

    @property
    def key(self) -> FoldKey:
        """The name under which the fold is opened and closed."""
        return (self.kind, self.members[0])


@dataclass(frozen=True, slots=True)
class Folding:
    """The groups, the graph between them, and the keys that close opened folds, by step."""

    groups: tuple[Group, ...]
    group_of: tuple[int, ...]
    dag: Dag
    opened: dict[int, FoldKey]


def stem(text: str) -> str:
    """Return an id with its runs of digits taken out: look-alikes have the same."""
    return _DIGITS.sub("#", text)


def fold(
    dag: Dag,
    stems: Sequence[Hashable],
    *,
    enabled: bool | None = None,
    opened: frozenset[FoldKey] = frozenset(),
) -> Folding:
    """Group the steps of a graph; `enabled` None folds what is large, `opened` folds stay open."""
    count = len(dag)
    closing: dict[int, FoldKey] = {}
    if enabled is False or (enabled is None and count <= FOLD_OVER):
        groups = [Group(FoldKind.STEP, (node,)) for node in range(count)]
        return Folding(tuple(groups), tuple(range(count)), dag, closing)

    groups = []

    def close(found: Group) -> bool:
        """Take a fold unless the user has opened it."""
        if found.key not in opened:
            groups.append(found)
            return True
        closing.update(dict.fromkeys(found.members, found.key))
        return False

    for chains in _siblings(dag, _chains(dag)):
        members = tuple(node for chain in chains for node in chain)
        if len(chains) >= SIBLINGS_MIN and close(Group(FoldKind.SIBLINGS, members, len(chains))):
            continue
        for chain in chains:
            if len(chain) < CHAIN_MIN or not close(Group(FoldKind.CHAIN, chain)):
                groups.extend(Group(FoldKind.STEP, (node,)) for node in chain)
    groups.sort(key=lambda group: group.members[0])
    if len(groups) > ALIKE_OVER:
        groups = _fold_alike(dag, groups, stems, opened, closing)
    group_of = _owners(groups, count)
    return Folding(tuple(groups), tuple(group_of), _quotient(dag, groups, group_of), closing)


def _chains(dag: Dag) -> list[tuple[int, ...]]:
    """Cut the graph into maximal runs in which each node has nothing but the next one."""
    up, down = dag.upstream, dag.downstream
    chains = []
    for head in range(len(dag)):
        if len(up[head]) == 1 and len(down[up[head][0]]) == 1:
            continue
        chain = [head]
        while len(down[chain[-1]]) == 1 and len(up[down[chain[-1]][0]]) == 1:
            chain.append(down[chain[-1]][0])
        chains.append(tuple(chain))
    return chains


def _siblings(dag: Dag, chains: Iterable[tuple[int, ...]]) -> Iterable[list[tuple[int, ...]]]:
    """Put chains of the same length between the same steps together, by first appearance."""
    alike: dict[Hashable, list[tuple[int, ...]]] = defaultdict(list)
    for chain in chains:
        ends = (tuple(sorted(dag.upstream[chain[0]])), dag.downstream[chain[-1]], len(chain))
        alike[ends].append(chain)
    return alike.values()


def _fold_alike(
    dag: Dag,
    groups: list[Group],
    stems: Sequence[Hashable],
    opened: frozenset[FoldKey],
    closing: dict[int, FoldKey],
) -> list[Group]:
    layers = _quotient(dag, groups, _owners(groups, len(dag))).layers
    alike: dict[Hashable, list[Group]] = defaultdict(list)
    folded: list[Group] = []
    for group, layer in zip(groups, layers, strict=True):
        if group.members[0] in closing:  # of a fold the user has opened: let it be seen
            folded.append(group)
        else:
            alike[layer, stems[group.members[0]]].append(group)
    for same in alike.values():
        if len(same) < ALIKE_MIN:
            folded += same
            continue
        members = tuple(node for group in same for node in group.members)
        whole = Group(FoldKind.ALIKE, members, len(members))
        if whole.key in opened:
            closing.update(dict.fromkeys(members, whole.key))
            folded += same
        else:
            folded.append(whole)
    return sorted(folded, key=lambda group: group.members[0])


def _owners(groups: Sequence[Group], count: int) -> list[int]:
    owners = [-1] * count
    for number, group in enumerate(groups):
        for node in group.members:
            owners[node] = number
    return owners


def _quotient(dag: Dag, groups: Sequence[Group], group_of: Sequence[int]) -> Dag:
    rows = []
    for number, group in enumerate(groups):
        parents = dict.fromkeys(
            group_of[parent] for node in group.members for parent in dag.upstream[node]
        )
        parents.pop(number, None)
        rows.append(tuple(parents))
    return dag_of(rows)
