"""The layered drawing of a graph at one zoom level: draws lines, finds nodes, follows edges."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from tui.layout.bands import ENTRY_CELLS, EXIT_CELLS, Band, band_at, wrap
from tui.layout.cell_scale import Zoom, scale_of
from tui.layout.highlighted_edges import Mark
from tui.layout.wire_cells import ASCII_GLYPHS, GLYPHS, LEFT_RIGHT
from tui.layout.wire_drawing import Block, Wires
from tui.look.contrast import legible
from tui.widgets.base.line_view import Span
from tui.widgets.graph.canvas_styles import CanvasStyles
from tui.widgets.graph.frame_overlay import FrameOverlay
from tui.widgets.graph.graph_model import Drawing, GraphModel
from tui.widgets.graph.node_labels import Labels

_BLOCK_LINES = 32
"""How many lines of a gap are drawn at once."""
_WRAPPED = {False: ("→─", "→"), True: (">-", ">")}
"""Where wires come in from the band above, and leave for the band below; by ASCII."""
_END_BAR = {False: "┃", True: "#"}


@dataclass(slots=True)
class Highlights:
    """The node under the cursor, the highlighted edges, and the nodes that pass the filter."""

    cursor: int | None = None
    edges: Mapping[tuple[int, int], Mark] = field(default_factory=dict)
    matches: Collection[int] | None = None
    now: int = 0


class Canvas:
    """Draws a layout at one zoom level.

    Layers that exceed `wrap_at` cells go on in a band below.
    """

    def __init__(
        self,
        model: GraphModel,
        drawing: Drawing,
        zoom: Zoom,
        *,
        ascii_only: bool,
        pitch: int = 1,
        wrap_at: int | None = None,
    ) -> None:
        self.drawing = drawing
        self.labels = Labels(model, drawing, ascii_only=ascii_only)
        self.plane = drawing.plane
        self.scale = scale_of(
            self.plane, zoom, lambda group: self.labels.width(group, zoom), pitch=pitch
        )
        conditional = {
            group
            for group, members in enumerate(drawing.groups)
            if any(step in model.conditional for step in members)
        }
        self._wires = Wires(
            self.plane, self.scale, conditional, (drawing.hidden_down, drawing.hidden_up)
        )
        self._bands = wrap(self.plane, self.scale, wrap_at)
        self._band_of = [band for band in self._bands for _ in range(band.first, band.last)]
        frames = self.plane.frames
        self._frames = (
            FrameOverlay(self.scale, frames, model.cluster_titles, ascii_only=ascii_only)
            if frames
            else None
        )
        self._end_gap = -1 if drawing.end_layer is None else drawing.end_layer - 1
        self._ascii = ascii_only
        self._glyphs = ASCII_GLYPHS if ascii_only else GLYPHS
        self._highlights = Highlights()
        self._leaving: dict[int, Mark] = {}
        self._entering: dict[int, Mark] = {}
        self._blocks: dict[tuple[int, int], Block] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in cells."""
        last = self._bands[-1]
        has_edge = any(frame.last + 1 == len(self.plane.layers) for frame in self.plane.frames)
        width = max(band.width for band in self._bands) + has_edge
        return width, last.top + last.height

    def set_highlights(self, highlights: Highlights) -> None:
        """Set the highlights; only the gaps whose marks change are redrawn."""
        if highlights.edges != self._highlights.edges:
            changed = self._wires.mark(highlights.edges)
            self._blocks = {k: b for k, b in self._blocks.items() if k[0] not in changed}
            self._leaving, self._entering = {}, {}
            for (source, target), mark in highlights.edges.items():
                for left, right in pairwise(self.plane.proper.path(source, target) or ()):
                    self._leaving[left] = max(mark, self._leaving.get(left, mark))
                    self._entering[right] = max(mark, self._entering.get(right, mark))
        self._highlights = highlights

    def changed(self, group: int) -> range:
        """Invalidate the counts of a group; return its lines."""
        self.labels.changed(group)
        region = self.region(group)
        return range(region.y, region.bottom)

    def region(self, group: int) -> Region:
        """Return the cells of a node."""
        layer = self.plane.proper.layer[group]
        band = self._band_of[layer]
        top = self.scale.top[self.plane.row[group]] - band.skipped + band.top
        width = self.labels.width(group, self.scale.zoom)
        x = self.scale.column[layer] - band.shift
        return Region(x, top, width, self.scale.node_height)

    def group_at(self, x: int, y: int) -> int | None:
        """Return the node drawn at a position."""
        band = band_at(self._bands, y)
        if band is None or not 0 <= x < band.width:
            return None
        row = self.scale.row_at(y - band.top + band.skipped)
        item = self._wires.item_at(self._layer_at(band, x), row)
        if item is None or item >= self.plane.nodes:
            return None
        return item if self.region(item).contains(x, y) else None

    def nearest(self, x: int, y: int) -> int | None:
        """Return the node closest to a position, primarily by layer; None in an empty graph."""
        if not self.plane.layers:
            return None
        band = band_at(self._bands, y) or self._bands[-1]
        row = self.scale.row_at(y - band.top + band.skipped)
        layer = self._layer_at(band, x)
        items = [i for i in self.plane.layers[layer] if i < self.plane.nodes]
        return min(items, key=lambda item: abs(self.plane.row[item] - row), default=None)

    def neighbour(self, group: int, direction: str) -> int | None:
        """Return where an arrow key leads: along an edge, or to the next node of the layer."""
        row = self.plane.row
        if direction in ("left", "right"):
            dag = self.drawing.dag
            others = (dag.upstream if direction == "left" else dag.downstream)[group]
            return min(others, key=lambda o: (abs(row[o] - row[group]), row[o]), default=None)
        items = self.plane.layers[self.plane.proper.layer[group]]
        step = -1 if direction == "up" else 1
        place = items.index(group) + step
        while 0 <= place < len(items):
            if items[place] < self.plane.nodes:
                return items[place]
            place += step
        return None

    def strip(self, y: int, x: int, width: int, styles: CanvasStyles) -> Strip:
        """Draw `width` cells of line `y` from column `x` on."""
        scale = self.scale
        band = band_at(self._bands, y)
        if band is None or x > band.width or width <= 0:
            return Strip.blank(max(0, width), styles.base)
        y += band.skipped - band.top
        first, last = self._layer_at(band, x), self._layer_at(band, x + width - 1)
        row = scale.row_at(y)
        start = scale.column[first] - band.shift
        segments: list[Segment] = []
        if first == band.first and band.has_entry:
            start -= ENTRY_CELLS
            if first - 1 == self._end_gap:  # handlers: no wire leads to them
                segments.append(Segment(_END_BAR[self._ascii].ljust(ENTRY_CELLS), styles.muted))
            else:
                mark = _WRAPPED[self._ascii][0] if self._is_entered(first, row, y) else ""
                segments.append(Segment(mark.ljust(ENTRY_CELLS), styles.accent))
        for layer in range(first, last + 1):
            self._draw_column(segments, layer, row, y, styles)
            if layer < len(scale.gap):
                self._draw_gap(segments, layer, y, styles)
        if last == band.last - 1 and band.goes_on:
            mark = _WRAPPED[self._ascii][1] if self._is_entered(last + 1, row, y) else ""
            segments.append(Segment(mark.ljust(EXIT_CELLS), styles.accent))
        strip = Strip(segments).crop_extend(x - start, x - start + width, styles.base)
        if self._frames is None:
            return strip
        return self._frames.over(strip, band, y, x, styles.faint, styles.muted)

    def _layer_at(self, band: Band, x: int) -> int:
        """Return the layer of a band whose column or following gap holds x."""
        return min(max(band.first, self.scale.layer_at(x + band.shift)), band.last - 1)

    def _is_entered(self, layer: int, row: int, y: int) -> bool:
        """Tell whether a wire leads to the node or bend of this layer on line y of the plane."""
        item = self._wires.item_at(layer, row)
        return item is not None and y == self.scale.line[row] and bool(self.plane.proper.up[item])

    def _draw_column(
        self, out: list[Segment], layer: int, row: int, y: int, styles: CanvasStyles
    ) -> None:
        scale = self.scale
        width = scale.column_width[layer]
        item = self._wires.item_at(layer, row)
        if item is None:
            out.append(Segment(" " * width, styles.base))
            return
        if item >= self.plane.nodes:
            if y == scale.line[row]:
                out.append(self._line(width, self._entering.get(item, Mark.NONE), styles))
            else:
                out.append(Segment(" " * width, styles.base))
            return
        part = y - scale.top[row]
        if part >= scale.node_height:
            out.append(Segment(" " * width, styles.base))
            return
        if scale.zoom is Zoom.BOX:
            has_cursor = item == self._highlights.cursor
            spans = self.labels.box(item, part, self._highlights.now, styles, has_cursor=has_cursor)
        else:
            spans = self.labels.spans(item, scale.zoom, styles)
        segments, used = self._dress(item, spans, styles)
        out += segments
        if used < width:
            leaves = bool(self.plane.proper.down[item]) and y == scale.line[row]
            mark = self._leaving.get(item, Mark.NONE)
            out.append(
                self._line(width - used, mark, styles)
                if leaves
                else Segment(" " * (width - used), styles.base)
            )

    def _dress(
        self, item: int, spans: list[Span], styles: CanvasStyles
    ) -> tuple[list[Segment], int]:
        """Mark the node under the cursor, and dim a node that does not pass the filter."""
        highlights = self._highlights
        used = 0
        segments = []
        dims = highlights.matches is not None and item not in highlights.matches
        for text, style in spans:
            shown: Style = style
            if dims:
                shown = styles.faint
            if item == highlights.cursor and self.scale.zoom is not Zoom.BOX:
                shown = legible(shown + styles.cursor)
            segment = Segment(text, shown)
            used += segment.cell_length
            segments.append(segment)
        return segments, used

    def _line(self, width: int, mark: Mark, styles: CanvasStyles) -> Segment:
        arms = LEFT_RIGHT * (2 if mark is Mark.CRITICAL else 1)
        return Segment(self._glyphs[arms] * width, styles.marks[mark])

    def _draw_gap(self, out: list[Segment], gap: int, y: int, styles: CanvasStyles) -> None:
        if gap == self._end_gap:  # no edge leads to a handler
            bar = _END_BAR[self._ascii].center(self.scale.gap_width[gap])
            out.append(Segment(bar, styles.muted))
            return
        key = (gap, y // _BLOCK_LINES)
        block = self._blocks.get(key)
        if block is None:
            top = key[1] * _BLOCK_LINES
            bottom = min(top + _BLOCK_LINES, self.scale.height)
            block = self._wires.block(gap, top, bottom)
            self._blocks[key] = block
        cells, marks = block.cells[y - block.top], block.marks[y - block.top]
        glyphs = self._glyphs
        if not any(marks):
            text = "".join([glyphs[cell] for cell in cells])
            out.append(Segment(text, styles.marks[Mark.NONE]))
            return
        place = 0
        for mark, run in groupby(marks):
            size = sum(1 for _ in run)
            text = "".join([glyphs[cell] for cell in cells[place : place + size]])
            out.append(Segment(text, styles.marks[Mark(mark)]))
            place += size
