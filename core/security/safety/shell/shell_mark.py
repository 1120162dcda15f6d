"""Marks within expanded words: what was quoted, what nobody knows, and where a word is split.

An expanded word is a text in which a wildcard that a shell would expand stands as it is, and a
quoted one as a mark. The marks are characters for private use, which `cleaned` removes from input.
"""

from typing import Final

UNKNOWN: Final = "\ue000"
"""A value that nobody knows before the shell runs."""
SPLIT: Final = "\ue001"
"""White space in the value of an unquoted expansion: the word ends here."""
HOME: Final = "\ue002"
"""A home folder whose path is not known."""
OWN_NAME: Final = "\ue003"
"""The value of `$0`: the script itself."""
ANY: Final = "\ue004"
"""A wildcard that was expanded already: any name."""
EMPTY: Final = "\ue005"
"""A quoted empty text: a word of its own."""

_QUOTED: Final = {character: chr(0xE010 + index) for index, character in enumerate("*?[~{},")}
_QUOTE: Final = str.maketrans(_QUOTED)
_PLAIN: Final = str.maketrans(
    {mark: character for character, mark in _QUOTED.items()}
    | {HOME: "~", ANY: "*", OWN_NAME: "$0", EMPTY: None, SPLIT: " "}
)
_MARKS: Final = str.maketrans(
    dict.fromkeys((UNKNOWN, SPLIT, HOME, OWN_NAME, ANY, EMPTY, *_QUOTED.values()), "?")
)


def cleaned(text: str) -> str:
    """Return `text` with characters that are marks here replaced."""
    return text.translate(_MARKS)


def quoted(text: str) -> str:
    """Return `text` as a quoted part of a word."""
    return text.translate(_QUOTE)


def plain(word: str) -> str:
    """Return a word as a program gets it; what is unknown stays as its mark."""
    return word.translate(_PLAIN)


def is_known(word: str) -> bool:
    """Tell whether no part of a word is unknown."""
    return UNKNOWN not in word
