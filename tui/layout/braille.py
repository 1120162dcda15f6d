"""Scales points of a large plane down to braille characters of 2 by 4 dots."""

from collections import defaultdict

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Raster:
    """Scales a plane of `width` by `height` cells into `columns` by `lines` braille cells."""

    def __init__(self, columns: int, lines: int, width: int, height: int) -> None:
        self.columns = columns
        self.lines = lines
        self._scale_x = min(1.0, 2 * columns / width)
        self._scale_y = min(1.0, 4 * lines / height)
        self._dots: dict[tuple[int, int], int] = defaultdict(int)
        self.owners: dict[tuple[int, int], list[int]] = defaultdict(list)

    def dot(self, x: int, y: int, owner: int) -> None:
        """Set the dot for a point of the plane, and record its owner."""
        dot_x = min(2 * self.columns - 1, int(x * self._scale_x))
        dot_y = min(4 * self.lines - 1, int(y * self._scale_y))
        cell = dot_x // 2, dot_y // 4
        self._dots[cell] |= _BITS[dot_y % 4][dot_x % 2]
        self.owners[cell].append(owner)

    def cell_of(self, x: int, y: int) -> tuple[int, int]:
        """Return the cell that contains a point of the plane."""
        return (
            max(0, min(self.columns - 1, int(x * self._scale_x) // 2)),
            max(0, min(self.lines - 1, int(y * self._scale_y) // 4)),
        )

    def point_of(self, column: int, line: int) -> tuple[int, int]:
        """Return the point of the plane in the middle of a cell."""
        return int((2 * column + 1) / self._scale_x), int((4 * line + 2) / self._scale_y)

    def glyph(self, column: int, line: int) -> str:
        """Return the braille character of a cell."""
        return chr(0x2800 + self._dots.get((column, line), 0))
