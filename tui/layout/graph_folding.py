"""Folds similar steps of a large graph into one node: only steps of the same family.

A family is the items of one fan-out step, or the steps whose ids differ in digits only.

- SIBLINGS: steps with the same upstream and the same downstream, also in chains side by side: then
  the first steps of the chains are one fold, the second steps another.
- CHAIN: a run in which each step has nothing but the next one.
- ALIKE: only when the graph is still large, steps of one layer; their edges are the union of those
  of the members.
Every step is in exactly one group, and the graph of groups has no cycle.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from tui.layout.dag import Dag, dag_of

FOLD_OVER = 60
"""Graphs with at most this many steps are not folded."""
ALIKE_OVER = 400
"""Similar steps of one layer are folded only while more groups than this remain."""
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
    """One drawn node. `members` in drawing order."""

    kind: FoldKind
    members: tuple[int, ...]

    @property
    def key(self) -> FoldKey:
        """The key that identifies the fold."""
        return (self.kind, self.members[0])


@dataclass(frozen=True, slots=True)
class Folding:
    """The groups, the graph between them, and the keys that close opened folds, by step."""

    groups: tuple[Group, ...]
    group_of: tuple[int, ...]
    dag: Dag
    opened: dict[int, FoldKey]


def family(task_id: str) -> str:
    """Return the family of a step; only steps of one family may be folded into one node.

    Of an item it is the fan-out step; of a step its id with the runs of digits taken out.
    """
    if task_id.endswith("]"):
        return f"{task_id[: task_id.rindex('[')]}[]"
    return _DIGITS.sub("#", task_id)


def fold(
    dag: Dag,
    families: Sequence[Hashable],
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
        """Add a fold unless the user has unfolded it."""
        if found.key not in opened:
            groups.append(found)
            return True
        closing.update(dict.fromkeys(found.members, found.key))
        return False

    for chains in _siblings(dag, _chains(dag), families):
        if len(chains) >= SIBLINGS_MIN:
            runs, kind = list(zip(*chains, strict=True)), FoldKind.SIBLINGS
        else:
            kind = FoldKind.CHAIN
            runs = [
                tuple(run)
                for chain in chains
                for _, run in groupby(chain, key=lambda node: families[node])
            ]
        least = SIBLINGS_MIN if kind is FoldKind.SIBLINGS else CHAIN_MIN
        for run in runs:
            if len(run) < least or not close(Group(kind, run)):
                groups.extend(Group(FoldKind.STEP, (node,)) for node in run)
    groups.sort(key=lambda group: group.members[0])
    if len(groups) > ALIKE_OVER:
        groups = _fold_alike(dag, groups, families, opened, closing)
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


def _siblings(
    dag: Dag, chains: Iterable[tuple[int, ...]], families: Sequence[Hashable]
) -> Iterable[list[tuple[int, ...]]]:
    """Group chains of the same families between the same steps, by first appearance."""
    alike: dict[Hashable, list[tuple[int, ...]]] = defaultdict(list)
    for chain in chains:
        named = tuple(families[node] for node in chain)
        ends = (tuple(sorted(dag.upstream[chain[0]])), dag.downstream[chain[-1]], named)
        alike[ends].append(chain)
    return alike.values()


def _fold_alike(
    dag: Dag,
    groups: list[Group],
    families: Sequence[Hashable],
    opened: frozenset[FoldKey],
    closing: dict[int, FoldKey],
) -> list[Group]:
    layers = _quotient(dag, groups, _owners(groups, len(dag))).layers
    alike: dict[Hashable, list[Group]] = defaultdict(list)
    folded: list[Group] = []
    for group, layer in zip(groups, layers, strict=True):
        if group.members[0] in closing:  # part of a fold that the user has unfolded
            folded.append(group)
        else:
            alike[layer, families[group.members[0]]].append(group)
    for same in alike.values():
        if len(same) < ALIKE_MIN:
            folded += same
            continue
        members = tuple(node for group in same for node in group.members)
        whole = Group(FoldKind.ALIKE, members)
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
