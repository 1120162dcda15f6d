"""SVG pictures of the screen that look alike everywhere: nothing loaded, each cell in its place.

Rich writes one `text` element for a run of cells and leaves it to the viewer to stretch it, which
not every viewer does, nor do all keep blanks at the ends of a run.
"""

import re
from html import escape, unescape

from core.value.terminal_text import width_of

CELL = 12.2
"""The width of a cell in Rich's pictures."""

PIECE = 6
"""Signs placed at once: so few that no font drifts out of their cells."""

_REMOTE = re.compile(r',\s*url\("https?://[^"]*"\)\s*format\("\w+"\)')
_RUN = re.compile(
    r'<text ([^>]*?) x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+"([^>]*)>([^<]*)</text>'
)
_WORDS = re.compile("[^\u00a0\\s]+")


def tidy(svg: str) -> str:
    """Return a picture of Rich's with every run placed cell by cell where it has to be."""
    return _RUN.sub(_placed, _REMOTE.sub("", svg))


def _placed(run: re.Match[str]) -> str:
    before, x, y, behind, inside = run.groups()
    text = unescape(inside)
    spans = []
    for word in _WORDS.finditer(text):
        size = len(word[0]) if word[0].isascii() else PIECE
        for at in range(word.start(), word.end(), size):
            piece = text[at : min(at + size, word.end())]
            left = float(x) + CELL * width_of(text[:at])
            shown = escape(piece, quote=False)
            spans.append(
                f'<tspan x="{left:g}" textLength="{CELL * width_of(piece):g}">{shown}</tspan>'
            )
    return f'<text {before} y="{y}"{behind}>{"".join(spans)}</text>' if spans else ""
