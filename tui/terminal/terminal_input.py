"""Decodes the bytes that a terminal sends; invalid bytes are dropped, never an error."""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterable

from textual._xterm_parser import XTermParser
from textual.message import Message

_OLD_MOUSE = re.compile(rb"\x1b\[M[\x00-\xff]{3}")
"""A mouse report of a terminal without SGR reports: button, column and row as a byte each.

Its column is no UTF-8 from 96 on. Textual understands only SGR reports, so it loses nothing.
"""
_OLD_MOUSE_BEGUN = re.compile(rb"\x1b\[M[\x00-\xff]{0,2}\Z")


class TerminalInput:
    """An incremental decoder of terminal input."""

    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")("ignore").decode
        self._begun = b""

    def take(self, data: bytes, *, final: bool = False) -> str:
        """Return the text decoded so far; `final` says that nothing follows."""
        data = _OLD_MOUSE.sub(b"", self._begun + data)
        begun = None if final else _OLD_MOUSE_BEGUN.search(data)
        self._begun = b"" if begun is None else begun.group()
        return self._decode(data[: len(data) - len(self._begun)], final)


def events_of(parser: XTermParser, text: str) -> Iterable[Message]:
    """Return what `text` means; the parser would take an empty text for the end of all input."""
    return parser.feed(text) if text else ()
