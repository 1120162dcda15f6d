"""Rewrites shell text to say the same in a way that the grammar reads as a shell does."""

import re
from typing import Final

_CONTINUED: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\\n")
"""A backslash at the end of a line, which is not escaped itself."""
_PIECE: Final = re.compile(
    r"\\.|'[^']*'|`(?P<command>(?:\\.|[^`\\])*)`|(?<!\S)\#[^\n]*|\"", re.DOTALL
)
_ESCAPED: Final = re.compile(r"\\([$`\\])")


def plain_source(text: str) -> str:
    """Return the text with its lines joined and `` `...` `` written as `$(...)`.

    The grammar ends a word where a line is continued, and takes what is between two substitutions
    with backquotes for a part of the first.
    """
    text = _CONTINUED.sub(r"\1", text)
    if "`" not in text:
        return text
    parts: list[str] = []
    index, is_quoted = 0, False
    while (match := _PIECE.search(text, index)) is not None:
        piece, command = match[0], match["command"]
        if is_quoted and piece[0] in "'#":  # it means nothing within double quotes
            piece = piece[0]
        elif piece == '"':
            is_quoted = not is_quoted
        end = match.start() + len(piece)
        if command is not None:
            piece = "$(" + _ESCAPED.sub(r"\1", command) + ")"
        parts += [text[index : match.start()], piece]
        index = end
    return "".join(parts) + text[index:]
