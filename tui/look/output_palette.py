"""The colours of output in the colours of a theme, so that they are legible on its background."""

from collections.abc import Sequence
from functools import lru_cache

from rich.color import Color as RichColour
from rich.color import ColorSystem
from rich.style import Style
from textual.color import Color

from tui.look.contrast import toned
from tui.words.sgr_text import Colour, Sgr

_BASIC_COLOURS = 16
_BACKGROUND_SHARE = 0.35
"""How much of a background's colour is mixed into the theme's: text must stay legible on it."""
_BRIGHTENED = 0.25


class OutputPalette:
    """The eight basic colours of a theme, and its background; without one, the terminal's own."""

    def __init__(self, background: Color | None = None, basic: Sequence[str] = ()) -> None:
        self._background = background
        self._basic = basic

    @lru_cache(maxsize=2048)  # noqa: B019 - there are as many palettes as themes
    def style(self, sgr: Sgr) -> Style:
        """Return the style of an SGR state."""
        background = None if sgr.background is None else self.background_of(sgr.background)
        colour = None if sgr.colour is None else self.text_of(sgr.colour, background)
        return Style(
            color=colour,
            bgcolor=background,
            bold=sgr.bold or None,
            dim=sgr.dim or None,
            italic=sgr.italic or None,
            underline=sgr.underline or None,
            reverse=sgr.reverse or None,
            strike=sgr.strike or None,
        )

    def text_of(self, colour: Colour, background: str | None) -> str:
        """Return a colour for text, toned until it contrasts with what is behind it."""
        if self._background is None:
            return _of_terminal(colour)
        behind = self._background if background is None else Color.parse(background)
        return toned(self._colour(colour), behind).hex6

    def background_of(self, colour: Colour) -> str:
        """Return a colour for the background of text."""
        if self._background is None:
            return _of_terminal(colour)
        return self._background.blend(self._colour(colour), _BACKGROUND_SHARE).hex6

    def _colour(self, colour: Colour) -> Color:
        if isinstance(colour, int) and colour < _BASIC_COLOURS:
            basic = Color.parse(self._basic[colour % 8])
            return basic if colour < 8 else basic.lighten(_BRIGHTENED / 2)
        return Color(*_rgb(colour))


def _rgb(colour: Colour) -> tuple[int, int, int]:
    if isinstance(colour, tuple):
        return colour
    triplet = RichColour.from_ansi(colour).get_truecolor()
    return triplet.red, triplet.green, triplet.blue


def _of_terminal(colour: Colour) -> str:
    """Return the nearest of the terminal's sixteen colours by its name."""
    if isinstance(colour, int) and colour < _BASIC_COLOURS:
        return _NAMES[colour]
    nearest = RichColour.from_rgb(*_rgb(colour)).downgrade(ColorSystem.STANDARD).number
    return _NAMES[nearest or 0]


_NAMES = tuple(
    f"{shade}{name}"
    for shade in ("", "bright_")
    for name in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
)
