"""The graph of a mission as a widget: layered canvas or lanes, folds, zoom, marks and a cursor."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.domain.states import TaskState
from tui.keys.textual_bindings import bindings
from tui.layout.dag import dag_of
from tui.live.node_status import NodeStatus
from tui.widgets.base.step_canvas import AT_ONCE, StepCanvas
from tui.widgets.graph.canvas_styles import CanvasStyles, styles_of
from tui.widgets.graph.graph_model import Drawing, GraphModel, model_of
from tui.widgets.graph.graph_state import LANES_UNDER, Scene
from tui.widgets.graph.layered_canvas import Canvas
from tui.widgets.graph.minimap import HEIGHT, WIDTH, Minimap
from tui.words.safe_text import fit

_MARGIN_X, _MARGIN_Y = 10, 3


class GraphView(ScrollView, StepCanvas, can_focus=True):
    """Draws only what is in sight. The selection is a step id, whatever is folded."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("graph")

    DEFAULT_CSS = """
    GraphView {
        overflow: auto auto; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1;
    }
    """

    acts_at_once = True
    lanes_under: int = LANES_UNDER
    """Narrower windows show lanes; a screen that gives the view a part of its width sets less."""

    class Described(Message):
        """What is drawn changed: zoom, folds, focus, failures. `text` fits a title line."""

        def __init__(self, view: "GraphView", text: str) -> None:
            super().__init__()
            self.view = view
            self.text = text

        @property
        def control(self) -> "GraphView":
            """The graph."""
            return self.view

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        ascii_only: bool | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(id=id)
        self.equip(ascii_only, now)
        self._scene: Scene | None = None
        self._styles: CanvasStyles | None = None
        self._shows_map = False
        self._minimap: Minimap | None = None
        self._wanted = 0
        self._notice = ""
        self._origin = (0, 0)

    # --- what is drawn ---------------------------------------------------------------------------

    def set_graph(
        self,
        ids: Sequence[str],
        upstream: Sequence[Sequence[int]],
        names: Mapping[str, str] | None = None,
        conditional: Collection[str] = (),
    ) -> None:
        """Show another graph, every step pending. `upstream` holds indices into `ids`.

        `names` replaces ids on the screen, `conditional` are steps with a `when`. Raises ValueError
        when an index does not exist or there is a cycle.
        """
        self.show_model(model_of(ids, dag_of(upstream), names, conditional))

    def show_model(self, model: GraphModel) -> None:
        """Show another graph with the states its model has."""
        self._scene = Scene(model, ascii_only=self._ascii, now=self._now())
        self._minimap = None
        self.set_reactive(StepCanvas.selection, None)
        self._lay_out()

    def say(self, text: str) -> None:
        """Say in the place of a graph why there is none; the next graph ends it."""
        self._notice = text
        self.refresh()

    def set_states(self, changes: Mapping[str, TaskState | NodeStatus]) -> None:
        """Take newer states; only the visible lines they are on are drawn again."""
        if self._scene is None:
            return
        groups = self._scene.take(changes)
        canvas = self._scene.canvas
        if canvas is None or not groups:
            return
        self._refresh_lines([canvas.changed(group) for group in groups])
        if self._minimap is not None:
            self._minimap.changed(groups)
            self.refresh(Region(0, 0, self.size.width, HEIGHT))

    def set_matches(self, ids: Collection[str] | None) -> None:
        """Dim every step but these; None dims nothing."""
        if self._scene is not None:
            index = self._scene.model.index
            steps = None if ids is None else [index[i] for i in ids if i in index]
            self._scene.set_matches(steps)
            self.refresh()

    @property
    def description(self) -> str:
        """Zoom, folds and focus in words, for a title line."""
        return self._notice or (self._scene.describe() if self._scene is not None else "")

    def _lay_out(self) -> None:
        scene = self._scene
        if scene is None or not self.is_mounted:
            return
        self._wanted += 1
        if len(scene.model.ids) <= AT_ONCE:
            self._show(scene, scene.plan()())
            return
        self._notice = f"laying out {len(scene.model.ids):,} steps…"
        self.refresh()
        self.run_worker(self._lay_out_aside(scene, self._wanted), exclusive=True, group="layout")

    async def _lay_out_aside(self, scene: Scene, wanted: int) -> None:
        drawing = await asyncio.to_thread(scene.plan())
        if wanted == self._wanted:
            self._show(scene, drawing)

    def _show(self, scene: Scene, drawing: Drawing) -> None:
        self._notice = ""
        scene.lanes_under = self.lanes_under
        scene.resize(*self._window)
        scene.show(drawing)
        if self.selection is None:
            self.set_reactive(StepCanvas.selection, self._first_choice(scene))
        self._rescaled()

    @staticmethod
    def _first_choice(scene: Scene) -> str | None:
        """Return what to look at first: the first failure, else what runs, else the first step."""
        model = scene.model
        if not model.ids:
            return None
        failures = model.failures()
        running = (i for i, s in enumerate(model.statuses) if s.state is TaskState.RUNNING)
        first = scene.end(last=False)
        return model.ids[failures[0] if failures else next(running, first or 0)]

    @property
    def _window(self) -> tuple[int, int]:
        size = self.scrollable_content_region.size
        return size.width, size.height

    def _rescaled(self) -> None:
        """Take over the canvas the scene has made."""
        scene = self._scene
        if scene is None or scene.canvas is None:
            return
        scene.look_again(self._now())
        width, height = scene.canvas.size
        left = self._window[0] - width
        above = self._window[1] - height
        self._origin = (max(0, min(2, left // 2)), max(0, min(1, above // 2)))
        self.virtual_size = Size(width + self._origin[0], height + self._origin[1])
        is_map = self._shows_map and isinstance(scene.canvas, Canvas)
        self._minimap = Minimap(scene.canvas) if is_map else None  # type: ignore[arg-type] # is_map
        self.follow_selection()
        self.call_after_refresh(self._reveal)  # scrolling knows the new size only then
        self.refresh()
        self.post_message(self.Described(self, self.description))

    # --- drawing ---------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one visible line."""
        styles = self._styles
        if styles is None:
            styles = self._styles = styles_of(self)
        width = self.scrollable_content_region.width
        canvas = self._scene.canvas if self._scene is not None else None
        if canvas is None or self._notice:
            text = self._notice if y == self.size.height // 2 else ""
            left = " " * max(0, (width - len(text)) // 2)
            return Strip([Segment(fit(left + text, width), styles.muted)], width)
        x, top = self.scroll_offset
        indent, above = self._origin
        strip = canvas.strip(y + top - above, x, width - indent, styles)
        if indent:
            strip = Strip.join([Strip.blank(indent, styles.base), strip])
        if self._minimap is None or y >= HEIGHT or width < 2 * WIDTH:
            return strip
        spans = self._minimap.line(y, (x, top, *self._window), styles, styles.cursor)
        return Strip.join(
            [strip.crop(0, width - WIDTH), Strip([Segment(t, s) for t, s in spans], WIDTH)]
        )

    def _refresh_lines(self, lines: Iterable[range]) -> None:
        top = self.scroll_offset.y - self._origin[1]
        bottom = top + self.size.height
        for line in lines:
            start, stop = max(top, line.start), min(bottom, line.stop)
            if start < stop:
                self.refresh(Region(0, start - top, self.size.width, stop - start))

    def notify_style_update(self) -> None:
        """Read the styles anew when the theme or the focus changes."""
        super().notify_style_update()
        self._styles = None

    def on_mount(self) -> None:
        """Lay out what was set before, and let shown times go on."""
        self.set_interval(1.0, self._tick)
        self.call_later(self._lay_out)  # it counts as mounted only when this has returned

    def _tick(self) -> None:
        if self._scene is not None and self.is_on_screen:
            self._scene.look_again(self._now())
            top = self.scroll_offset.y - self._origin[1]
            self._refresh_lines(self._scene.moving_lines(range(top, top + self.size.height)))

    def on_resize(self) -> None:
        """Change between lanes and layers, or the zoom that fits."""
        if self._scene is not None:
            self._scene.lanes_under = self.lanes_under
            if self._scene.resize(*self._window):
                self._rescaled()

    def on_focus(self) -> None:
        """Show the cursor as the active one."""
        self._styles = None
        self.refresh()

    def on_blur(self) -> None:
        """Show the cursor as an inactive one."""
        self._styles = None
        self.refresh()

    # --- selection -------------------------------------------------------------------------------

    def follow_selection(self) -> None:
        """Put the cursor on the selected step, leaving the focus when it is outside of it."""
        scene = self._scene
        if scene is None or scene.drawing is None or self.selection is None:
            return
        step = scene.model.index.get(self.selection)
        if step is None:
            return
        if scene.select(step):
            self._reveal()
            self.refresh()
        elif scene.leave_focus():
            self._lay_out()

    def _reveal(self) -> None:
        """Scroll just so far that the node under the cursor is in sight."""
        scene = self._scene
        if scene is None or scene.canvas is None or scene.cursor is None:
            return
        node = scene.canvas.region(scene.cursor)
        width, height = self._window
        if width <= 0 or height <= 0:
            return
        x, y = self.scroll_offset
        x = _nearer(x, node.x, node.right, width, _MARGIN_X)
        y = _nearer(y, node.y, node.bottom, height, _MARGIN_Y)
        self.scroll_to(x, y, animate=False)

    def _choose(self, step: int | None) -> None:
        """Select a step because the user wants it."""
        scene = self._scene
        if scene is None or step is None:
            return
        self.selection = scene.model.ids[step]
        members = tuple(scene.model.ids[member] for member in scene.members())
        self.tell_selected(scene.model.ids[step], members)

    # --- keys and mouse --------------------------------------------------------------------------

    def action_go(self, direction: str) -> None:
        """Move along an edge, or within the layer."""
        if self._scene is not None:
            self._choose(self._scene.neighbour(direction))

    def action_go_end(self, last: bool) -> None:
        """Move to the first or the last step."""
        if self._scene is not None:
            self._choose(self._scene.end(last=last))

    def action_page(self, direction: int) -> None:
        """Move half a window up or down."""
        if self._scene is not None:
            self._choose(self._scene.page(direction * max(1, self.size.height // 2)))

    def action_fold(self) -> None:
        """Open the fold under the cursor, or close the one its step is of."""
        if self._scene is not None and self._scene.toggle_fold():
            self._lay_out()

    def action_fold_all(self) -> None:
        """Open all folds, or close all."""
        if self._scene is not None:
            self._scene.toggle_all_folds()
            self._lay_out()

    def action_zoom(self, step: int) -> None:
        """Zoom in, out, or to what fits (0)."""
        if self._scene is not None:
            self._scene.zoom(step)
            self._rescaled()

    def action_critical(self) -> None:
        """Show or hide the critical path."""
        if self._scene is not None:
            self._scene.toggle_critical()
            self._rescaled()

    def action_minimap(self) -> None:
        """Show or hide the minimap."""
        self._shows_map = not self._shows_map
        self._rescaled()

    def action_focus_hops(self) -> None:
        """Draw only the surroundings of the selected step, wider each time, then all again."""
        if self._scene is not None and self.selection is not None:
            self._scene.cycle_focus(self._scene.model.index[self.selection])
            self._lay_out()

    def action_failure(self, direction: int) -> None:
        """Go to the next or previous failed step."""
        scene = self._scene
        if scene is None:
            return
        step = scene.model.index.get(self.selection or "")
        found = scene.next_failure(step, direction)
        if found is not None:
            self._choose(found[0])
            self.post_message(self.Described(self, f"failure {found[1]}/{found[2]}"))

    def on_click(self, event: events.Click) -> None:
        """Select the node that was clicked; open it on the second click."""
        scene = self._scene
        if scene is None or scene.canvas is None:
            return
        place = event.get_content_offset(self)
        if place is None:
            return
        corner = self.scrollable_content_region.width - WIDTH
        if self._minimap is not None and place.x >= corner >= WIDTH and place.y < HEIGHT:
            x, y = self._minimap.point_of(place.x - corner, place.y)
            width, height = self._window
            self.scroll_to(max(0, x - width // 2), max(0, y - height // 2), animate=False)
            return
        place += self.scroll_offset
        group = scene.canvas.group_at(place.x - self._origin[0], place.y - self._origin[1])
        if group is not None:
            self._choose(scene.representative(group))
            if event.chain == 2:
                self.action_open()


def _nearer(start: int, low: int, high: int, size: int, margin: int) -> int:
    """Return where a window of `size` starts so that low..high is in it, moving it little."""
    margin = min(margin, max(0, (size - (high - low)) // 2))
    if low < start + margin:
        return max(0, low - margin)
    if high > start + size - margin:
        return min(low, high - size + margin) if high - low > size else high - size + margin
    return start
