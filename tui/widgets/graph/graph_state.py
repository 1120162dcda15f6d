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
"""Narrower views show lanes instead of layers."""
HOPS = (1, 2, 4)
_MOVING = (TaskState.RUNNING, TaskState.WAITING)


class Scene:
    """A model, its current drawing, and how it is looked at."""

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
        self._around: Focus | None = None
        self._matches: frozenset[int] | None = None
        self._size = (0, 0)
        self._highlights = Highlights(now=now)

    # --- layout ----------------------------------------------------------------------------------

    def plan(self) -> Callable[[], Drawing]:
        """Return the work of laying out, which may be done in a thread."""
        return partial(
            draw, self.model, enabled=self._enabled, opened=self._opened, focus=self._around
        )

    def show(self, drawing: Drawing) -> None:
        """Take a finished layout."""
        self.drawing = drawing
        self.cursor = None
        self.rescale()

    def resize(self, width: int, height: int) -> bool:
        """Take the size of the window; tell whether the picture changes."""
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
        """Make the canvas for the window and the zoom level."""
        drawing = self.drawing
        if drawing is None:
            return
        if self.has_lanes:
            self.canvas = LaneCanvas(self.model, drawing, ascii_only=self._ascii)
        else:
            self.canvas = self._fitting(drawing)
        self.update_highlights()

    def _fitting(self, drawing: Drawing) -> Canvas:
        """Return the canvas of the chosen zoom; without one boxes when all fit, else labels."""
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
        """Zoom in (1), out (-1), or to what fits (0)."""
        if step == 0:
            self._zoom = None
        elif isinstance(self.canvas, Canvas):
            level = self.canvas.scale.zoom + step
            self._zoom = Zoom(max(Zoom.DOTS, min(Zoom.BOX, level)))
        self.rescale()

    # --- states ----------------------------------------------------------------------------------

    def take(self, changes: Mapping[str, TaskState | NodeStatus]) -> set[int]:
        """Take newer states; return the groups that show them."""
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

    def moving_lines(self, lines: range) -> list[range]:
        """Return those of the given lines on which a time goes on."""
        canvas, drawing = self.canvas, self.drawing
        if canvas is None or drawing is None:
            return []
        if isinstance(canvas, Canvas) and canvas.scale.zoom is not Zoom.BOX:
            return []
        found = []
        for step, status in enumerate(self.model.statuses):
            if status.state in _MOVING and step in drawing.group_of:
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
        """Return the step an arrow leads to."""
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
        """Return the step about so many lines further down (or, negative, up)."""
        if self.canvas is None or self.cursor is None:
            return None
        region = self.canvas.region(self.cursor)
        y = max(0, min(self.canvas.size[1] - 1, region.y + lines))
        group = self.canvas.nearest(region.x, y)
        return None if group is None else self.representative(group)

    def representative(self, group: int) -> int:
        """Return the step that a node stands for: of a fold the worst one."""
        if self.drawing is None:
            return 0
        return self.model.worst_step(self.drawing.groups[group])

    def next_failure(self, step: int | None, direction: int) -> tuple[int, int, int] | None:
        """Return the next failed step (wrapping), its place from 1, and how many there are."""
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
        """Show the critical path as it is now, or hide it."""
        self._critical = self.model.critical() if self._critical is None else None
        self.update_highlights()

    def update_highlights(self, now: int | None = None) -> None:
        """Tell the canvas what stands out."""
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
        """Open the fold under the cursor, or close its step's; tell whether there is one."""
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
        """Open all folds, or when none is left close all."""
        has_folds = self.drawing is not None and len(self.drawing.groups) < len(self.drawing.steps)
        self._enabled = not has_folds
        self._opened = frozenset()

    def cycle_focus(self, step: int | None) -> None:
        """Draw only what is 1, then 2, then 4 edges away from a step, then all again."""
        if self._around is None:
            self._around = None if step is None else Focus(step, HOPS[0])
        else:
            place = HOPS.index(self._around.hops) + 1
            self._around = Focus(self._around.centre, HOPS[place]) if place < len(HOPS) else None
        self._opened = frozenset()

    def leave_focus(self) -> bool:
        """Draw everything again; tell whether anything was left out."""
        if self._around is None:
            return False
        self._around = None
        self._opened = frozenset()
        return True

    def describe(self) -> str:
        """Say in words what is drawn, for a title line."""
        drawing, model = self.drawing, self.model
        if drawing is None:
            return ""
        parts = []
        if isinstance(self.canvas, Canvas):
            parts.append(self.canvas.scale.zoom.name.lower())
        elif self.canvas is not None:
            parts.append("lanes")
        if len(drawing.groups) < len(drawing.steps):
            parts.append(f"{len(drawing.steps):,} steps in {len(drawing.groups):,} nodes")
        if self._around is not None:
            parts.append(f"±{self._around.hops} of {model.names[self._around.centre][:24]}")
        if self._critical is not None:
            parts.append("critical path")
        return " · ".join(parts)
