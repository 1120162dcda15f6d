"""Wrapping of layers into bands."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.graphs import Upstream, chain, upstreams
from tui.layout.bands import EXIT_CELLS, band_at, wrap
from tui.layout.cell_scale import Zoom, scale_of
from tui.layout.dag import dag_of, put_last
from tui.layout.layered_layout import lay_out


@settings(deadline=None)
@given(upstreams(max_nodes=20), st.sampled_from(list(Zoom)), st.integers(1, 120))
def test_bands_hold_every_layer_once_in_order_and_keep_to_the_width(
    upstream: Upstream, zoom: Zoom, width: int
) -> None:
    plane = lay_out(dag_of(upstream))
    scale = scale_of(plane, zoom, lambda node: 10 + node % 3)
    bands = wrap(plane, scale, width)
    assert [n for band in bands for n in range(band.first, band.last)] == [
        *range(len(plane.layers))
    ]
    for band in bands:
        assert band.width <= width or band.last - band.first == 1
        assert band.goes_on == (band is not bands[-1])
    for above, below in pairwise(bands):
        assert above.top + above.height < below.top
        assert band_at(bands, above.top + above.height) is None
        assert band_at(bands, below.top) is below
    for band in bands:
        for layer in range(band.first, band.last):
            for item in plane.layers[layer]:
                assert band.skipped <= scale.line[plane.row[item]] < band.skipped + band.height


def test_a_chain_is_cut_where_the_next_layer_does_not_fit() -> None:
    plane = lay_out(dag_of(chain(5)))
    scale = scale_of(plane, Zoom.BOX, lambda _: 20)
    step = 20 + scale.gap_width[0]
    bands = wrap(plane, scale, 2 * step + EXIT_CELLS)
    assert [(band.first, band.last) for band in bands] == [(0, 2), (2, 3), (3, 5)]
    assert wrap(plane, scale, None)[0].width == scale.width


def test_handlers_stand_in_layers_behind_all_steps() -> None:
    dag, first = put_last(dag_of([[], [0], [], []]), {2, 3})
    assert (dag.layers, first) == ((0, 1, 2, 2), 2)
    assert put_last(dag_of([[], [0]]), ())[1] is None
    assert put_last(dag_of([[]]), {0})[1] is None
    plane = lay_out(dag, last={2, 3})
    assert plane.layers[2] == (2, 3)
    assert plane.rows == 2, "the handlers stand beside the steps, not below them"
