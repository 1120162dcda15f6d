"""Keeps text legible: the contrast of colours, and colours toned until it suffices."""

from functools import lru_cache

from rich.color import ColorType
from rich.style import Style
from textual.color import Color

MIN_CONTRAST = 4.5
"""The least ratio of contrast of a text to its background (WCAG 2.2, 1.4.3)."""
_TONING_STEPS = 20
_UNCOLOURED = Style(color="default", bgcolor="default", dim=False)


def contrast(one: Color, other: Color) -> float:
    """Return the ratio of contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def toned(colour: Color, behind: Color) -> Color:
    """Return a colour for text, toned as little as needed to contrast with what is behind it."""
    end = behind.get_contrast_text(1)
    for step in range(_TONING_STEPS):
        found = colour.blend(end, step / _TONING_STEPS)
        if contrast(found, behind) >= MIN_CONTRAST:
            return found
    return end


@lru_cache(maxsize=4096)
def legible(style: Style) -> Style:
    """Return a style whose text contrasts with its own background.

    What the terminal's own colours look like is not known: reversed, they are left out.
    """
    if style.reverse:
        return style + _UNCOLOURED
    text, behind = style.color, style.bgcolor
    if text is None or behind is None or text.type is not ColorType.TRUECOLOR:
        return style
    if behind.type is not ColorType.TRUECOLOR:
        return style
    before = Color.from_rich_color(text)
    after = toned(before, Color.from_rich_color(behind))
    return style if after == before else style + Style(color=after.hex6)


def _luminance(colour: Color) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in colour.normalized
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
