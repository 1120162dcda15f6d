import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.graphs import Upstream, bipartite, chain, ids_of, star, tangle, upstreams
from tui.layout.dag import critical_path, dag_of, induced, within_hops
from tui.layout.graph_folding import (
    ALIKE_OVER,
    FOLD_OVER,
    Folding,
    FoldKind,
    family,
    fold,
)


def folded(upstream: Upstream, **options: object) -> Folding:
    families = [family(step_id) for step_id in ids_of(upstream)]
    return fold(dag_of(upstream), families, **options)  # type: ignore[arg-type] # options of fold


def kinds(folding: Folding) -> list[tuple[FoldKind, int]]:
    return [(group.kind, len(group.members)) for group in folding.groups]


@settings(deadline=None)
@given(upstreams(max_nodes=40), st.booleans())
def test_folds_cover_each_node_exactly_once_and_leave_no_cycle(
    upstream: Upstream, enabled: bool
) -> None:
    folding = folded(upstream, enabled=enabled)
    members = sorted(node for group in folding.groups for node in group.members)
    assert members == list(range(len(upstream)))
    for node, group in enumerate(folding.group_of):
        assert node in folding.groups[group].members
    edges = {
        (folding.group_of[parent], folding.group_of[node])
        for node, row in enumerate(upstream)
        for parent in row
        if folding.group_of[parent] != folding.group_of[node]
    }
    assert edges == {(p, g) for g, row in enumerate(folding.dag.upstream) for p in row}


@settings(deadline=None)
@given(upstreams(max_nodes=40))
def test_opening_every_fold_shows_every_step(upstream: Upstream) -> None:
    opened: frozenset[tuple[FoldKind, int]] = frozenset()
    for _ in range(len(upstream) + 1):
        folding = folded(upstream, enabled=True, opened=opened)
        keys = {g.key for g in folding.groups if g.kind is not FoldKind.STEP}
        if not keys:
            break
        assert not keys & opened, "a fold that was opened is closed again"
        opened |= keys
    assert len(folding.groups) == len(upstream)


def test_a_small_graph_is_drawn_step_by_step() -> None:
    assert len(folded(star(FOLD_OVER - 2)).groups) == FOLD_OVER
    assert len(folded(star(FOLD_OVER - 1)).groups) == 3


def test_identical_siblings_become_one_node() -> None:
    assert kinds(folded(star(5000))) == [
        (FoldKind.STEP, 1),
        (FoldKind.SIBLINGS, 5000),
        (FoldKind.STEP, 1),
    ]
    assert kinds(folded(bipartite(100))) == [(FoldKind.SIBLINGS, 100), (FoldKind.SIBLINGS, 100)]


def test_a_chain_becomes_one_node() -> None:
    assert kinds(folded(chain(10_000))) == [(FoldKind.CHAIN, 10_000)]


def test_chains_side_by_side_become_a_chain_of_folds() -> None:
    upstream: Upstream = [[]]
    for _ in range(30):
        first = len(upstream)
        upstream += [[0], [first], [first + 1]]
    upstream.append([3 * lane + 3 for lane in range(30)])
    folding = folded(upstream)
    lanes = [(FoldKind.SIBLINGS, 30)] * 3
    assert kinds(folding) == [(FoldKind.STEP, 1), *lanes, (FoldKind.STEP, 1)]
    assert folding.dag.upstream == ((), (0,), (1,), (2,), (3,))


def test_a_fold_never_holds_unlike_steps() -> None:
    """The mission of a fault: seven unlike steps share their needs with 200 items and 9 others."""
    unlike = ("flaky", "bigfail", "gate", "runaway", "stdin", "parts", "matrix")
    items = [*(f"parts[{n}]" for n in range(200)), *(f"matrix[{n}]" for n in range(9))]
    names = ["prepare", *unlike, *items]
    dag = dag_of([[], *([0] for _ in names[1:])])
    folding = fold(dag, [family(name) for name in names])
    found = [{family(names[node]) for node in group.members} for group in folding.groups]
    assert all(len(families) == 1 for families in found)
    assert kinds(folding) == [
        *[(FoldKind.STEP, 1)] * 8,
        (FoldKind.SIBLINGS, 200),
        (FoldKind.SIBLINGS, 9),
    ]


@settings(deadline=None)
@given(upstreams(max_nodes=40), st.lists(st.sampled_from("abc"), min_size=40, max_size=40))
def test_every_fold_is_of_one_family(upstream: Upstream, kinds_of: list[str]) -> None:
    families = kinds_of[: len(upstream)]
    folding = fold(dag_of(upstream), families, enabled=True)
    assert all(len({families[node] for node in group.members}) == 1 for group in folding.groups)


def test_look_alikes_of_a_layer_are_folded_only_while_much_is_left() -> None:
    upstream = tangle(2000, reach=100)
    layers = dag_of(upstream).layers
    folding = folded(upstream)
    assert len(folding.groups) < ALIKE_OVER
    for group in folding.groups:
        if group.kind is FoldKind.ALIKE:
            assert len({folding.dag.layers[folding.group_of[m]] for m in group.members}) == 1
    assert max(layers) >= max(folding.dag.layers)
    assert all(group.kind is not FoldKind.ALIKE for group in folded(tangle(200)).groups)


def test_a_step_of_an_opened_fold_knows_what_closes_it() -> None:
    closed = folded(star(100))
    key = closed.groups[1].key
    opened = folded(star(100), opened=frozenset({key}))
    assert len(opened.groups) == 102
    assert set(opened.opened) == set(range(1, 101))
    assert set(opened.opened.values()) == {key}


@pytest.mark.parametrize(
    ("step_id", "expected"),
    [
        ("mDiffFit_ID0000123", "mDiffFit_ID#"),
        ("fetch", "fetch"),
        ("chr21.part3", "chr#.part#"),
        ("parts1[7]", "parts1[]"),
        ("parts2[7]", "parts2[]"),
    ],
)
def test_a_family_differs_in_digits_only_or_is_of_one_fan_out(step_id: str, expected: str) -> None:
    assert family(step_id) == expected


def test_the_critical_path_is_the_longest_by_hops_or_by_weight() -> None:
    dag = dag_of([[], [0], [1], [0], [2, 3]])
    assert critical_path(dag) == [0, 1, 2, 4]
    assert critical_path(dag, [1, 1, 1, 9, 1]) == [0, 3, 4]
    assert critical_path(dag_of([])) == []


@settings(deadline=None)
@given(upstreams(), st.data())
def test_the_critical_path_is_a_path_and_none_is_heavier(
    upstream: Upstream, data: st.DataObject
) -> None:
    dag = dag_of(upstream)
    count = len(dag)
    weights = data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    path = critical_path(dag, [float(weight) for weight in weights])
    heaviest = [0] * count
    for node in dag.topological:
        heaviest[node] = weights[node] + max((heaviest[p] for p in dag.upstream[node]), default=0)
    assert all(a in dag.upstream[b] for a, b in itertools.pairwise(path))
    assert sum(weights[node] for node in path) == max(heaviest, default=0)


def test_the_surroundings_of_a_step_are_what_few_edges_reach() -> None:
    dag = dag_of(chain(10))
    assert within_hops(dag, 5, 2) == {3: -2, 4: -1, 5: 0, 6: 1, 7: 2}
    assert induced(dag, [3, 4, 7]).upstream == ((), (0,), ())
    dag = dag_of(star(5))
    assert within_hops(dag, 1, 1) == {0: -1, 1: 0, 6: 1}
