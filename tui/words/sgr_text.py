"""The colours that output asks for: SGR sequences (ECMA-48 8.3.117, xterm) beside the safe text.

The text is always that of `tui.words.safe_text.clean`; of all escape sequences only SGR has an
effect, and only as data: a colour is a number that the look turns into a style of the theme.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from core.value.terminal_text import INVISIBLE, SEQUENCE
from tui.words.safe_text import clean

MAX_COLOURED_CHARACTERS = 20_000
"""A longer line is drawn without colours: it is a blob, and parsed for each frame."""

Colour = int | tuple[int, int, int]
"""A number of the palette of 256 colours, or red, green and blue from 0 to 255."""


class Sgr(NamedTuple):
    """What SGR has set; None is the terminal's own colour."""

    colour: Colour | None = None
    background: Colour | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    strike: bool = False


PLAIN = Sgr()
Run = tuple[str, Sgr]
"""A safe text, and how it is to look."""

_SGR = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]*)m")
_ON: Mapping[int, Callable[[Sgr], Sgr]] = {
    1: lambda state: state._replace(bold=True),
    2: lambda state: state._replace(dim=True),
    3: lambda state: state._replace(italic=True),
    4: lambda state: state._replace(underline=True),
    7: lambda state: state._replace(reverse=True),
    9: lambda state: state._replace(strike=True),
    22: lambda state: state._replace(bold=False, dim=False),
    23: lambda state: state._replace(italic=False),
    24: lambda state: state._replace(underline=False),
    27: lambda state: state._replace(reverse=False),
    29: lambda state: state._replace(strike=False),
    39: lambda state: state._replace(colour=None),
    49: lambda state: state._replace(background=None),
}


def coloured(message: str) -> tuple[Run, ...]:
    """Return a line as safe runs; their texts together are `clean(message)`."""
    if len(message) > MAX_COLOURED_CHARACTERS:
        return ((clean(message), PLAIN),)
    return _coloured(message)


@lru_cache(maxsize=512)
def _coloured(message: str) -> tuple[Run, ...]:
    text = clean(message)
    if not _SGR.search(message):
        return ((text, PLAIN),)
    runs = list(_cut(text, list(_marked(message))))
    if "".join(part for part, _sgr in runs) != text:
        return ((text, PLAIN),)  # what is shown is never anything but the safe text
    return tuple(runs)


def _marked(message: str) -> Iterator[Run]:
    """Yield the parts of a line without sequences and invisible characters, tabs expanded."""
    pieces: list[Run] = []
    state, at = PLAIN, 0
    for found in re.finditer(f"{SEQUENCE}|[{INVISIBLE}]", message):
        pieces.append((message[at : found.start()], state))
        at = found.end()
        sgr = _SGR.fullmatch(found[0])
        if sgr is not None:
            state = applied(state, sgr[1])
    pieces.append((message[at:], state))
    yield from _expanded(_last_version(pieces))


def _last_version(pieces: Sequence[Run]) -> Sequence[Run]:
    """Keep what `last_overwritten` keeps of the whole line."""
    kept: list[Run] = []
    before: list[Run] = []
    for text, state in pieces:
        first, *rest = text.split("\r")
        kept.append((first, state))
        for part in rest:
            if any(one for one, _state in kept):
                before = kept
            kept = [(part, state)]
    return kept if any(one for one, _state in kept) else before


def _expanded(pieces: Sequence[Run]) -> Iterator[Run]:
    """Expand tabs by the columns of the whole line."""
    column = 0
    for text, state in pieces:
        if "\t" in text:
            text = (" " * column + text).expandtabs()[column:] if column else text.expandtabs()
        column += len(text)
        yield text, state


def _cut(text: str, pieces: Sequence[Run]) -> Iterator[Run]:
    """Divide the safe text as the pieces are divided: each character stands for one of theirs."""
    at = 0
    for piece, state in pieces:
        if piece:
            yield text[at : at + len(piece)], state
            at += len(piece)


def applied(state: Sgr, parameters: str) -> Sgr:
    """Return what SGR `parameters` such as `1;31` or `38;5;208` make of a state."""
    codes = [int(code[:4] or 0) for code in re.split("[;:]", parameters)]
    at = 0
    while at < len(codes):
        code = codes[at]
        at += 1
        if code == 0:
            state = PLAIN
        elif code in _ON:
            state = _ON[code](state)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            state = state._replace(colour=code % 10 + (8 if code >= 90 else 0))
        elif 40 <= code <= 47 or 100 <= code <= 107:
            state = state._replace(background=code % 10 + (8 if code >= 100 else 0))
        elif code in (38, 48):
            found, at = _extended(codes, at)
            if found is not None:
                if code == 38:
                    state = state._replace(colour=found)
                else:
                    state = state._replace(background=found)
    return state


def _extended(codes: Sequence[int], at: int) -> tuple[Colour | None, int]:
    """Return the colour of `38;5;N` or `38;2;R;G;B` after its first code, and where it ends."""
    kind = codes[at] if at < len(codes) else 0
    if kind == 5 and at + 1 < len(codes):
        return min(codes[at + 1], 255), at + 2
    if kind == 2 and at + 3 < len(codes):
        red, green, blue = (min(code, 255) for code in codes[at + 1 : at + 4])
        return (red, green, blue), at + 4
    return None, len(codes)
