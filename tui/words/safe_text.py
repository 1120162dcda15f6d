"""Text from outside made safe to draw: no escape sequences, no bidirectional overrides, no markup.

The stored bytes stay as they came; this is only what reaches the terminal.
"""

import re
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from tui.words.escape_sequence import SEQUENCE, last_overwritten

TAB_WIDTH = 8
LONGEST = 8
"""Characters a cell that are ever looked at: more are combining marks on top of each other."""

_INVISIBLE = re.compile(
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_CONTROLS = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_CONTROLS |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
_CONTROLS |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)
_CONTROLS |= {0x2028: 0x20, 0x2029: 0x20}


def clean(text: str) -> str:
    """Return one line that is safe to draw and as a terminal would leave it.

    Escape sequences and invisible controls are dropped, other controls become visible symbols, tabs
    are expanded, and of a line overwritten by carriage returns the last version is kept.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text or not text.isascii():
        text = _INVISIBLE.sub("", SEQUENCE.sub("", text))
    text = last_overwritten(text)
    if "\t" in text:
        text = text.expandtabs(TAB_WIDTH)
    return text if text.isprintable() else text.translate(_CONTROLS)


def clean_line(text: str) -> str:
    """Return a possibly multi-line text as one safe line."""
    return clean(text.rstrip().replace("\r\n", "\n").replace("\n", " ⏎ "))


def clean_lines(text: str) -> list[str]:
    """Return a multi-line text as safe lines."""
    return [clean(line) for line in text.replace("\r\n", "\n").split("\n")]


def width_of(text: str) -> int:
    """Return how many terminal cells a safe text takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int) -> str:
    """Return a safe text in exactly `width` cells, cut with an ellipsis or filled with spaces."""
    return _fit(text[: LONGEST * max(0, width)], width)


@lru_cache(maxsize=4096)
def _fit(text: str, width: int) -> str:
    if width <= 0:
        return ""
    size = width_of(text)
    if size <= width:
        return text + " " * (width - size)
    if width == 1:
        return "…"
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)


def shorten(text: str, width: int) -> str:
    """Return a safe text in at most `width` cells; what is cut is taken from its middle.

    Names of one family differ at their ends.
    """
    if width_of(text) <= width:
        return text
    tail = ""
    for character in reversed(text):
        if width_of(character + tail) > width // 3:
            break
        tail = character + tail
    return fit(text, width - width_of(tail)).rstrip() + tail


def fit_right(text: str, width: int) -> str:
    """Return a safe text flush right in exactly `width` cells; what does not fit is cut."""
    size = width_of(text)
    return " " * (width - size) + text if size <= width else fit(text, width)


def wrap(text: str, width: int) -> list[str]:
    """Return a safe text in lines of at most `width` cells, broken at blanks if there are any."""
    if width <= 0 or width_of(text) <= width:
        return [text]
    lines: list[str] = []
    line, used = "", 0
    written = text.rstrip()  # a pattern that tried the blanks at the end would take n² steps
    words = re.findall(r"\s*\S+", written)
    if words:
        words[-1] += text[len(written) :]
    for word in words:
        size = width_of(word)
        if used + size <= width:
            line, used = line + word, used + size
            continue
        if line:
            lines.append(line)
            word = word.lstrip()
        *full, line = fold(word, width)
        lines.extend(full)
        used = width_of(line)
    return [*lines, line]


def fold(text: str, width: int) -> list[str]:
    """Return a safe text cut into pieces of at most `width` cells, at least one piece."""
    if width <= 0 or width_of(text) <= width:
        return [text]
    if text.isascii():
        return [text[start : start + width] for start in range(0, len(text), width)]
    pieces: list[str] = []
    piece, used = "", 0
    for character in text:
        size = cell_len(character)
        if used + size > width:
            pieces.append(piece)
            piece, used = "", 0
        piece += character
        used += size
    return [*pieces, piece]
