"""The whole screen in ASCII, for terminals that do not take UTF-8: a filter over what is drawn."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from core.value.terminal_text import width_of
from tui.words.transliterate import to_ascii


class AsciiFilter(LineFilter):
    """Replaces every character of every line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's own
        """Return the segments in ASCII."""
        return [
            segment
            if segment.text.isascii()
            else segment._replace(text=to_ascii(segment.text, width_of))
            for segment in segments
        ]
