"""Frames hold exactly the nodes of their cluster, whatever the graph and the nesting."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.graphs import Upstream, upstreams
from tests.tui.layout.test_layered_layout import check_edges, check_places
from tui.layout.dag import dag_of
from tui.layout.frames.cluster import OUTSIDE, Clusters
from tui.layout.layered_layout import lay_out


@st.composite
def clusters_over(draw: st.DrawFn, nodes: int) -> Clusters:
    """Clusters, some within others, outermost first as a walk down meets them."""
    parents: list[int] = []
    for cluster in range(draw(st.integers(1, 4))):
        above = [OUTSIDE]
        if cluster:  # the walk is in the cluster before, or in one around that
            above += Clusters((), parents).around(cluster - 1)
        parents.append(draw(st.sampled_from(above)))
    of = draw(
        st.lists(st.integers(OUTSIDE, len(parents) - 1), min_size=nodes - 1, max_size=nodes - 1)
    )
    return Clusters([OUTSIDE, *of], parents)


@settings(deadline=None, max_examples=60)
@given(upstreams(), st.data())
def test_a_frame_holds_its_nodes_and_no_others(upstream: Upstream, data: st.DataObject) -> None:
    rooted = [[], *([*(parent + 1 for parent in row), 0] for row in upstream)]  # one component
    dag = dag_of(rooted)
    clusters = data.draw(clusters_over(len(dag)))
    plane = lay_out(dag, clusters=clusters)
    check_places(plane)
    check_edges(dag, plane)
    layer = plane.proper.layer
    frames = {frame.cluster: frame for frame in plane.frames}
    for cluster, frame in frames.items():
        for node in range(len(dag)):
            inside = (
                frame.top < plane.row[node] < frame.bottom
                and frame.first <= layer[node] <= frame.last
            )
            assert inside == (cluster in clusters.around(clusters.of[node]))
        around = clusters.parents[cluster]
        if around in frames:
            assert frames[around].top < frame.top
            assert frames[around].bottom > frame.bottom
    edges = [edge for frame in frames.values() for edge in (frame.top, frame.bottom)]
    assert len(set(edges)) == len(edges)
    assert not set(edges) & set(plane.row), "no node and no wire lies on the edge of a frame"
