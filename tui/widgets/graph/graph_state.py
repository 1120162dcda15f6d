"""The state of a graph view: folds, zoom, focus, cursor, highlights. Leaves drawing to the widget.

A *step* is an index into the model, a *group* a node of the current drawing (one step or a fold).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from itertools import pairwise

from core.domain.state_word import counted
from core.domain.states import TaskState
from tui.layout.cell_scale import Zoom
from tui.layout.graph_folding import Folding, FoldKey, FoldKind
from tui.layout.highlighted_edges import Mark
from tui.live.node_status import NodeStatus, as_status
from tui.widgets.graph.fitting_canvas import fitting_canvas
from tui.widgets.graph.graph_model import Drawing, Focus, GraphModel, fold_and_draw, hops_text
from tui.widgets.graph.lane_canvas import LaneCanvas
from tui.widgets.graph.layered_canvas import Canvas, Highlights
from tui.words.safe_text import shorten

LANES_UNDER = 100
"""In views with fewer columns, lanes are drawn instead of layers."""
FOCUS_HOPS = (1, 2, 4)
_MAX_CENTRE_CELLS = 24
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
        self._is_folded = False
        """Whether the current drawing is folded as the user wants."""
        self._shows_all = False
        """Whether the user wants the whole of a graph that would open on a neighbourhood."""
        self._matches: frozenset[int] | None = None
        self._size = (0, 0)
        self._highlights = Highlights(now=now)

    def goes_on_from(self, before: "GraphState") -> bool:
        """Take over zoom, folds and focus of a view of the same steps; tell whether it is one."""
        old, new = before.model, self.model
        if not (old.openers or new.openers):
            return False
        self._zoom, self._enabled = before._zoom, before._enabled
        self._shows_all = before._shows_all
        self._size, self.lanes_under = before._size, before.lanes_under
        keys = ((kind, new.index.get(old.ids[step])) for kind, step in before._opened)
        self._opened = frozenset((kind, step) for kind, step in keys if step is not None)
        focus = before._focus
        centre = None if focus is None else new.index.get(old.ids[focus.centre])
        if focus is not None and centre is not None:
            self._focus = Focus(centre, focus.hops)
        if before._critical is not None:
            self.toggle_critical()
        return True

    # --- layout ----------------------------------------------------------------------------------

    def layout(self, step: int | None) -> Callable[[], Drawing]:
        """Return the function that computes the layout; it may run in a thread.

        Of a large graph it draws the neighbourhood of `step`, unless the user wants the whole.
        """
        centre = None if self._shows_all else step
        return partial(
            fold_and_draw,
            self.model,
            self._folding,
            self._enabled,
            self._opened,
            self._focus,
            centre,
        )

    @property
    def _folding(self) -> Folding | None:
        """The folding of the current drawing; None if the next one needs another."""
        return self.drawing.folding if self.drawing is not None and self._is_folded else None

    @property
    def is_quick(self) -> bool:
        """Whether the next layout is that of a neighbourhood in a graph that is folded already."""
        focus = None if self.drawing is None else self.drawing.focus
        return focus is not None and self._is_folded and not self._shows_all

    @property
    def is_at_edge(self) -> bool:
        """Whether the cursor is where the neighbourhood of another step ends, and more follows."""
        drawing = self.drawing
        return drawing is not None and self._focus is None and self.cursor in drawing.edge

    @property
    def note(self) -> str:
        """What is drawn of a graph that is not drawn whole; empty otherwise."""
        drawing = self.drawing
        if drawing is None:
            return ""
        if drawing.focus is None:
            return self._part_in_sight(drawing)
        centre = shorten(self.model.names[drawing.focus.centre], _MAX_CENTRE_CELLS)
        shown, total = len(drawing.group_of), len(self.model.ids)
        return f"{hops_text(drawing.focus.hops)} of {centre}: {shown:,} of {total:,} steps · 0 all"

    def _part_in_sight(self, drawing: Drawing) -> str:
        """Say how large a graph is that is drawn whole but does not fit the window."""
        canvas, total = self.canvas, len(self.model.ids)
        if canvas is None or isinstance(canvas, LaneCanvas):
            return ""
        if canvas.size[0] <= self._size[0] and canvas.size[1] <= self._size[1]:
            return ""
        size = f"all {total:,} steps, {counted(len(drawing.plane.layers), 'layer')}"
        return f"{size}: larger than the window · m minimap · o around the cursor"

    def show(self, drawing: Drawing) -> None:
        """Show a finished layout."""
        self.drawing = drawing
        self._is_folded = True
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
            self.canvas = fitting_canvas(
                self.model, drawing, self._size, self._zoom, ascii_only=self._ascii
            )
        self.update_highlights()

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
            dag = drawing.dag
            for left, right in pairwise(dict.fromkeys(path)):
                if left in dag.upstream[right]:
                    edges[left, right] = Mark.CRITICAL
        if self.cursor is not None:
            dag = drawing.dag
            edges.update({(p, self.cursor): Mark.UPSTREAM for p in dag.upstream[self.cursor]})
            edges.update({(self.cursor, c): Mark.DOWNSTREAM for c in dag.downstream[self.cursor]})
        return edges

    # --- folds and focus -------------------------------------------------------------------------

    @property
    def has_fold(self) -> bool:
        """Whether the node under the cursor can be unfolded, or its step folded back."""
        if self.drawing is None or self.cursor is None:
            return False
        group = self.drawing.nodes[self.cursor]
        return group.kind is not FoldKind.STEP or group.members[0] in self.drawing.folding.opened

    def toggle_fold(self) -> bool:
        """Unfold the node under the cursor, or fold its step back; tell whether there is a fold."""
        if self.drawing is None or self.cursor is None:
            return False
        group = self.drawing.nodes[self.cursor]
        if group.kind is not FoldKind.STEP:
            self._opened |= {group.key}
        elif key := self.drawing.folding.opened.get(group.members[0]):
            self._opened -= {key}
        else:
            return False
        self._is_folded = False
        return True

    def toggle_all_folds(self) -> None:
        """Unfold everything, or if nothing is folded, fold everything."""
        drawing = self.drawing
        has_folds = drawing is not None and len(drawing.nodes) < len(drawing.group_of)
        self._enabled = not has_folds
        self._opened = frozenset()
        self._is_folded = False

    def show_all(self) -> bool:
        """Draw the whole graph; tell whether it was not."""
        was_whole = self.drawing is None or self.drawing.focus is None
        self._focus = None
        self._shows_all = True
        return not was_whole

    def cycle_focus(self, step: int | None) -> None:
        """Draw only the nodes within 1, then 2, then 4 edges of a step, then as without it."""
        hops = 0 if self._focus is None else self._focus.hops
        further = next((more for more in FOCUS_HOPS if more > hops), None)
        if self._focus is not None:
            step = self._focus.centre
        self._focus = None if step is None or further is None else Focus(step, further)

    def leave_focus(self) -> None:
        """End the focus that the user has chosen."""
        self._focus = None
