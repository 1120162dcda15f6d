"""Decodes the text of a mission file, and maps offsets to lines and columns."""

from bisect import bisect_right

from msgspec import Struct

from core.mission_file.finding.code import Code

_WINDOW = 160
_BEFORE = 60
_BOM = "\ufeff"
_OTHER_ENCODINGS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class Span(Struct, frozen=True):
    """Characters `start` to `end` (exclusive) of a text."""

    start: int
    end: int


class LinePosition(Struct, frozen=True):
    """A span as an editor shows it. Line and column count from 1."""

    line: int
    column: int
    source_line: str
    caret: int
    length: int


class TextError(Exception):
    """Raised when bytes are not UTF-8 text; `text` is what could be decoded, to show the place."""

    def __init__(self, code: Code, message: str, hint: str, text: str, index: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.text = text
        self.index = index


def decode(content: bytes) -> str:
    """Return the text of UTF-8 bytes without its byte order mark; raise `TextError`."""
    for mark, name in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise TextError(
                Code.ENCODING, f"the file is {name}, not UTF-8", "save it as UTF-8", "", 0
            )
    nul = content.find(b"\0")
    if nul >= 0:
        before = content[:nul].decode("utf-8", "replace")
        raise TextError(
            Code.BINARY, "the file is binary", "a mission file is text", before, len(before)
        )
    try:
        return content.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        text = content.decode("utf-8", "replace").removeprefix(_BOM)
        index = len(content[: error.start].decode("utf-8").removeprefix(_BOM))
        byte = content[error.start]
        raise TextError(
            Code.ENCODING,
            f"byte 0x{byte:02x} is not valid UTF-8",
            "save the file as UTF-8",
            text,
            index,
        ) from error


class Lines:
    """Where lines begin in a text. Lines end as editors end them: LF, CR LF or CR."""

    def __init__(self, text: str) -> None:
        self.text = text
        if "\r" in text:
            text = text.replace("\r\n", " \n").replace("\r", "\n")
        self._starts = [0]
        at = text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = text.find("\n", at + 1)

    def line_of(self, index: int) -> int:
        """Return the number (from 1) of the line that holds character `index`."""
        return bisect_right(self._starts, index)

    def place(self, span: Span) -> LinePosition:
        """Return where a span begins, with its line or the part of a long line around it."""
        index = min(span.start, len(self.text))
        line = self.line_of(index)
        start = self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(self.text)
        whole = self.text[start : min(end, index + _WINDOW)].rstrip("\r\n")
        offset = index - start
        length = max(1, min(span.end, start + len(whole)) - index)
        skip = max(0, offset - _BEFORE) if offset > _WINDOW - _BEFORE else 0
        shown = whole[skip : skip + _WINDOW]
        return LinePosition(
            line, offset + 1, shown, min(offset - skip, len(shown)), min(length, _WINDOW)
        )
