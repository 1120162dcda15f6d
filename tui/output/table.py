"""Tables with aligned columns, measured in terminal cells, cut only if a width is given."""

from collections.abc import Sequence

from msgspec import Struct

from core.value.terminal_text import width_of
from tui.output.ansi_colours import Palette
from tui.words.safe_text import cut

GAP = "  "
_MIN_CELLS = 4
_LEGIBLE_CELLS = 10
"""Below this width of the others, columns that are dispensable are left out."""
_MIN_CELLS_OF_YIELDING = 8


class Column(Struct, frozen=True):
    """One column. If the lines do not fit, the `shrink` columns are narrowed, the widest first.

    Those that are `yielding` are narrowed before the others, down to a few cells. Those that are
    `dispensable` are left out, the first one first, when the others would get too narrow to read.
    """

    title: str
    right: bool = False
    shrink: bool = False
    yielding: bool = False
    dispensable: bool = False


class Cell(Struct, frozen=True):
    """One cell: its text without escape sequences, and its styles.

    The last `tail` characters are kept when the text is cut.
    """

    text: str
    styles: tuple[str, ...] = ()
    tail: int = 0


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell | str]],
    palette: Palette,
    *,
    width: int | None = None,
) -> list[str]:
    """Return the lines of a table with a header; without `width` nothing is cut."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    widths = [
        max(width_of(column.title), *(width_of(row[index].text) for row in cells), 0)
        for index, column in enumerate(columns)
    ]
    if width is not None:
        kept = _kept(columns, widths, width)
        columns, widths = [columns[index] for index in kept], [widths[index] for index in kept]
        cells = [[row[index] for index in kept] for row in cells]
        _shrink(columns, widths, width)
    head = [Cell(column.title, ("bold",)) for column in columns]
    return [_line(columns, row, widths, palette) for row in (head, *cells)]


def _kept(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Return the indices of the columns that are shown."""
    kept = list(range(len(columns)))
    needed = [
        min(cells, _LEGIBLE_CELLS) if column.shrink or column.yielding else cells
        for column, cells in zip(columns, widths, strict=True)
    ]
    for index, column in enumerate(columns):
        too_wide = sum(needed[one] for one in kept) + len(GAP) * (len(kept) - 1) > width
        if column.dispensable and too_wide:
            kept.remove(index)
    return kept


def _shrink(columns: Sequence[Column], widths: list[int], width: int) -> None:
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    yielding = [index for index, column in enumerate(columns) if column.yielding]
    elastic = [index for index, column in enumerate(columns) if column.shrink or column.yielding]
    excess = _narrow(widths, yielding, excess, down_to=_MIN_CELLS_OF_YIELDING)
    _narrow(widths, elastic, excess, down_to=_MIN_CELLS)


def _narrow(widths: list[int], chosen: Sequence[int], excess: int, *, down_to: int) -> int:
    """Narrow the chosen columns, the widest first; return what is still too much."""
    while excess > 0 and chosen:
        widest = max(chosen, key=lambda index: widths[index])
        if widths[widest] <= down_to:
            break
        widths[widest] -= 1
        excess -= 1
    return excess


def _fitted(cell: Cell, width: int) -> str:
    end = cell.text[len(cell.text) - cell.tail :]
    if width_of(cell.text) <= width or width_of(end) >= width:
        return cut(cell.text, width)
    return cut(cell.text[: len(cell.text) - cell.tail], width - width_of(end)) + end


def _line(
    columns: Sequence[Column], row: Sequence[Cell], widths: Sequence[int], palette: Palette
) -> str:
    parts: list[str] = []
    for index, (column, cell) in enumerate(zip(columns, row, strict=True)):
        text = _fitted(cell, widths[index])
        last = index == len(columns) - 1
        blank = " " * (widths[index] - width_of(text))
        painted = palette.paint(text, *cell.styles)
        if column.right:
            parts.append(blank + painted)
        else:
            parts.append(painted if last else painted + blank)
    return GAP.join(parts).rstrip()
