"""Selection of text with the mouse in widgets that draw their own rows."""

from rich.segment import Segment
from rich.style import Style
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from core.value.terminal_text import width_of


class Selectable(Widget):
    """Mixin of a scrolling text, whose rows are numbered from the top of the content."""

    def row_text(self, row: int) -> str:  # noqa: ARG002 - for subclasses
        """Return the whole text of a row, as drawn."""
        return ""

    def selectable(self, strip: Strip, row: int, left: int = 0) -> Strip:
        """Highlight the selected part of a row drawn from cell `left` on, and add its offsets."""
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
        """Return the selected text, and the separator after it."""
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
        """Repaint the selection."""
        self.refresh()


def _marked(strip: Strip) -> Strip:
    """Reverse the colours, which is legible in every theme and visible without colour."""
    segments = [Segment(text, (style or Style()) + _REVERSED) for text, style, _ in strip]
    return Strip(segments, strip.cell_length)


_REVERSED = Style(reverse=True)
