"""Finds the first syntax error of a JSON text, independently of the Python version.

The positions and messages of the json module differ between versions: 3.13 points at a trailing
comma, earlier versions behind it.
"""

import re
from typing import NamedTuple

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = r'[^"\\\x00-\x1f]*'
_STRING_START = re.compile(rf'"{_PLAIN}(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{{4}}){_PLAIN})*')
"""A string up to its closing quote, or to the first character that is not allowed in it."""
_LITERAL = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|NaN|-?Infinity"
)
_CLOSING = {"{": "}", "[": "]"}


class JsonFault(NamedTuple):
    """The first syntax error of a text: its offset, what is wrong, and a hint."""

    offset: int
    message: str
    hint: str | None = None


def find_fault(text: str) -> JsonFault | None:
    """Return the first syntax error of `text`, None for JSON (NaN and Infinity are accepted)."""
    return _Grammar(text).first_fault()


class _Grammar:
    """A single pass over the tokens with an explicit stack, so that depth is not limited."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[str] = []

    def first_fault(self) -> JsonFault | None:
        """Parse one value up to the end of the text."""
        fault = self._value()
        while fault is None and self._open:
            fault = self._behind_value()
        if fault is None and self._next():
            fault = self._fault("unexpected text after the end of the data", "remove it")
        return fault

    def _fault(self, message: str, hint: str | None = None) -> JsonFault:
        return JsonFault(self._at, message, hint)

    def _next(self) -> str:
        """Skip white space; return the character there, an empty text at the end."""
        match = _SPACE.match(self._text, self._at)
        self._at = self._at if match is None else match.end()
        return self._text[self._at : self._at + 1]

    def _value(self) -> JsonFault | None:
        """Parse a scalar, or all opening brackets up to the first scalar or empty collection."""
        while (character := self._next()) in _CLOSING:
            self._at += 1
            if self._next() == _CLOSING[character]:
                self._at += 1
                return None
            self._open.append(character)
            if character == "{" and (fault := self._key(None)):
                return fault
        if character == '"':
            return self._string()
        match = _LITERAL.match(self._text, self._at)
        if match is None:
            return self._fault("a value is missing")
        self._at = match.end()
        return None

    def _behind_value(self) -> JsonFault | None:
        """Parse the end of the innermost collection, or a comma and the next value."""
        opening = self._open[-1]
        closing = _CLOSING[opening]
        character = self._next()
        if character == closing:
            self._at += 1
            self._open.pop()
            return None
        if character != ",":
            return self._fault("a `,` or a closing bracket is missing")
        self._at += 1
        trailing = f"no comma before `{closing}`" if self._next() == closing else None
        if opening == "{":
            return self._key(trailing) or self._value()
        return self._fault("a value is missing", trailing) if trailing else self._value()

    def _key(self, hint: str | None) -> JsonFault | None:
        """Parse a key and its colon."""
        if self._next() != '"':
            return self._fault("a key in double quotes is missing", hint)
        if fault := self._string():
            return fault
        if self._next() != ":":
            return self._fault("a key without `:`")
        self._at += 1
        return None

    def _string(self) -> JsonFault | None:
        """Parse a string."""
        match = _STRING_START.match(self._text, self._at)
        end = self._at if match is None else match.end()
        stopped_by = self._text[end : end + 1]
        if stopped_by == '"':
            self._at = end + 1
            return None
        if not stopped_by:
            return self._fault("the text ends inside quotes", "close the quotes")
        self._at = end
        if stopped_by == "\\":
            return self._fault("unknown escape", "a backslash is written \\\\")
        return self._fault("a line break or control character in quotes", "write \\n")
