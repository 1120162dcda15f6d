"""Makes untrusted text safe to display: no escape sequences, no bidirectional overrides.

The stored bytes stay unchanged; only what reaches the terminal is filtered. Which characters are
unsafe is defined in `core.value.terminal_text`. The command line makes them visible (`safe`,
`safe_line`), so that nothing is hidden in a pipe; the screen drops them (`clean`).
"""

import re
from functools import lru_cache
from itertools import pairwise

from core.value.terminal_text import INVISIBLE, SEQUENCE, UNSAFE, end_within, ends_within, width_of

TAB_WIDTH = 8
MAX_CHARACTERS_PER_CELL = 8
"""Characters per cell that are considered; more would be stacked combining marks."""

ELLIPSIS = "…"

_UNSAFE_TEXT = f"[\x00-\x08\x0b-\x1f{UNSAFE}]"
_UNSAFE_LINE = f"[\x00-\x1f{UNSAFE}]"
_UNSAFE_IN_JSON = f"[{UNSAFE}]"  # JSON itself escapes C0
_INVISIBLE = f"[{INVISIBLE}]"
_CONTROLS = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_CONTROLS |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
_CONTROLS |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)
_CONTROLS |= {0x2028: 0x20, 0x2029: 0x20}


def safe(text: str) -> str:
    """Return `text` safe for a terminal; of the control characters only line feed and tab remain.

    Whole escape sequences are dropped; other unsafe characters become visible (`␛`, or a JSON
    escape such as that of U+202E).
    """
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_UNSAFE_TEXT, _visible, re.sub(SEQUENCE, "", text))


def safe_line(text: str) -> str:
    """Return `text` as one line safe for a terminal; line breaks and tabs become visible."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_UNSAFE_LINE, _visible, re.sub(SEQUENCE, "", text))


def escape_json(text: str) -> str:
    """Escape in JSON text what a terminal could act on or hide and what UTF-8 cannot encode."""
    if text.isascii() and "\x7f" not in text:
        return text
    return re.sub(_UNSAFE_IN_JSON, _json_escape, text)


def last_overwritten(text: str) -> str:
    """Return the last version of a line that carriage returns overwrite."""
    if "\r" not in text:
        return text
    return next((part for part in reversed(text.split("\r")) if part), "")


def clean(text: str) -> str:
    """Return one line that is safe to draw, as a terminal would finally show it.

    Escape sequences and invisible controls are dropped, other controls become visible symbols, tabs
    are expanded, and of a line overwritten by carriage returns the last version is kept.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text or not text.isascii():
        text = re.sub(_INVISIBLE, "", re.sub(SEQUENCE, "", text))
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


def cut(text: str, width: int) -> str:
    """Cut a safe text to at most `width` cells, with an ellipsis in place of what is cut off."""
    if width_of(text) <= width:
        return text
    return text[: end_within(text, width - 1)] + ELLIPSIS if width > 0 else ""


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Pad a safe text with spaces to `width` cells; on the left if it is aligned `right`."""
    blank = " " * (width - width_of(text))
    return blank + text if right else text + blank


def fit(text: str, width: int) -> str:
    """Return a safe text in exactly `width` cells, cut with an ellipsis or padded with spaces."""
    return _fit(text[: MAX_CHARACTERS_PER_CELL * max(0, width)], width)


@lru_cache(maxsize=4096)
def _fit(text: str, width: int) -> str:
    if width <= 0:
        return ""
    if width_of(text) > width:
        text = text[: end_within(text, width - 1)].rstrip() + ELLIPSIS
    return pad(text, width)


def shorten(text: str, width: int) -> str:
    """Cut a safe text to at most `width` cells in the middle; similar names differ at the end."""
    if width_of(text) <= width:
        return text
    tail = ""
    for character in reversed(text):
        if width_of(character + tail) > width // 3:
            break
        tail = character + tail
    return fit(text, width - width_of(tail)).rstrip() + tail


def fit_right(text: str, width: int) -> str:
    """Return a safe text right-aligned in exactly `width` cells, cut if necessary."""
    return pad(text, width, right=True) if width_of(text) <= width else fit(text, width)


def wrap(text: str, width: int) -> list[str]:
    """Wrap a safe text to lines of at most `width` cells, at spaces where possible."""
    if width <= 0 or width_of(text) <= width:
        return [text]
    lines: list[str] = []
    line, used = "", 0
    written = text.rstrip()  # trailing spaces would make the pattern quadratic
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
    """Split a safe text into pieces of at most `width` cells; returns at least one piece."""
    if width <= 0 or width_of(text) <= width:
        return [text]
    return [text[start:end] for start, end in pairwise((0, *ends_within(text, width)))]


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(_CONTROLS[code]) if code < 0x80 else _json_escape(match)


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
