"""Draws the costs of the contenders as bars: an SVG that stands in the documentation."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

WIDTH = 760
LABEL_WIDTH = 120
BAR_HEIGHT = 12
ROW_HEIGHT = 38
HEAD_HEIGHT = 34
FONT = "font-family='system-ui, sans-serif' font-size='12'"
US = "mission"
LEGEND = (
    "Full bar: wall time a step. Faint bar: CPU time a step. "
    "Line: from the least to the greatest of the rounds."
)
STYLE = """
text { fill: #24292f } .bar { fill: #8c959f } .ours { fill: #0969da } .cpu { opacity: .5 }
line { stroke: #24292f }
@media (prefers-color-scheme: dark) {
  text { fill: #d1d5da } line { stroke: #d1d5da } .ours { fill: #58a6ff }
}
"""


class Bar(NamedTuple):
    """The cost of one contender: milliseconds a step, and the extremes of the rounds."""

    contender: str
    kind: str
    """`wall` or `CPU`."""
    value: float
    least: float
    greatest: float


def draw(results: dict[str, list[dict[str, Any]]], subtitle: str) -> str | None:
    """Return the picture of the results of a session, as `results.json` holds them.

    None if no contenders were measured.
    """
    groups = list(_groups(results))
    if not groups:
        return None
    rows = [len({bar.contender for bar in bars}) for _, bars in groups]
    height = sum(HEAD_HEIGHT + ROW_HEIGHT * count for count in rows) + 50
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' {FONT}>",
        f"<style>{STYLE}</style>",
        f"<text x='8' y='18'>{escape(subtitle)}</text>",
        f"<text x='8' y='36'>{LEGEND}</text>",
    ]
    top = 46.0
    for name, bars in groups:
        lines += _group(name, bars, top)
        top += HEAD_HEIGHT + ROW_HEIGHT * len({bar.contender for bar in bars})
    return "\n".join([*lines, "</svg>", ""])


def _groups(results: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, Sequence[Bar]]]:
    """Yield the workloads with the bars of their contenders, the fastest first."""
    found: dict[str, list[Bar]] = {}
    for figure in (one for name in ("true", "chain") for one in results.get(name, [])):
        load, _, rest = figure["name"].partition(", ")
        contender, _, what = rest.rpartition(", ")
        if what in {"wall a step", "CPU a step"} and figure["least"] is not None:
            numbers = (figure[key] for key in ("value", "least", "greatest"))
            found.setdefault(load, []).append(Bar(contender, what.split()[0], *numbers))
    for load, bars in found.items():
        wall = {bar.contender: bar.value for bar in bars if bar.kind == "wall"}
        shape, _, size = load.partition("_")
        title = f"{shape}, {int(size):,} steps"
        yield title, sorted(bars, key=lambda bar: (wall[bar.contender], bar.kind == "CPU"))


def _group(name: str, bars: Sequence[Bar], top: float) -> Iterator[str]:
    most = max(bar.greatest for bar in bars)
    scale = (WIDTH - LABEL_WIDTH - 110) / most
    yield f"<text x='8' y='{top + 22:.0f}' font-weight='bold'>{escape(name)}</text>"
    y = top + HEAD_HEIGHT - ROW_HEIGHT / 2
    before = None
    for bar in bars:
        if bar.contender != before:
            y += ROW_HEIGHT / 2
            yield f"<text x='8' y='{y + 16:.0f}'>{escape(bar.contender)}</text>"
            before = bar.contender
        kind = "ours" if bar.contender == US else "bar"
        faint = " cpu" if bar.kind == "CPU" else ""
        y_bar = y + 3 if bar.kind == "wall" else y + 3 + BAR_HEIGHT
        middle = y_bar + BAR_HEIGHT / 2
        left, right = (LABEL_WIDTH + scale * end for end in (bar.least, bar.greatest))
        yield (
            f"<rect class='{kind}{faint}' x='{LABEL_WIDTH}' y='{y_bar:.1f}' "
            f"width='{scale * bar.value:.1f}' height='{BAR_HEIGHT}'/>"
        )
        yield (
            f"<line x1='{left:.1f}' y1='{middle:.1f}' x2='{right:.1f}' y2='{middle:.1f}'/>"
            f"<text x='{right + 6:.1f}' y='{middle + 4:.1f}' font-size='10'>"
            f"{bar.value:.2f} ms</text>"
        )
        if bar.kind == "CPU":
            y += ROW_HEIGHT / 2
