"""The graph as lanes for narrow terminals: one line per node, edges left, text right."""

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from core.value.terminal_text import width_of
from tui.layout.highlighted_edges import Mark
from tui.layout.lane_layout import LANE_CELLS, LaneRow
from tui.layout.wire_cells import ASCII_GLYPHS, GLYPHS, UP_DOWN
from tui.look.contrast import legible
from tui.widgets.base.line_view import Span
from tui.widgets.graph.canvas_styles import CanvasStyles
from tui.widgets.graph.graph_model import Drawing, GraphModel
from tui.widgets.graph.layered_canvas import Highlights
from tui.widgets.graph.node_labels import Labels, detail
from tui.words.safe_text import shorten

_MAX_NAME_CELLS = 32
_MAX_NAMED_PARENTS = 2
"""How many parents without a lane are named; the others are counted."""


class LaneCanvas:
    """Draws a layout as a list as wide as the window."""

    def __init__(self, model: GraphModel, drawing: Drawing, *, ascii_only: bool) -> None:
        self.drawing = drawing
        self.labels = Labels(model, drawing, ascii_only=ascii_only)
        self._model = model
        self._lanes = drawing.lanes
        self._glyphs = ASCII_GLYPHS if ascii_only else GLYPHS
        self._arrow = "<-" if ascii_only else "←"
        self._inner = "| " if ascii_only else "╎ "
        self._highlights = Highlights()

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in cells; the width is that of any window."""
        return 1, len(self._lanes.rows)

    def set_highlights(self, highlights: Highlights) -> None:
        """Set the highlights."""
        self._highlights = highlights

    def changed(self, group: int) -> range:
        """Invalidate the counts of a group; return its line."""
        self.labels.changed(group)
        row = self._lanes.row_of[group]
        return range(row, row + 1)

    def region(self, group: int) -> Region:
        """Return the cells of a node, from the left edge on."""
        return Region(0, self._lanes.row_of[group], 1, 1)

    def group_at(self, x: int, y: int) -> int | None:
        """Return the node drawn on a line."""
        rows = self._lanes.rows
        return rows[y].node if x >= 0 and 0 <= y < len(rows) else None

    def nearest(self, x: int, y: int) -> int | None:
        """Return the node closest to a line; None in an empty graph."""
        rows = self._lanes.rows
        return rows[max(0, min(y, len(rows) - 1))].node if rows and x >= 0 else None

    def neighbour(self, group: int, direction: str) -> int | None:
        """Return where an arrow key leads: up and down the lines, left and right along edges."""
        row_of = self._lanes.row_of
        if direction in ("left", "right"):
            dag = self.drawing.dag
            others = (dag.upstream if direction == "left" else dag.downstream)[group]
            return min(others, key=lambda o: abs(row_of[o] - row_of[group]), default=None)
        row = row_of[group] + (-1 if direction == "up" else 1)
        return self._lanes.rows[row].node if 0 <= row < len(self._lanes.rows) else None

    def strip(self, y: int, x: int, width: int, styles: CanvasStyles) -> Strip:
        """Draw `width` cells of line `y`."""
        if not 0 <= y < len(self._lanes.rows) or width <= 0:
            return Strip.blank(max(0, width), styles.base)
        row = self._lanes.rows[y]
        node = row.node
        wires = self._wires(row, styles)
        spans = self._words(node, styles, row.hidden)
        if self._highlights.matches is not None and node not in self._highlights.matches:
            spans = [(text, styles.faint) for text, _ in spans]
        if node == self._highlights.cursor:
            spans = [(text, legible(style + styles.cursor)) for text, style in spans]
            used = sum(width_of(text) for text, _ in (*wires, *spans))
            spans.append((" " * max(0, width - used), styles.base + styles.cursor))
        segments = [Segment(text, style) for text, style in (*wires, *spans)]
        return Strip(segments).crop_extend(x, x + width, styles.base)

    def _wires(self, row: LaneRow, styles: CanvasStyles) -> list[Span]:
        """Draw the lanes of a row; those that lead to the cursor are highlighted."""
        state = self.labels.state(row.node).value
        plain = styles.marks[Mark.NONE]
        near = styles.marks[Mark.UPSTREAM] if row.node == self._highlights.cursor else plain
        spans: list[Span] = []
        for x, cell in enumerate(row.cells):
            if x == LANE_CELLS * row.lane:
                spans.append((self.labels.sign(row.node), styles.signs[state]))
            else:
                spans.append((self._glyphs[cell], plain if cell in (0, UP_DOWN) else near))
        return spans

    def _words(self, node: int, styles: CanvasStyles, hidden: tuple[int, ...]) -> list[Span]:
        state = self.labels.state(node).value
        name = shorten(self.labels.title(node), _MAX_NAME_CELLS)
        depth = self._model.depth(self.drawing.groups[node][0])
        spans: list[Span] = [(self._inner * depth, styles.faint)] if depth else []
        spans.append((name, styles.names[state]))
        if self.labels.is_fold(node):
            spans.append(("  ", styles.base))
            spans += self.labels.counts(node, 40, styles)
        else:
            status = self._model.statuses[self.drawing.groups[node][0]]
            spans.append(("  " + detail(status, self._highlights.now), styles.muted))
        cluster = self._model.openers.get(self.drawing.groups[node][0])
        if cluster is not None:
            spans.append(
                (f"  {self.labels.drawable(self._model.cluster_titles[cluster])}", styles.muted)
            )
        if self.drawing.groups[node][0] in self._model.handlers:
            spans.append(("  handler", styles.faint))
        if hidden:
            named = ", ".join(self.labels.title(parent) for parent in hidden[:_MAX_NAMED_PARENTS])
            more = (
                f" +{len(hidden) - _MAX_NAMED_PARENTS}" if len(hidden) > _MAX_NAMED_PARENTS else ""
            )
            spans.append((f"  {self._arrow} {named}{more}", styles.faint))
        return spans
