"""A list whose rows stand under headings; the cursor passes over the headings."""

from collections.abc import Iterable

from core.value.terminal_text import width_of
from tui.look.theme import ThemeStyles
from tui.widgets.base.line_view import LineView, Span


class HeadedList(LineView):
    """Base of such lists. A subclass defines `is_heading` besides what `LineView` asks for."""

    def is_heading(self, index: int) -> bool:  # noqa: ARG002 - for subclasses
        """Tell whether a row is a heading."""
        return False

    def steer_to(self, index: int) -> None:
        """Move the cursor to a row on behalf of the user, passing over headings."""
        super().steer_to(self.nearest_row(index))

    def nearest_row(self, index: int) -> int:
        """Return the row to stop at on the way to `index`: the next that is no heading."""
        last = self.row_count() - 1
        if last < 0:
            return 0
        index = max(0, min(index, last))
        ahead = range(index, last + 1)
        behind = range(index, -1, -1)
        ways = (ahead, behind) if index >= self.cursor else (behind, ahead)
        places = (at for way in ways for at in way if not self.is_heading(at))
        return next(places, index)

    def first_row(self) -> int:
        """Return the first row that is no heading, 0 if there is none."""
        rows = (at for at in range(self.row_count()) if not self.is_heading(at))
        return next(rows, 0)

    def heading(
        self, title: str, width: int, styles: ThemeStyles, style: str = "faint"
    ) -> Iterable[Span]:
        """Return the row of a heading."""
        yield f"{title} ", styles.named(style)
        yield "─" * max(0, width - width_of(title) - 1), styles.line

    def reveal(self, index: int) -> None:
        """Scroll as little as needed to show a row, and a heading right above it."""
        super().reveal(index - 1 if index and self.is_heading(index - 1) else index)
        super().reveal(index)
