import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.value.timestamp import SECOND_NS
from tui.layout.braille import Raster
from tui.layout.timeline import coverage, elapsed_text, ticks, window_of

instants = st.integers(0, 10**19)


@given(instants, instants, st.integers(1, 300), st.integers(0, 16), st.floats(-1, 2))
@example(0, 15_438_451_513_690_579, 1, 9, 1.0)
def test_ticks_are_inside_the_window_in_order_and_apart(
    first: int, span: int, width: int, zoom: int, shift: float
) -> None:
    window = window_of(first, first + span, width, zoom, shift)
    found = ticks(window)
    places = [x for x, _ in found]
    assert all(0 <= x < width for x in places)
    assert all(b - a >= 8 for a, b in itertools.pairwise(places))
    assert window.start >= first
    assert window.end <= first + max(1, span)


def test_all_of_the_time_is_shown_at_first_and_half_of_it_one_level_deeper() -> None:
    whole = window_of(0, 100, 10, 0, 1.0)
    assert (whole.start, whole.end) == (0, 100)
    late = window_of(0, 100, 10, 1, 1.0)
    assert (late.start, late.end) == (50, 100)
    early = window_of(0, 100, 10, 1, 0.0)
    assert (early.start, early.end) == (0, 50)
    assert late.x(75) == 5.0


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000))), st.integers(1, 50))
def test_coverage_adds_up_to_the_time_covered(spans: list[tuple[int, int]], width: int) -> None:
    spans = [(min(pair), max(pair)) for pair in spans]
    window = window_of(0, 1000, width, 0, 0.0)
    busy = coverage(spans, window)
    assert len(busy) == width
    assert sum(busy) * window.cell == pytest.approx(sum(end - start for start, end in spans))


def test_what_is_outside_of_the_window_covers_nothing() -> None:
    window = window_of(0, 1000, 10, 1, 1.0)
    assert coverage([(0, 400)], window) == [0.0] * 10
    assert coverage([(0, 1000)], window) == [1.0] * 10


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0, "0"),
        (250_000_000, "250ms"),
        (1_500_000_000, "1.5s"),
        (90 * SECOND_NS, "1m30s"),
        (120 * SECOND_NS, "2m"),
        (2 * 3600 * SECOND_NS, "2h"),
        (5400 * SECOND_NS, "1h30m"),
        (30 * 3600 * SECOND_NS, "1d 6h"),
    ],
)
def test_round_times_are_short(span: int, text: str) -> None:
    assert elapsed_text(span) == text


@given(
    st.integers(1, 40),
    st.integers(1, 20),
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.data(),
)
def test_every_point_of_a_plane_has_a_braille_cell(
    columns: int, lines: int, width: int, height: int, data: st.DataObject
) -> None:
    raster = Raster(columns, lines, width, height)
    x = data.draw(st.integers(0, width - 1))
    y = data.draw(st.integers(0, height - 1))
    raster.dot(x, y, 7)
    column, line = raster.cell_of(x, y)
    assert raster.owners[column, line] == [7]
    assert 0x2800 < ord(raster.glyph(column, line)) <= 0x28FF
    assert 0 <= column < columns
    assert 0 <= line < lines
