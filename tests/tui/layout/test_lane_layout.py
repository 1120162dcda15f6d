import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.graphs import Upstream, chain, star, tangle, upstreams
from tests.support.wire_walk import has_arm
from tui.layout.dag import Dag, dag_of
from tui.layout.lane_layout import LANE_CELLS, Lanes, lay_lanes
from tui.layout.tree_layout import guides, lay_tree
from tui.layout.wire_cells import DOWN, LEFT, RIGHT, UP


def parents_by_eye(lanes: Lanes, row: int) -> set[int]:
    """Return the nodes whose lanes arrive at a row's node, judging by the cells alone."""
    here = lanes.rows[row]
    found = set()
    if has_arm(here.cells[LANE_CELLS * here.lane], UP):
        found.add(owner_above(lanes, row, here.lane))
    for step, arm in ((-1, RIGHT), (1, LEFT)):
        x = LANE_CELLS * here.lane + step
        while 0 <= x < len(here.cells) and here.cells[x]:
            cell = here.cells[x]
            if x % LANE_CELLS == 0 and has_arm(cell, arm) and has_arm(cell, UP):
                found.add(owner_above(lanes, row, x // LANE_CELLS))
            elif x % LANE_CELLS and not has_arm(cell, arm):
                break
            x += step
    return found


def owner_above(lanes: Lanes, row: int, lane: int) -> int:
    for above in reversed(lanes.rows[:row]):
        if above.lane == lane:
            return above.node
        assert has_arm(above.cells[LANE_CELLS * lane], DOWN), "a lane is interrupted"
    raise AssertionError("a lane begins nowhere")


def check(dag: Dag, lanes: Lanes) -> None:
    assert sorted(row.node for row in lanes.rows) == list(range(len(dag)))
    for number, row in enumerate(lanes.rows):
        assert lanes.row_of[row.node] == number
        assert all(lanes.row_of[parent] < number for parent in dag.upstream[row.node])
        drawn = parents_by_eye(lanes, number)
        assert drawn == set(dag.upstream[row.node]) - set(row.hidden)


@settings(deadline=None, max_examples=150)
@given(upstreams(), st.integers(1, 8))
def test_lanes_lead_from_each_parent_that_is_not_told_by_name(
    upstream: Upstream, most: int
) -> None:
    dag = dag_of(upstream)
    lanes = lay_lanes(dag, max_lanes=most)
    check(dag, lanes)
    assert all(row.lane <= most for row in lanes.rows)


@pytest.mark.parametrize("upstream", [chain(5000), star(3000), tangle(3000)])
def test_great_graphs_have_no_more_lanes_than_allowed(upstream: Upstream) -> None:
    lanes = lay_lanes(dag_of(upstream))
    assert len(lanes.rows) == len(upstream)
    assert max(len(row.cells) for row in lanes.rows) <= LANE_CELLS * 9


def test_with_enough_lanes_nothing_is_told_by_name() -> None:
    lanes = lay_lanes(dag_of(tangle(30)), max_lanes=40)
    assert not any(row.hidden for row in lanes.rows)


@settings(deadline=None, max_examples=150)
@given(upstreams(), st.data())
def test_a_tree_shows_each_node_once_under_its_first_parent(
    upstream: Upstream, data: st.DataObject
) -> None:
    dag = dag_of(upstream)
    rows = lay_tree(dag)
    assert sorted(row.node for row in rows) == list(range(len(dag)))
    for number, row in enumerate(rows):
        parents = dag.upstream[row.node]
        assert (row.above == -1) == (not parents)
        if parents:
            assert rows[row.above].node == parents[0]
            assert row.above < number
            assert row.depth == rows[row.above].depth + (not row.is_run)
        assert row.extra == parents[1:]
        bars, is_cut = guides(rows, row, 99)
        assert not is_cut
        assert len(bars) == max(0, row.depth - 1)
    if rows:
        node = data.draw(st.sampled_from(range(len(dag))))
        shown = lay_tree(dag, {node})
        hidden = next(row.hidden for row in shown if row.node == node)
        assert len(shown) + hidden == len(rows)


def test_a_chain_is_not_indented_and_deep_levels_are_cut() -> None:
    rows = lay_tree(dag_of(chain(10_000)))
    assert max(row.depth for row in rows) == 1
    comb: Upstream = [[]]
    for tooth in range(50):
        comb += [[2 * tooth], [2 * tooth]]
        comb[2 * tooth + 1], comb[2 * tooth + 2] = [2 * tooth], [2 * tooth]
    rows = lay_tree(dag_of(comb))
    deepest = max(rows, key=lambda row: row.depth)
    bars, is_cut = guides(rows, deepest, 12)
    assert is_cut
    assert len(bars) == 12
