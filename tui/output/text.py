"""Text of unknown origin made fit for a terminal: no escape sequences, no bidi controls.

Widths are in cells, after Unicode's East Asian Width and zero-width classes.
"""

import re
import unicodedata
from functools import lru_cache

from tui.words.escape_sequence import SEQUENCE

_CONTROL = (
    r"\x7f-\x9f"  # DEL and C1
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    r"\u2028\u2029"  # line breaks of their own kind
    r"\ufff9-\ufffb"  # interlinear annotation
    r"\U000e0000-\U000e007f"  # invisible tags
    r"\ud800-\udfff"  # halves of surrogate pairs: not text
)
_UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f{_CONTROL}]")
_UNSAFE_LINE = re.compile(f"[\x00-\x1f{_CONTROL}]")
_ESCAPE = re.compile(f"[{_CONTROL}]")

ELLIPSIS = "…"


def safe(text: str) -> str:
    """Return `text` that may go to a terminal: of what controls it only lines and tabs stay.

    Whole escape sequences are dropped; other control characters become visible (`␛`, `U+202E`
    as its JSON escape).
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_visible, SEQUENCE.sub("", text))


def safe_line(text: str) -> str:
    """Return `text` as one line that may go to a terminal; line breaks and tabs become visible."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE_LINE.sub(_visible, SEQUENCE.sub("", text))


def escape_json(text: str) -> str:
    """Escape in JSON text what a terminal could take as a command and UTF-8 cannot carry."""
    return text if text.isascii() and "\x7f" not in text else _ESCAPE.sub(_json_escape, text)


def cells(text: str) -> int:
    """Return how many terminal cells `text` takes."""
    return len(text) if text.isascii() else _cells(text)


@lru_cache(maxsize=256)
def _cells(text: str) -> int:
    total = previous = 0
    joined = False
    for char in text:
        code = ord(char)
        if code == 0x200D:
            joined = True
            continue
        if code == 0xFE0F:  # emoji presentation widens the character before it
            if previous == 1:
                total += 1
                previous = 2
            continue
        width = _width(char, code)
        if joined and width == 2:
            joined = False
            continue
        joined = False
        total += width
        if width:
            previous = width
    return total


def fit(text: str, width: int) -> str:
    """Cut `text` to `width` cells, an ellipsis in place of what is lost."""
    if cells(text) <= width:
        return text
    if width < 1:
        return ""
    kept: list[str] = []
    used = 0
    for char in text:
        size = cells(char)
        if used + size > width - 1:
            break
        kept.append(char)
        used += size
    return "".join(kept) + ELLIPSIS


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Fill `text` with spaces to `width` cells, in front of it when `right`."""
    blank = " " * max(0, width - cells(text))
    return blank + text if right else text + blank


def _width(char: str, code: int) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or 0x1160 <= code <= 0x11FF:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return _json_escape(match)


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
