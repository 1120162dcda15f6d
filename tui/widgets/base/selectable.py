"""Selecting text with the mouse in widgets that draw their rows themselves."""

from rich.segment import Segment
from rich.style import Style
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from core.value.terminal_text import width_of


class Selectable(Widget):
    """Second base of a scrolling text. Its rows are numbered from the top of what is scrolled."""

    def row_text(self, row: int) -> str:  # noqa: ARG002 - for subclasses
        """Return the whole text of a row as it is drawn."""
        return ""

    def selectable(self, strip: Strip, row: int, left: int = 0) -> Strip:
        """Mark what is selected of a row that is drawn from cell `left` on, and say where it is."""
        selection = self.text_selection
        span = None if selection is None else selection.get_span(row)
        if span is not None:
            text = self.row_text(row)
            start, end = (width_of(text[:at]) - left if at >= 0 else None for at in span)
            cells = strip.cell_length
            first = max(0, min(start or 0, cells))
            last = max(first, min(cells if end is None else end, width_of(text) - left, cells))
            strip = Strip.join(
                [
                    strip.crop(0, first),
                    _marked(strip.crop(first, last)),
                    strip.crop(last, cells),
                ]
            )
        return strip.apply_offsets(left, row)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the text that is selected, and what stands between it and that of the next."""
        last = self.virtual_size.height - 1
        first = 0 if selection.start is None else selection.start.y
        last = last if selection.end is None else min(last, selection.end.y)
        lines = []
        for row in range(first, last + 1):
            span = selection.get_span(row)
            if span is not None:
                start, end = span
                lines.append(self.row_text(row)[start : None if end < 0 else end].rstrip())
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's own
        """Draw what is selected."""
        self.refresh()


def _marked(strip: Strip) -> Strip:
    """Turn the colours round: legible in every theme, and to be seen without colour too."""
    segments = [Segment(text, (style or Style()) + _TURNED) for text, style, _ in strip]
    return Strip(segments, strip.cell_length)


_TURNED = Style(reverse=True)
