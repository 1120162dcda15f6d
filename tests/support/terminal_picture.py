"""Draws what an emulated terminal shows, in the look of the pictures that the screen saves."""

import io
import re
from itertools import groupby

import pyte
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tui.look.svg_picture import tidy

_HEX = re.compile("[0-9a-f]{6}")
_UNIQUE = re.compile(r"terminal-\d+")
_CELL = re.compile(r'\b(?:x|textLength|width)="[\d.]+"')
_COUNTED = re.compile(
    r"\b[0-9a-f]{4,}(?:-[0-9a-f]+)+…?|\b[0-9a-f]{8,}\b…?|\d+(?:[.,]\d+)*(?:ms|s|m)?"
)
"""Ids and digests, and numbers with their unit of time."""


def picture_of(screen: pyte.Screen, title: str) -> str:
    """Return the screen as SVG, cell by cell in its own colours."""
    console = Console(
        width=screen.columns,
        height=screen.lines,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        record=True,
        legacy_windows=False,
    )
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        line = Text(end="" if row == screen.lines - 1 else "\n", no_wrap=True)
        for look, alike in groupby(cells, lambda cell: cell._replace(data="")):
            line.append("".join(cell.data for cell in alike), _style(look))
        console.print(line, soft_wrap=True)
    return _UNIQUE.sub("terminal-deck", tidy(console.export_svg(title=title)))


def same_but_for_numbers(one: str, other: str) -> bool:
    """Tell whether two pictures differ at most in times, ids, digests and other numbers."""
    return _without_numbers(one) == _without_numbers(other)


def _without_numbers(svg: str) -> str:
    return _COUNTED.sub("0", _CELL.sub("", svg[svg.find("</style>") :]))


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        strike=cell.strikethrough,
        reverse=cell.reverse,
    )


def _colour(name: str) -> Color | None:
    if name == "default":
        return None
    return Color.parse(f"#{name}") if _HEX.fullmatch(name) else Color.parse(_ANSI.get(name, name))


_ANSI = {"brown": "yellow", "brightbrown": "bright_yellow"} | {
    f"bright{name}": f"bright_{name}" for name in ("black", "red", "green", "blue", "cyan", "white")
}
