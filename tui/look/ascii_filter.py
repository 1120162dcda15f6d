"""A Textual line filter that transliterates the screen to ASCII, for terminals without UTF-8."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from core.value.terminal_text import width_of
from tui.words.transliterate import to_ascii


class AsciiFilter(LineFilter):
    """Transliterates every line before it is written to the terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's own
        """Return the segments in ASCII."""
        return [
            segment
            if segment.text.isascii()
            else segment._replace(text=to_ascii(segment.text, width_of))
            for segment in segments
        ]
