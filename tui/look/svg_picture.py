"""Makes Rich's SVG pictures of the screen look the same in every viewer.

Rich loads a font from the network and writes one `text` element for a run of cells, which the
viewer must stretch to `textLength`. Some viewers do not, and some drop spaces at the ends of a run.
"""

import re
from html import escape, unescape

from core.value.terminal_text import width_of

CELL_PIXELS = 12.2
"""The width of a cell in Rich's pictures, in pixels of the picture."""

PIECE_CHARACTERS = 6
"""Non-ASCII characters positioned at once: few enough not to drift out of their cells."""

_REMOTE = re.compile(r',\s*url\("https?://[^"]*"\)\s*format\("\w+"\)')
_RUN = re.compile(
    r'<text ([^>]*?) x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+"([^>]*)>([^<]*)</text>'
)
_WORDS = re.compile("[^\u00a0\\s]+")


def tidy(svg: str) -> str:
    """Return a picture of Rich's without remote fonts and with every word positioned explicitly."""
    return _RUN.sub(_placed, _REMOTE.sub("", svg))


def _placed(run: re.Match[str]) -> str:
    before, x, y, behind, inside = run.groups()
    text = unescape(inside)
    spans = []
    for word in _WORDS.finditer(text):
        size = len(word[0]) if word[0].isascii() else PIECE_CHARACTERS
        for at in range(word.start(), word.end(), size):
            piece = text[at : min(at + size, word.end())]
            left = float(x) + CELL_PIXELS * width_of(text[:at])
            shown = escape(piece, quote=False)
            width = CELL_PIXELS * width_of(piece)
            spans.append(f'<tspan x="{left:g}" textLength="{width:g}">{shown}</tspan>')
    return f'<text {before} y="{y}"{behind}>{"".join(spans)}</text>' if spans else ""
