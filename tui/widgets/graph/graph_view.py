"""The graph of a mission as a widget: what keys and mouse do to the drawing and the selection."""

from typing import ClassVar

from textual import events
from textual.binding import BindingType

from tui.keys.textual_bindings import bindings
from tui.widgets.graph.graph_drawing import GraphDrawing
from tui.widgets.graph.minimap import HEIGHT_CELLS, WIDTH_CELLS


class GraphView(GraphDrawing):
    """The graph with its keys: moving, folding, zooming, marking, focusing on a neighbourhood."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("graph")
    dispatches_keys_at_once = True

    def _choose(self, step: int | None) -> None:
        """Select a step on behalf of the user."""
        state = self._state
        if state is None or step is None:
            return
        self.selection = state.model.ids[step]
        members = tuple(state.model.ids[member] for member in state.members())
        self.tell_selected(state.model.ids[step], members)

    # --- keys and mouse --------------------------------------------------------------------------

    def action_go(self, direction: str) -> None:
        """Move along an edge (left, right) or within the layer (up, down)."""
        if self._state is not None:
            self._choose(self._state.neighbour(direction))

    def action_go_end(self, last: bool) -> None:
        """Move to the first or the last step."""
        if self._state is not None:
            self._choose(self._state.end(last=last))

    def action_page(self, direction: int) -> None:
        """Move half a window up or down."""
        if self._state is not None:
            self._choose(self._state.page(direction * max(1, self.size.height // 2)))

    @property
    def has_fold(self) -> bool:
        """Whether there is something to fold or unfold under the cursor."""
        return self._state is not None and self._state.has_fold

    def action_fold(self) -> None:
        """Unfold the node under the cursor, or fold its step back."""
        if self._state is not None and self._state.toggle_fold():
            self._lay_out()

    def action_fold_all(self) -> None:
        """Unfold everything, or fold everything."""
        if self._state is not None:
            self._state.toggle_all_folds()
            self._lay_out()

    def action_zoom(self, step: int) -> None:
        """Zoom in (1), out (-1), or show everything at the level that fits (0)."""
        if self._state is None:
            return
        self._state.zoom(step)
        if step == 0 and self._state.show_all():
            self._lay_out()
        else:
            self._rescaled()

    def action_critical(self) -> None:
        """Show or hide the critical path."""
        if self._state is not None:
            self._state.toggle_critical()
            self._rescaled()

    def action_minimap(self) -> None:
        """Show or hide the minimap."""
        self._shows_map = not self._shows_map
        self._rescaled()

    def action_focus_hops(self) -> None:
        """Draw only the neighbourhood of the selected step: 1, 2, 4 hops, then everything again."""
        if self._state is not None and self.selection is not None:
            self._state.cycle_focus(self._state.model.index[self.selection])
            self._lay_out()

    def action_failure(self, direction: int) -> None:
        """Go to the next or previous failed step."""
        state = self._state
        if state is None:
            return
        step = state.model.index.get(self.selection or "")
        found = state.next_failure(step, direction)
        if found is not None:
            self._choose(found[0])

    def on_click(self, event: events.Click) -> None:
        """Select the node that was clicked; open it on a double click; on the minimap, scroll."""
        state = self._state
        if state is None or state.canvas is None:
            return
        place = event.get_content_offset(self)
        if place is None:
            return
        corner = self.scrollable_content_region.width - WIDTH_CELLS
        if (
            self._minimap is not None
            and place.x >= corner >= WIDTH_CELLS
            and place.y < HEIGHT_CELLS
        ):
            x, y = self._minimap.point_of(place.x - corner, place.y)
            width, height = self._window
            self.scroll_to(max(0, x - width // 2), max(0, y - height // 2), animate=False)
            return
        place += self.scroll_offset
        group = state.canvas.group_at(place.x - self._origin[0], place.y - self._origin[1])
        if group is not None:
            self._choose(state.representative(group))
            if event.chain == 2:
                self.action_open()
