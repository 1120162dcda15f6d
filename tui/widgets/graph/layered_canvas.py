"""The layered drawing of a graph at one zoom level: draws lines, finds nodes, follows edges."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from tui.layout.cell_scale import Zoom, scale_of
from tui.layout.highlighted_edges import Mark
from tui.layout.wire_cells import ASCII_GLYPHS, GLYPHS, LEFT_RIGHT
from tui.layout.wire_drawing import Block, Wires
from tui.widgets.base.line_view import Span
from tui.widgets.graph.canvas_styles import CanvasStyles
from tui.widgets.graph.graph_model import Drawing, GraphModel
from tui.widgets.graph.node_labels import Labels

_BLOCK_LINES = 32
"""How many lines of a gap are drawn at once."""


@dataclass(slots=True)
class Highlights:
    """The node under the cursor, the highlighted edges, and the nodes that pass the filter."""

    cursor: int | None = None
    edges: Mapping[tuple[int, int], Mark] = field(default_factory=dict)
    matches: Collection[int] | None = None
    now: int = 0


class Canvas:
    """Draws a layout at one zoom level."""

    def __init__(
        self,
        model: GraphModel,
        drawing: Drawing,
        zoom: Zoom,
        *,
        ascii_only: bool,
        pitch: int = 1,
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
        self._wires = Wires(self.plane, self.scale, conditional)
        self._glyphs = ASCII_GLYPHS if ascii_only else GLYPHS
        self._highlights = Highlights()
        self._leaving: dict[int, Mark] = {}
        self._entering: dict[int, Mark] = {}
        self._blocks: dict[tuple[int, int], Block] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in cells."""
        return self.scale.width, self.scale.height

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
        top = self.scale.top[self.plane.row[group]]
        return range(top, top + self.scale.node_height)

    def region(self, group: int) -> Region:
        """Return the cells of a node."""
        layer = self.plane.proper.layer[group]
        top = self.scale.top[self.plane.row[group]]
        width = self.labels.width(group, self.scale.zoom)
        return Region(self.scale.column[layer], top, width, self.scale.node_height)

    def group_at(self, x: int, y: int) -> int | None:
        """Return the node drawn at a position."""
        if not (0 <= x < self.scale.width and 0 <= y < self.scale.height):
            return None
        layer = self.scale.layer_at(x)
        item = self._wires.item_at(layer, self.scale.row_at(y))
        if item is None or item >= self.plane.nodes:
            return None
        return item if self.region(item).contains(x, y) else None

    def nearest(self, x: int, y: int) -> int | None:
        """Return the node closest to a position, primarily by layer; None in an empty graph."""
        if not self.plane.layers:
            return None
        row = self.scale.row_at(y)
        items = [i for i in self.plane.layers[self.scale.layer_at(x)] if i < self.plane.nodes]
        return min(items, key=lambda item: abs(self.plane.row[item] - row), default=None)

    def neighbour(self, group: int, direction: str) -> int | None:
        """Return where an arrow key leads: along an edge, or to the next node of the layer."""
        row = self.plane.row
        if direction in ("left", "right"):
            dag = self.drawing.folding.dag
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
        if not (0 <= y < scale.height and x < scale.width) or width <= 0:
            return Strip.blank(max(0, width), styles.base)
        first, last = scale.layer_at(x), scale.layer_at(x + width - 1)
        row = scale.row_at(y)
        segments: list[Segment] = []
        for layer in range(first, last + 1):
            self._draw_column(segments, layer, row, y, styles)
            if layer < len(scale.gap):
                self._draw_gap(segments, layer, y, styles)
        start = scale.column[first]
        return Strip(segments).crop_extend(x - start, x - start + width, styles.base)

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
                shown += styles.cursor
            segment = Segment(text, shown)
            used += segment.cell_length
            segments.append(segment)
        return segments, used

    def _line(self, width: int, mark: Mark, styles: CanvasStyles) -> Segment:
        arms = LEFT_RIGHT * (2 if mark is Mark.CRITICAL else 1)
        return Segment(self._glyphs[arms] * width, styles.marks[mark])

    def _draw_gap(self, out: list[Segment], gap: int, y: int, styles: CanvasStyles) -> None:
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
