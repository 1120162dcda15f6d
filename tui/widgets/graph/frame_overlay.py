"""Draws the frames of clusters over the blank cells of a line; wires and nodes stay on top."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.value.terminal_text import width_of
from tui.layout.bands import Band
from tui.layout.cell_scale import Scale
from tui.layout.frames.cluster import Frame
from tui.words.safe_text import shorten
from tui.words.transliterate import to_ascii

_EDGES = {False: "┌┐└┘╌╎", True: "++++-|"}
_INDENT_CELLS = 2
"""Cells between the corner of a frame and its title."""


class FrameOverlay:
    """The frames of one canvas. The upper edge has the title, which nothing may cover."""

    def __init__(
        self, scale: Scale, frames: Sequence[Frame], titles: Sequence[str], *, ascii_only: bool
    ) -> None:
        self._scale = scale
        self._frames = frames
        self._titles = titles
        self._ascii = ascii_only
        self._edges = _EDGES[ascii_only]

    def over(self, strip: Strip, band: Band, y: int, x: int, style: Style, title: Style) -> Strip:
        """Return a strip that begins at column `x` of a band, on line `y` of the plane."""
        pieces: dict[int, tuple[str, Style]] = {}
        titles: dict[int, tuple[str, Style]] = {}
        for frame in self._frames:
            top, bottom = self._scale.line[frame.top], self._scale.line[frame.bottom]
            if not top <= y <= bottom or not self._is_in(frame, band):
                continue
            self._draw(frame, band, y, pieces, style)
            if y == top:
                self._entitle(frame, band, titles, title)
        return _laid_over(strip, x, pieces, titles) if pieces else strip

    @staticmethod
    def _is_in(frame: Frame, band: Band) -> bool:
        return frame.first < band.last and frame.last >= band.first

    def _sides(self, frame: Frame, band: Band) -> tuple[int, int]:
        """Return the columns of the left and the right edge within a band."""
        first, last = max(frame.first, band.first), min(frame.last, band.last - 1)
        scale = self._scale
        left = scale.column[first] - 1 - band.shift
        return left, scale.column[last] + scale.column_width[last] - band.shift

    def _draw(
        self, frame: Frame, band: Band, y: int, pieces: dict[int, tuple[str, Style]], style: Style
    ) -> None:
        left, right = self._sides(frame, band)
        begins, ends = frame.first >= band.first, frame.last < band.last
        across, upright = self._edges[4], self._edges[5]
        is_top = y == self._scale.line[frame.top]
        if is_top or y == self._scale.line[frame.bottom]:
            corners = self._edges[:2] if is_top else self._edges[2:4]
            pieces.update((column, (across, style)) for column in range(left, right + 1))
        else:
            corners = upright * 2
        if begins:
            pieces[left] = (corners[0], style)
        if ends:
            pieces[right] = (corners[1], style)

    def _entitle(
        self, frame: Frame, band: Band, titles: dict[int, tuple[str, Style]], style: Style
    ) -> None:
        left, right = self._sides(frame, band)
        start = left + _INDENT_CELLS
        text = f" {self._titles[frame.cluster]} "
        if self._ascii:
            text = to_ascii(text, width_of)
        for character in shorten(text, max(0, right - start)):
            titles[start] = (character, style)
            start += width_of(character)
            if width_of(character) == 2:
                titles[start - 1] = ("", style)


def _laid_over(
    strip: Strip,
    x: int,
    pieces: dict[int, tuple[str, Style]],
    titles: dict[int, tuple[str, Style]],
) -> Strip:
    out: list[Segment] = []
    for segment in strip:
        style = segment.style or Style.null()
        for character in segment.text:
            size = width_of(character)
            if x in titles:
                found, own = titles[x]
                out.append(Segment(found, style + own))
            elif character == " " and x in pieces:
                found, own = pieces[x]
                out.append(Segment(found, style + own))
            else:
                out.append(Segment(character, style))
            x += size
    return Strip(out).simplify()
