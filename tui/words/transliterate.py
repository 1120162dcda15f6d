"""Text in ASCII, for terminals that do not take UTF-8: twins of signs, letters without accents."""

from collections.abc import Callable
from unicodedata import normalize

from tui.words.state_glyphs import LOOKS

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
_TABLE = {look.sign: look.ascii for look in LOOKS.values()}
_TABLE |= {
    sign: other for signs, others in _PAIRS for sign, other in zip(signs, others, strict=True)
}


def to_ascii(text: str, width: Callable[[str], int]) -> str:
    """Return a safe text in ASCII that takes the same cells; what has no likeness becomes `?`.

    An accented letter becomes the letter. `width` says how many cells a character takes.
    """
    if text.isascii():
        return text
    return "".join(
        character if character.isascii() else _likeness(character, width) for character in text
    )


def _likeness(character: str, width: Callable[[str], int]) -> str:
    size = width(character)
    found = _TABLE.get(character)
    if found is None:
        letter = normalize("NFKD", character)[:1]
        found = letter if letter.isascii() else "?"
    return found * size if found == "?" else found.ljust(size)[:size]
