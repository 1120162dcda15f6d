"""The whole screen in ASCII, for terminals that do not take UTF-8: a filter over what is drawn."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from tui.glyph import LOOKS
from tui.text import width_of

_PAIRS = (
    ("▌▸▶›→", ">>>>>"),
    ("◂←", "<<"),
    ("▲↑▴", "^^^"),
    ("▼↓▾", "vvv"),
    ("●▣▦◆", "****"),
    ("…⋯·•", "~~.-"),
    ("━╸╺═", "===="),
    ("─╌┄┈▔▁—–", "--------"),
    ("│╷╵┃╎▏▕║⏎", "|||||||||"),
    ("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛╔╗╚╝", "+++++++++++++++++++++"),
    ("█▉▊▋▐▍▎▇▆▅▄▃▂▀", "#########==-_^"),
    ("░▒▓×", ".:%x"),
    ("‘’“”", "''\"\""),
)
_TABLE = {look.sign: look.ascii for look in LOOKS.values()}
_TABLE |= {
    sign: other for signs, others in _PAIRS for sign, other in zip(signs, others, strict=True)
}


def to_ascii(text: str) -> str:
    """Return a safe text in ASCII that takes the same cells; what has no likeness becomes `?`."""
    if text.isascii():
        return text
    return "".join(
        character if character.isascii() else _TABLE.get(character) or "?" * width_of(character)
        for character in text
    )


class AsciiFilter(LineFilter):
    """Replaces every character of every line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's own
        """Return the segments in ASCII."""
        return [
            segment if segment.text.isascii() else segment._replace(text=to_ascii(segment.text))
            for segment in segments
        ]
