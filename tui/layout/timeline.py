"""A window of time in cells: positions of instants, ticks of the axis, load of each cell.

Instants are integer nanoseconds; positions are cells from the window's left edge, with fractions.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from core.value.timestamp import SECOND_NS

_STEPS = tuple(
    round(step * SECOND_NS)
    for step in (
        *(n / 1000 for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        *(1, 2, 5, 10, 15, 30),
        *(60 * n for n in (1, 2, 5, 10, 15, 30)),
        *(3600 * n for n in (1, 2, 3, 6, 12)),
        *(86400 * n for n in (1, 2, 7, 30, 90, 365)),
    )
)


@dataclass(frozen=True, slots=True)
class Window:
    """`width` cells that show the time from `start` to `end`; `zero` is where the axis begins."""

    start: int
    end: int
    width: int
    zero: int

    @property
    def cell(self) -> float:
        """The length of one cell in nanoseconds, never zero."""
        return max(1.0, (self.end - self.start) / max(1, self.width))

    def holds(self, start: int, end: int) -> bool:
        """Tell whether a time span overlaps the window."""
        return start < self.end and end >= self.start

    def x(self, at: int) -> float:
        """Return the position of an instant; outside of 0..width if it is not in the window."""
        return (at - self.start) / self.cell


def window_of(first: int, last: int, width: int, zoom: int, shift: float) -> Window:
    """Return the window at a zoom level (0 shows all, each level half as much).

    `shift` 0..1 says which part is shown: 0 the earliest, 1 the latest.
    """
    span = max(1, last - first)
    shown = max(1, span >> zoom)
    hidden = span - shown
    start = first + min(hidden, round(hidden * max(0.0, min(1.0, shift))))  # rounding may exceed it
    return Window(start, start + shown, width, first)


def ticks(window: Window, room: int = 9) -> list[tuple[int, str]]:
    """Return the positions and texts of round elapsed times, at least `room` cells apart."""
    least = room * window.cell
    years = _STEPS[-1] * math.ceil(least / _STEPS[-1])
    step = next((s for s in _STEPS if s >= least), years)
    found = []
    at = window.zero + -(-(window.start - window.zero) // step) * step
    while at < window.end:
        x = int(window.x(at))
        if x < window.width:
            found.append((x, elapsed_text(at - window.zero)))
        at += step
    return found


def elapsed_text(span: int) -> str:
    """Format a round time since the start: `0`, `250ms`, `1m30s`, `2h`, `1d 6h`."""
    if span == 0:
        return "0"
    if span < SECOND_NS:
        return f"{span // 1_000_000}ms"
    seconds, rest = divmod(span, SECOND_NS)
    if rest and seconds < 60:
        return f"{span / SECOND_NS:.3f}".rstrip("0") + "s"
    days, seconds = divmod(seconds, 86400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    if days:
        return f"{days}d {hours}h" if hours else f"{days}d"
    if hours:
        return f"{hours}h{minutes:02}m" if minutes else f"{hours}h"
    if minutes:
        return f"{minutes}m{seconds:02}s" if seconds else f"{minutes}m"
    return f"{seconds}s"


def coverage(spans: Iterable[tuple[int, int]], window: Window) -> list[float]:
    """Return for each cell the average number of spans (start, end) that were open in it."""
    width = window.width
    part = [0.0] * (width + 1)
    change = [0] * (width + 2)
    for start, end in spans:
        left, right = max(0.0, window.x(start)), min(float(width), window.x(end))
        if right <= left:
            continue
        first, last = int(left), int(right)
        if first == last:
            part[first] += right - left
        else:
            part[first] += first + 1 - left
            part[last] += right - last
            change[first + 1] += 1
            change[last] -= 1
    found = []
    whole = 0
    for cell in range(width):
        whole += change[cell]
        found.append(whole + part[cell])
    return found
