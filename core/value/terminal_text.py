r"""Characters that a terminal would interpret or hide, and how many cells a text takes.

This is the only list of unsafe characters and the only width function. The joiners U+200C and
U+200D are not unsafe: Persian and emoji need them.

Patterns are compiled on first use (`re` keeps them): most texts of most commands are ASCII, and
compiling these classes takes longer than printing the rest.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

SEQUENCE = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves, erasing
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c)?"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"  # every other escape
)
"""Whole escape sequences (ECMA-48, xterm). An unterminated one extends to the end of its line; a
lone ESC is not one."""

_SEQUENCE_BYTES = (
    rb"\x1b\[[0-?]*[ -/]*[@-~]"
    rb"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"
    rb"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"
    rb"|\x1b[ -/]*[0-~]"
)
"""`SEQUENCE` in encoded text, without the forms that begin with a C1 control."""
_C1_BYTES = rb"\xc2[\x80-\x9f]"

INVISIBLE = (
    r"\u00ad"  # soft hyphen
    r"\u061c\u200e\u200f\u202a-\u202e"  # bidirectional controls
    r"\u180e\u200b\ufeff"  # zero-width spaces
    r"\u2060-\u206f"  # word joiner, invisible operators, bidirectional isolates
    r"\ufff9-\ufffb"  # interlinear annotation
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # shorthand and musical format controls
    r"\U000e0000-\U000e007f"  # tags
)
"""Format characters that draw nothing, as the inside of a character class."""

UNSAFE = (
    r"\x7f-\x9f"  # DEL and C1
    r"\u2028\u2029"  # line and paragraph separators
    r"\ud800-\udfff" + INVISIBLE  # lone surrogates, which no encoding can represent
)
"""Everything unsafe beyond C0, as the inside of a character class: C0 depends on the purpose."""

_UNSAFE = f"[\x00-\x1f{UNSAFE}]"
_BLANKS = str.maketrans("\t\n\r", "   ")

_ZERO_WIDTH_CATEGORIES = frozenset({"Mn", "Me", "Mc", "Cf"})
_ZERO_WIDTH = (
    "[\u1160-\u11ff\ud7b0-\ud7fb\u3164\uffa0"  # Hangul vowels and finals, Hangul fillers
    "\U0001f3fb-\U0001f3ff]"  # skin tones
)
_NARROW_FORMAT = (  # format characters that are drawn, and the soft hyphen
    "[\u00ad\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]"
)
_WIDE = (  # wide since Unicode 16, whatever Python's own table says
    "[\u2630-\u2637\u268a-\u268f\u4dc0-\u4dff\U0001d300-\U0001d356\U0001d360-\U0001d376]"
)
_WIDE_WHEN_ASSIGNED = (  # blocks whose later additions are wide
    "[\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001f9ff\U0001fa70-\U0001faff"
    "\U00020000-\U0003fffd]"
)
_EMOJI_BASE = "[#*0-9\u00a9\u00ae\u203c\u2049\u2139]"
_JOINER, _EMOJI_PRESENTATION = "\u200d", "\ufe0f"
_COMBINING = f"[{_JOINER}{_EMOJI_PRESENTATION}]"
_CACHED_CHARACTERS = 512
"""Characters up to which the width of a text is cached."""
_KNOWN_CHARACTERS = 8192
"""Of how many characters the width is kept."""
_LOOKED_AT_CHARACTERS = 512
"""How much of a text is measured first to find its beginning that fits."""


def without_sequences(text: str) -> str:
    """Return a text without its escape sequences."""
    if "\x1b" not in text and text.isascii():
        return text
    return re.sub(SEQUENCE, "", text)


def without_sequences_in(data: bytes) -> bytes | None:
    """Return encoded text without its escape sequences; None if that takes decoding it."""
    if not data.isascii() and re.search(_C1_BYTES, data):
        return None
    return re.sub(_SEQUENCE_BYTES, b"", data) if b"\x1b" in data else data


def printable(text: str) -> str:
    """Return text as one line without anything a terminal would interpret or hide.

    Tabs and line breaks become blanks, other unsafe characters a visible placeholder of the same
    length, so that offsets into the text stay valid.
    """
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_UNSAFE, "�", text.translate(_BLANKS))


def width_of(text: str) -> int:
    """Return how many terminal cells a safe text takes.

    The rules are those of `rich.cells`, by which Textual lays out the screen.
    """
    if text.isascii():
        return len(text)
    return _width(text) if len(text) < _CACHED_CHARACTERS else sum(_widths(text))


def end_within(text: str, width: int) -> int:
    """Return the end of the longest part of a text, from its start, that fits `width` cells."""
    if text.isascii():
        return min(len(text), max(0, width))
    looked_at = _LOOKED_AT_CHARACTERS
    while True:
        end = bisect_right(list(accumulate(_widths(text[:looked_at]))), width)
        if end < looked_at:
            return end
        looked_at *= 4


def ends_within(text: str, width: int) -> list[int]:
    """Return the ends of the parts of a text that fit `width` cells each, one after the other.

    A part has at least one character, whatever its width.
    """
    if text.isascii():
        step = max(1, width)
        return [*range(step, len(text), step), len(text)]
    filled = list(accumulate(_widths(text)))
    ends: list[int] = []
    start = used = 0
    while start < len(text):
        start = max(start + 1, bisect_right(filled, used + width, start))
        used = filled[start - 1]
        ends.append(start)
    return ends


@lru_cache(maxsize=4096)
def _width(text: str) -> int:
    return sum(_widths(text))


def _widths(text: str) -> Sequence[int]:
    """Return for each character by how many cells it moves the cursor on."""
    alone = text.translate(_WIDTHS).encode("latin-1")  # many times as fast as one by one
    if _JOINER not in text and _EMOJI_PRESENTATION not in text:
        return alone
    widths = bytearray(alone)
    joined = -1  # drawn as one with what is before the joiner
    presented = -1  # where the last base was looked for
    for found in re.finditer(_COMBINING, text):
        at = found.start()
        if at == joined:
            continue
        if found[0] == _JOINER:
            if at + 1 < len(text) and not text[at + 1].isascii():
                joined = at + 1
                widths[joined] = 0
            continue
        base = at - 1
        while base > presented and not widths[base]:
            base -= 1
        widths[at] = base > presented and _is_narrow_emoji(text[base])
        presented = at
    return widths


class _Widths(dict[int, int]):
    """The widths of characters that were met, by code point; asked by `str.translate`."""

    def __missing__(self, code: int) -> int:
        if len(self) >= _KNOWN_CHARACTERS:
            self.clear()
        width = self[code] = _character_width(chr(code))
        return width


_WIDTHS = _Widths()


def _character_width(character: str) -> int:
    category = unicodedata.category(character)
    if category in _ZERO_WIDTH_CATEGORIES:
        return 1 if re.match(_NARROW_FORMAT, character) else 0
    if re.match(_ZERO_WIDTH, character):
        return 0
    if category == "Cn":  # not yet known to this Python
        return 2 if re.match(_WIDE_WHEN_ASSIGNED, character) else 1
    if re.match(_WIDE, character):
        return 2
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _is_narrow_emoji(character: str) -> bool:
    if _character_width(character) != 1:
        return False
    return bool(re.match(_EMOJI_BASE, character)) or unicodedata.category(character) in {"So", "Sm"}
