"""Wraps the layers of a plane into bands below each other, as words are wrapped into lines."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tui.layout.cell_scale import Scale
from tui.layout.layered_layout import Plane

ENTRY_CELLS = 2
"""Cells in front of the first layer of a band, where the wires from the band above come in."""
EXIT_CELLS = 1
"""Cells behind the last gap of a band, where its wires leave for the band below."""
BLANK_LINES = 1
"""Lines between two bands."""


@dataclass(frozen=True, slots=True)
class Band:
    """Layers `first`..`last - 1`, drawn from line `top` on.

    `shift` is added to x to get the plane's x; `skipped` lines of the plane, in which the band has
    nothing, are left out above it.
    """

    first: int
    last: int
    top: int
    height: int
    skipped: int
    shift: int
    width: int
    goes_on: bool

    @property
    def has_entry(self) -> bool:
        """Whether it continues the band above."""
        return self.first > 0


def wrap(plane: Plane, scale: Scale, width: int | None) -> tuple[Band, ...]:
    """Cut a plane into bands of at most `width` cells, but of one layer at least.

    Without a width there is one band.
    """
    layers = len(plane.layers)
    if width is None or scale.width <= width:
        return (Band(0, layers, 0, scale.height, 0, 0, scale.width, goes_on=False),)
    bands: list[Band] = []
    first = top = 0
    while first < layers:
        entry = ENTRY_CELLS if first else 0
        last = first + 1
        while last < layers and _end(scale, last, layers) - scale.column[first] + entry <= width:
            last += 1
        start, stop = _lines(plane, scale, first, last)
        bands.append(
            Band(
                first,
                last,
                top,
                stop - start,
                start,
                scale.column[first] - entry,
                _end(scale, last - 1, layers) - scale.column[first] + entry,
                goes_on=last < layers,
            )
        )
        top += stop - start + BLANK_LINES
        first = last
    return tuple(bands)


def band_at(bands: Sequence[Band], y: int) -> Band | None:
    """Return the band that holds line `y`; None for a line between bands or outside."""
    number = bisect_right(bands, y, key=lambda band: band.top) - 1
    if number < 0 or y >= bands[number].top + bands[number].height:
        return None
    return bands[number]


def _end(scale: Scale, layer: int, layers: int) -> int:
    """Return where a band that ends with this layer ends, with what leads to the next band."""
    end = scale.column[layer] + scale.column_width[layer]
    return end + scale.gap_width[layer] + EXIT_CELLS if layer + 1 < layers else end


def _lines(plane: Plane, scale: Scale, first: int, last: int) -> tuple[int, int]:
    """Return the first line of the plane that a band draws on, and the one behind the last."""
    rows = [plane.row[item] for items in plane.layers[first : last + 1] for item in items]
    for gap in plane.gaps[first:last]:
        rows += [row for net in gap.nets if net.track >= 0 for row in (net.low, net.high)]
    for frame in plane.frames:
        if frame.first < last and frame.last >= first:
            rows += [frame.top, frame.bottom]
    low, high = min(rows), max(rows)
    stop = scale.top[high + 1] if high + 1 < len(scale.top) else scale.height
    return scale.top[low], stop
