"""The state of a graph view: folds, zoom, focus, cursor, highlights. Leaves drawing to the widget.

A *step* is an index into the model, a *group* a node of the current drawing (one step or a fold).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from itertools import pairwise

from core.domain.states import TaskState
from tui.layout.cell_scale import Zoom
from tui.layout.graph_folding import FoldKey, FoldKind
from tui.layout.highlighted_edges import Mark
from tui.live.node_status import NodeStatus, as_status
from tui.widgets.graph.graph_model import Drawing, Focus, GraphModel, draw
from tui.widgets.graph.lane_canvas import LaneCanvas
from tui.widgets.graph.layered_canvas import Canvas, Highlights

LANES_UNDER = 100
"""In views with fewer columns, lanes are drawn instead of layers."""
FOCUS_HOPS = (1, 2, 4)
_RUNNING_STATES = (TaskState.RUNNING, TaskState.WAITING)


class GraphState:
    """A model, its current drawing, and the state of the view."""

    def __init__(self, model: GraphModel, *, ascii_only: bool, now: int = 0) -> None:
        self.model = model
        self.drawing: Drawing | None = None
        self.canvas: Canvas | LaneCanvas | None = None
        self.cursor: int | None = None
        self._critical: list[int] | None = None
        self.lanes_under = LANES_UNDER
        self._ascii = ascii_only
        self._zoom: Zoom | None = None
        self._enabled: bool | None = None
        self._opened: frozenset[FoldKey] = frozenset()
        self._focus: Focus | None = None
        self._matches: frozenset[int] | None = None
        self._size = (0, 0)
        self._highlights = Highlights(now=now)

    # --- layout ----------------------------------------------------------------------------------

    def layout(self) -> Callable[[], Drawing]:
        """Return the function that computes the layout; it may run in a thread."""
        return partial(
            draw, self.model, enabled=self._enabled, opened=self._opened, focus=self._focus
        )

    def show(self, drawing: Drawing) -> None:
        """Show a finished layout."""
        self.drawing = drawing
        self.cursor = None
        self.rescale()

    def resize(self, width: int, height: int) -> bool:
        """Set the size of the window; tell whether the drawing changes."""
        before, self._size = self._size, (width, height)
        if self.drawing is None or before == self._size:
            return False
        lanes_changed = isinstance(self.canvas, LaneCanvas) != self.has_lanes
        if lanes_changed or (self._zoom in (None, Zoom.LABEL) and not self.has_lanes):
            self.rescale()
            return True
        return False

    @property
    def has_lanes(self) -> bool:
        """Whether the window is so narrow that lanes are shown."""
        return self._size[0] < self.lanes_under

    def rescale(self) -> None:
        """Create the canvas for the window and the zoom level."""
        drawing = self.drawing
        if drawing is None:
            return
        if self.has_lanes:
            self.canvas = LaneCanvas(self.model, drawing, ascii_only=self._ascii)
        else:
            self.canvas = self._fitting(drawing)
        self.update_highlights()

    def _fitting(self, drawing: Drawing) -> Canvas:
        """Return the canvas of the chosen zoom; by default boxes if all fit, else labels."""
        model, ascii_only = self.model, self._ascii
        width, height = self._size
        rows = drawing.plane.rows
        if self._zoom is not None and self._zoom is not Zoom.LABEL:
            return Canvas(model, drawing, self._zoom, ascii_only=ascii_only)
        if self._zoom is None and rows <= height and len(drawing.plane.layers) * 16 <= width:
            boxes = Canvas(model, drawing, Zoom.BOX, ascii_only=ascii_only)
            if boxes.size[0] <= width and boxes.size[1] <= height:
                return boxes
        pitch = 2 if 2 * rows <= height else 1
        return Canvas(model, drawing, Zoom.LABEL, ascii_only=ascii_only, pitch=pitch)

    def zoom(self, step: int) -> None:
        """Zoom in (1), out (-1), or to the level that fits (0)."""
        if step == 0:
            self._zoom = None
        elif isinstance(self.canvas, Canvas):
            level = self.canvas.scale.zoom + step
            self._zoom = Zoom(max(Zoom.DOTS, min(Zoom.BOX, level)))
        self.rescale()

    # --- states ----------------------------------------------------------------------------------

    def set_states(self, changes: Mapping[str, TaskState | NodeStatus]) -> set[int]:
        """Apply newer states; return the groups that show them."""
        groups: set[int] = set()
        group_of = self.drawing.group_of if self.drawing is not None else {}
        for step_id, value in changes.items():
            step = self.model.index.get(step_id)
            if step is None:
                continue
            self.model.statuses[step] = as_status(value)
            if step in group_of:
                groups.add(group_of[step])
        return groups

    def running_lines(self, lines: range) -> list[range]:
        """Return those of the given lines that show a running time."""
        canvas, drawing = self.canvas, self.drawing
        if canvas is None or drawing is None:
            return []
        if isinstance(canvas, Canvas) and canvas.scale.zoom is not Zoom.BOX:
            return []
        found = []
        for step, status in enumerate(self.model.statuses):
            if status.state in _RUNNING_STATES and step in drawing.group_of:
                region = canvas.region(drawing.group_of[step])
                if region.y < lines.stop and region.bottom > lines.start:
                    found.append(range(region.y, region.bottom))
        return found

    # --- cursor and marks ------------------------------------------------------------------------

    def select(self, step: int) -> bool:
        """Put the cursor on the node of a step; tell whether it is drawn."""
        if self.drawing is None or step not in self.drawing.group_of:
            return False
        self.cursor = self.drawing.group_of[step]
        self.update_highlights()
        return True

    def members(self) -> tuple[int, ...]:
        """Return the steps under the cursor."""
        if self.drawing is None or self.cursor is None:
            return ()
        return self.drawing.groups[self.cursor]

    def neighbour(self, direction: str) -> int | None:
        """Return the step that an arrow key leads to."""
        if self.canvas is None or self.drawing is None:
            return None
        if self.cursor is None:
            group = self.canvas.nearest(0, 0)
        else:
            group = self.canvas.neighbour(self.cursor, direction)
        return None if group is None else self.representative(group)

    def end(self, *, last: bool) -> int | None:
        """Return the first or the last step of the drawing, in the order of layers."""
        if self.drawing is None or self.canvas is None or not self.drawing.groups:
            return None
        if self.has_lanes:
            rows = self.drawing.lanes.rows
            return self.representative(rows[-1 if last else 0].node)
        layers, nodes = self.drawing.plane.layers, self.drawing.plane.nodes
        items = [i for i in layers[-1 if last else 0] if i < nodes]
        return self.representative(items[-1 if last else 0])

    def page(self, lines: int) -> int | None:
        """Return the step about that many lines below, or above if negative."""
        if self.canvas is None or self.cursor is None:
            return None
        region = self.canvas.region(self.cursor)
        y = max(0, min(self.canvas.size[1] - 1, region.y + lines))
        group = self.canvas.nearest(region.x, y)
        return None if group is None else self.representative(group)

    def representative(self, group: int) -> int:
        """Return the step that a node represents: of a fold, the one in the worst state."""
        if self.drawing is None:
            return 0
        return self.model.worst_step(self.drawing.groups[group])

    def next_failure(self, step: int | None, direction: int) -> tuple[int, int, int] | None:
        """Return the next failed step, wrapping around, its number (from 1) and the count."""
        failures = self.model.failures()
        if not failures:
            return None
        if step in failures:
            place = (failures.index(step) + direction) % len(failures)
        else:
            place = 0 if direction > 0 else len(failures) - 1
        return failures[place], place + 1, len(failures)

    def set_matches(self, steps: Iterable[int] | None) -> None:
        """Dim all steps but these; None dims nothing."""
        self._matches = None if steps is None else frozenset(steps)
        self.update_highlights()

    def toggle_critical(self) -> None:
        """Show the current critical path, or hide it."""
        self._critical = self.model.critical() if self._critical is None else None
        self.update_highlights()

    def update_highlights(self, now: int | None = None) -> None:
        """Update the highlights of the canvas."""
        canvas, drawing = self.canvas, self.drawing
        if canvas is None or drawing is None:
            return
        if now is not None:
            self._highlights.now = now
        matches: Collection[int] | None = None
        if self._matches is not None:
            matches = {drawing.group_of[s] for s in self._matches if s in drawing.group_of}
        self._highlights = Highlights(
            self.cursor, self._edges(drawing), matches, self._highlights.now
        )
        canvas.set_highlights(self._highlights)

    def _edges(self, drawing: Drawing) -> dict[tuple[int, int], Mark]:
        edges: dict[tuple[int, int], Mark] = {}
        if self._critical is not None:
            path = [drawing.group_of[s] for s in self._critical if s in drawing.group_of]
            dag = drawing.folding.dag
            for left, right in pairwise(dict.fromkeys(path)):
                if left in dag.upstream[right]:
                    edges[left, right] = Mark.CRITICAL
        if self.cursor is not None:
            dag = drawing.folding.dag
            edges.update({(p, self.cursor): Mark.UPSTREAM for p in dag.upstream[self.cursor]})
            edges.update({(self.cursor, c): Mark.DOWNSTREAM for c in dag.downstream[self.cursor]})
        return edges

    # --- folds and focus -------------------------------------------------------------------------

    def toggle_fold(self) -> bool:
        """Unfold the node under the cursor, or fold its step back; tell whether there is a fold."""
        if self.drawing is None or self.cursor is None:
            return False
        folding = self.drawing.folding
        group = folding.groups[self.cursor]
        if group.kind is not FoldKind.STEP:
            self._opened |= {group.key}
            return True
        key = folding.opened.get(group.members[0])
        if key is not None:
            self._opened -= {key}
        return key is not None

    def toggle_all_folds(self) -> None:
        """Unfold everything, or if nothing is folded, fold everything."""
        has_folds = self.drawing is not None and len(self.drawing.groups) < len(self.drawing.steps)
        self._enabled = not has_folds
        self._opened = frozenset()

    def cycle_focus(self, step: int | None) -> None:
        """Draw only the steps within 1, then 2, then 4 edges of a step, then all again."""
        if self._focus is None:
            self._focus = None if step is None else Focus(step, FOCUS_HOPS[0])
        else:
            place = FOCUS_HOPS.index(self._focus.hops) + 1
            self._focus = (
                Focus(self._focus.centre, FOCUS_HOPS[place]) if place < len(FOCUS_HOPS) else None
            )
        self._opened = frozenset()

    def leave_focus(self) -> bool:
        """End the focus; tell whether there was one."""
        if self._focus is None:
            return False
        self._focus = None
        self._opened = frozenset()
        return True
