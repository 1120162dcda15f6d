import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.graphs import Upstream, bipartite, chain, star, tangle, upstreams
from tests.support.wire_walk import picture, reached_rows
from tui.layout.cell_scale import Scale, Zoom, scale_of
from tui.layout.dag import Dag, dag_of
from tui.layout.edge_routing import CUT, MAX_TRACKS
from tui.layout.highlighted_edges import Mark
from tui.layout.layered_layout import Plane, lay_out
from tui.layout.proper_layers import Edge
from tui.layout.wire_cells import GLYPHS
from tui.layout.wire_drawing import Wires

SHAPES: dict[str, Upstream] = {
    "one step": [[]],
    "a swap that can only be drawn with a jog": [[], [], [1], [0], [0, 1]],
    "chain": chain(40),
    "star": star(60),
    "bipartite": bipartite(20),
    "half a bipartite": bipartite(20, 0.5),
    "tangle": tangle(120),
    "tangle of near neighbours": tangle(200, reach=12),
    "two that do not know each other": [[], [0], [], [2], [2]],
}


def edges_of(dag: Dag) -> list[Edge]:
    return [(parent, node) for node, row in enumerate(dag.upstream) for parent in row]


def scales_of(plane: Plane) -> list[Scale]:
    width = lambda node: 3 + node % 5  # noqa: E731 - any width must do
    return [
        *(scale_of(plane, zoom, width) for zoom in Zoom),
        scale_of(plane, Zoom.LABEL, width, pitch=2),
    ]


def check_places(plane: Plane) -> None:
    for layer, items in enumerate(plane.layers):
        rows = [plane.row[item] for item in items]
        assert all(above < below for above, below in pairwise(rows)), "nodes overlap"
        assert all(plane.proper.layer[item] == layer for item in items)
        assert all(0 <= row < plane.rows and not plane.spare[row] for row in rows)
    assert sorted(i for items in plane.layers for i in items) == list(range(len(plane.row)))


def check_wires(plane: Plane, scale: Scale, marked: dict[Edge, Mark]) -> None:
    """From every item exactly its own targets are reached, by looking at the cells alone."""
    wires = Wires(plane, scale)
    wires.mark(marked)
    for gap, routed in enumerate(plane.gaps):
        block = wires.block(gap, 0, scale.height)
        row_at = {scale.line[plane.row[item]]: item for item in plane.layers[gap + 1]}
        for item in plane.layers[gap]:
            net = routed.nets[routed.net_of[item]] if item in routed.net_of else None
            wanted = set(net.targets) if net is not None and net.track != CUT else set()
            found = {row_at[y] for y in reached_rows(block, scale.line[plane.row[item]])}
            assert found == wanted, f"{item} in gap {gap}:\n{picture(block, GLYPHS)}"


def check_edges(dag: Dag, plane: Plane) -> None:
    """Every edge is a path of pieces that are wired, or is known as cut or as a jump."""
    for source, target in edges_of(dag):
        path = plane.proper.path(source, target)
        if path is None:
            assert (source, target) in plane.proper.jumps
            continue
        assert (path[0], path[-1]) == (source, target)
        for left, right in pairwise(path):
            routed = plane.gaps[plane.proper.layer[left]]
            assert right in routed.nets[routed.net_of[left]].targets


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_overlaps_and_wires_lead_exactly_where_the_edges_do(shape: str) -> None:
    dag = dag_of(SHAPES[shape])
    plane = lay_out(dag)
    check_places(plane)
    check_edges(dag, plane)
    marked = dict.fromkeys(edges_of(dag)[::3], Mark.CRITICAL)
    for scale in scales_of(plane):
        check_wires(plane, scale, {})
        check_wires(plane, scale, marked)


@settings(deadline=None, max_examples=150)
@given(
    upstreams(),
    st.integers(0, 3),
    st.sampled_from([0, 3, MAX_TRACKS]),
    st.sampled_from([None, 0, 5]),
    st.data(),
)
def test_any_graph_is_drawn_truthfully_with_any_limit(
    upstream: Upstream, zoom: int, tracks: int, budget: int | None, data: st.DataObject
) -> None:
    dag = dag_of(upstream)
    plane = lay_out(dag, max_tracks=tracks, budget=budget)
    check_places(plane)
    check_edges(dag, plane)
    edges = edges_of(dag)
    marks = st.sampled_from(list(Mark)[1:])
    marked = data.draw(st.dictionaries(st.sampled_from(edges), marks)) if edges else {}
    scale = scale_of(plane, Zoom(zoom), lambda node: 1 + node % 3, pitch=1 + zoom % 2)
    check_wires(plane, scale, {})
    check_wires(plane, scale, marked)


@settings(deadline=None, max_examples=40)
@given(upstreams())
def test_with_default_limits_a_small_graph_has_neither_cuts_nor_jumps(upstream: Upstream) -> None:
    plane = lay_out(dag_of(upstream))
    assert not plane.proper.jumps
    assert not any(gap.cuts for gap in plane.gaps)


@settings(deadline=None, max_examples=40)
@given(upstreams())
def test_the_same_graph_is_always_laid_out_the_same(upstream: Upstream) -> None:
    first, second = lay_out(dag_of(upstream)), lay_out(dag_of(upstream))
    assert first.row == second.row
    assert first.layers == second.layers
    assert first.gaps == second.gaps


@settings(deadline=None, max_examples=60)
@given(upstreams(), st.integers(0, 3), st.integers(1, 9))
def test_a_part_of_a_picture_is_the_part_of_the_picture(
    upstream: Upstream, zoom: int, height: int
) -> None:
    plane = lay_out(dag_of(upstream))
    scale = scale_of(plane, Zoom(zoom), lambda _: 4)
    for gap in range(len(plane.gaps)):
        whole = Wires(plane, scale).block(gap, 0, scale.height)
        parts = Wires(plane, scale)
        for top in range(0, scale.height, height):
            part = parts.block(gap, top, min(scale.height, top + height))
            assert part.cells == whole.cells[top : top + height]


def test_every_node_is_right_of_its_upstream() -> None:
    dag = dag_of(tangle(300))
    assert all(dag.layers[parent] < dag.layers[node] for parent, node in edges_of(dag))


@pytest.mark.parametrize(
    ("upstream", "most_rows", "most_columns"),
    [
        pytest.param(star(5000), 5000, 40, id="a star is not as wide as it has leaves"),
        pytest.param(bipartite(100), 100, 30, id="a bipartite graph is one bundle"),
        pytest.param(bipartite(100, 0.5), 200, 60, id="half a bipartite graph is capped"),
        pytest.param(tangle(2000), 2000, 2000, id="a tangle is capped"),
    ],
)
def test_great_graphs_stay_within_bounds(
    upstream: Upstream, most_rows: int, most_columns: int
) -> None:
    plane = lay_out(dag_of(upstream))
    scale = scale_of(plane, Zoom.LABEL, lambda _: 10)
    assert plane.rows <= most_rows
    assert scale.width <= most_columns
    assert max(gap.tracks for gap in plane.gaps) <= MAX_TRACKS


def test_the_bends_of_long_edges_are_bounded_and_the_rest_are_jumps() -> None:
    dag = dag_of(tangle(3000))
    plane = lay_out(dag, budget=500)
    assert len(plane.row) <= 3500
    assert plane.proper.jumps


def test_a_chain_of_ten_thousand_takes_one_row() -> None:
    plane = lay_out(dag_of(chain(10_000)))
    assert plane.rows == 1
    assert all(not gap.tracks for gap in plane.gaps)


def test_a_missing_node_and_a_cycle_are_refused() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        dag_of([[3]])
    with pytest.raises(ValueError, match="cycle"):
        dag_of([[1], [0]])
    with pytest.raises(ValueError, match="cycle"):
        dag_of([[0]])


def test_layout_knows_no_screen() -> None:
    program = (
        "import pkgutil, sys, tui.layout\n"
        "for module in pkgutil.iter_modules(tui.layout.__path__):\n"
        "    __import__(f'tui.layout.{module.name}')\n"
        "print(*sorted({'textual', 'rich', 'rustworkx', 'numpy'} & set(sys.modules)))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == ""
