"""The scroll bar of live lists: what it does not repaint looks the same."""

from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.geometry import Size
from textual.scrollbar import ScrollBarRender

from tui.widgets.base.scroll_bar import PARTS_PER_CELL, QuietScrollBar


class Bar(QuietScrollBar):
    """A bar without an app: of a given height, with a given content."""

    def __init__(self, height: int, length: int, position: float) -> None:
        super().__init__()
        self._size = Size(1, height)
        self.set_reactive(QuietScrollBar.window_virtual_size, length)
        self.set_reactive(QuietScrollBar.window_size, height)
        self.set_reactive(QuietScrollBar.position, position)

    @property
    def cells(self) -> list[Segment]:
        """What Textual draws, from the top."""
        window = self.window_size if self.window_size < self.window_virtual_size else 0
        drawn = ScrollBarRender.render_bar(
            size=self.size.height,
            virtual_size=self.window_virtual_size,
            window_size=window,
            position=self.position,
        )
        return list(drawn.segments)


@given(
    st.integers(1, 60),
    st.tuples(st.integers(1, 20_000), st.floats(0, 1)),
    st.tuples(st.integers(1, 20_000), st.floats(0, 1)),
)
def test_only_the_cells_between_two_thumbs_differ(
    height: int, one: tuple[int, float], other: tuple[int, float]
) -> None:
    bars = [
        Bar(height, length, int(max(0, length - height) * share * 8) / 8)
        for length, share in (one, other)
    ]
    before, after = bars[0].thumb, bars[1].thumb
    pairs = zip(bars[0].cells, bars[1].cells, strict=True)
    differ = [at for at, (left, right) in enumerate(pairs) if left != right]
    if before == after:
        assert not differ
    elif differ:
        assert differ[0] >= max(0, min(before.start, after.start) // PARTS_PER_CELL)
        assert differ[-1] <= max(before.end, after.end) // PARTS_PER_CELL
