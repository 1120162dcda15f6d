"""Transliterates text to ASCII for terminals without UTF-8: signs, and letters with accents."""

from collections.abc import Callable
from unicodedata import normalize

from tui.words.state_glyphs import APPEARANCES

_PAIRS = (
    ("▌▸▶›→", ">>>>>"),
    ("◂←", "<<"),
    ("▲↑▴", "^^^"),
    ("▼↓▾", "vvv"),
    ("●▣▦◆", "****"),
    ("…⋯·•", "~~.-"),
    ("━╸╺═", "===="),
    ("─╌┄┈▔▁—–", "--------"),
    ("│╷╵┃╎▏▕║⏎", "|||||||||"),
    ("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛╔╗╚╝", "+++++++++++++++++++++"),
    ("█▉▊▋▐▍▎▇▆▅▄▃▂▀", "#########==-_^"),
    ("░▒▓×", ".:%x"),
    ("‘’“”", "''\"\""),
)
_TABLE = {appearance.sign: appearance.ascii for appearance in APPEARANCES.values()}
_TABLE |= {
    sign: other for signs, others in _PAIRS for sign, other in zip(signs, others, strict=True)
}


def to_ascii(text: str, width: Callable[[str], int]) -> str:
    """Transliterate a safe text to ASCII of the same width; unknown characters become `?`.

    Letters lose their accents. `width` returns how many cells a character takes.
    """
    if text.isascii():
        return text
    return "".join(
        character if character.isascii() else _ascii_of(character, width) for character in text
    )


def _ascii_of(character: str, width: Callable[[str], int]) -> str:
    size = width(character)
    found = _TABLE.get(character)
    if found is None:
        letter = normalize("NFKD", character)[:1]
        found = letter if letter.isascii() else "?"
    return found * size if found == "?" else found.ljust(size)[:size]
