"""Splits the text of a Cedar file into statements and finds the line of what is wrong in one.

Knows the tokens of Cedar and no more of its grammar: `cedarpy` names no place of an error.
"""

import re
from collections.abc import Callable

from msgspec import Struct

from core.errors import PolicyFileError

MAX_NESTING = 24
"""Brackets within brackets, and `if` in one statement: Cedar's parser recurses without a limit.

A level takes up to 16 KiB of stack, and a thread has as little as 512 KiB (macOS).
"""

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n\r]*)|(?P<text>"(?:\\.|[^"\\])*")|(?P<word>[A-Za-z_][A-Za-z_0-9]*)|.""",
    re.DOTALL,
)
_IDENTIFIER = re.compile(r'[^"\\\x00-\x1f\x7f]{1,100}')
_OPENING, _CLOSING = "([{", ")]}"
_INCOMPLETE = "unexpected end of input"


class Token(Struct, frozen=True):
    """A token of Cedar, where it ends in the file, and its line from 1."""

    text: str
    end: int
    line: int


class Statement(Struct, frozen=True):
    """One policy of a file: its text, the line on which it begins, and its tokens."""

    text: str
    line: int
    tokens: tuple[Token, ...]
    start: int

    @property
    def effect(self) -> str:
        """`permit` or `forbid`; the empty text where neither stands behind the annotations."""
        index = 0
        while self._text(index) == "@":
            index += 2
            if self._text(index) == "(":
                index += 3
        word = self._text(index)
        return word if word in {"permit", "forbid"} else ""

    @property
    def identifier(self) -> str | None:
        """The text of the annotation `@id`, None without one.

        Raises `PolicyFileError` for one that would not stand in one line as it is written.
        """
        index = 0
        while self._text(index) == "@":
            if [self._text(index + offset) for offset in (1, 2)] == ["id", "("]:
                text = self._text(index + 3)[1:-1]
                if not _IDENTIFIER.fullmatch(text):
                    raise PolicyFileError(
                        f"the @id {text[:40]!r} is not 1 to 100 characters without line breaks,"
                        " quotes and backslashes"
                    )
                return text
            index += 5 if self._text(index + 2) == "(" else 2
        return None

    def _text(self, index: int) -> str:
        return self.tokens[index].text if index < len(self.tokens) else ""


def split(text: str) -> list[Statement]:
    """Return the statements of a Cedar file; what stands behind the last `;` counts as one.

    Raises `PolicyFileError` for a statement that is nested too deep to be parsed; its message
    begins with the number of the line.
    """
    found: list[Statement] = []
    tokens: list[Token] = []
    line, begin = 1, 0
    for match in _TOKEN.finditer(text):
        if match["skip"] is None:
            if not tokens:
                begin = match.start()
            tokens.append(Token(match[0], match.end(), line))
            if match[0] == ";":
                found.append(_statement(text, begin, tokens))
                tokens = []
        line += match[0].count("\n")
    if tokens:
        found.append(_statement(text, begin, tokens))
    return found


def _statement(text: str, begin: int, tokens: list[Token]) -> Statement:
    depth = conditions = 0
    for token in tokens:
        conditions += token.text == "if"
        if token.text in _OPENING:
            depth += 1
        elif token.text in _CLOSING:
            depth -= 1
        if max(depth, conditions) > MAX_NESTING:
            raise PolicyFileError(f"{token.line}: nested more than {MAX_NESTING} deep")
    return Statement(text[begin : tokens[-1].end], tokens[0].line, tuple(tokens), begin)


def error_line(statement: Statement, why: str, parse: Callable[[str], object]) -> int:
    """Return the line of the first token with which a statement cannot be parsed.

    `parse` raises `ValueError` for what cannot be parsed, `why` is what it said of the whole. The
    beginning of a statement is incomplete up to the token that is wrong, so it is searched for by
    halves. What is wrong with a whole statement is on its first line.
    """

    def is_wrong(count: int) -> bool:
        try:
            parse(statement.text[: statement.tokens[count - 1].end - statement.start])
        except ValueError as error:
            return _INCOMPLETE not in str(error)
        return False

    whole = len(statement.tokens)
    if _INCOMPLETE in why:
        return statement.tokens[-1].line
    low, high = 1, whole
    while low < high:
        middle = (low + high) // 2
        if is_wrong(middle):
            high = middle
        else:
            low = middle + 1
    is_about_token = statement.tokens[low - 1].text in why or "token" in why
    return statement.tokens[low - 1].line if low < whole or is_about_token else statement.line
