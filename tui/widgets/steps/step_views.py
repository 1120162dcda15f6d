"""The tabs of an execution: list, graph, tree, Gantt chart and events, with one selection."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input

from core.domain.mission import EMPTY
from core.domain.records import Attempt, TaskRun
from core.ports.clock import Clock
from tui.lines.title_bars import tab_parts
from tui.live.board import Board
from tui.search.step_filter import parse_filter
from tui.widgets.base.bar import Bar
from tui.widgets.steps.canvas_tabs import CANVAS_TABS, make_canvas
from tui.widgets.steps.drawn_tab import Canvas
from tui.widgets.steps.event_list import EventList
from tui.widgets.steps.step_list import StepList

if TYPE_CHECKING:
    from tui.live.steps.inner_missions import InnerMission


class StepViews(Vertical):
    """A bar of tabs and a switcher. The canvases are created on first use."""

    DEFAULT_CSS = """
    StepViews > ContentSwitcher { height: 1fr; }
    """

    def __init__(self, clock: Clock, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.steps = StepList(clock, id="list", opens=True)
        self.events = EventList(id="events")
        self.tab = "list"
        self._clock = clock
        self._bar = Bar(id="tabs")
        self._switcher = ContentSwitcher(initial="list", id="views")
        self._canvases: dict[str, Canvas] = {}
        self._board: Board | None = None
        self._selected: str | None = None
        self._opened: Mapping[str, InnerMission] = EMPTY

    def compose(self) -> ComposeResult:
        """Put the tabs above the views."""
        yield self._bar
        with self._switcher:
            yield self.steps
            yield self.events

    def show_board(self, board: Board, selected: str | None) -> None:
        """Replace the board in every view."""
        self._board, self._selected = board, selected
        self.steps.placeholder = "This execution has no steps"
        self.steps.show(board, selected)
        self.mission_known()

    def mission_known(self) -> None:
        """Draw the dependencies, once the mission has been read."""
        self.steps.mission_known()
        if self._board is not None:
            for canvas in self._canvases.values():
                canvas.show_board(self._board, self._selected)

    def board_changed(
        self, changed: Mapping[str, TaskRun], *, moved: bool, selected: str | None = None
    ) -> None:
        """Apply newer task runs; `selected` is the step that will be selected next."""
        self.steps.board_changed(changed, moved=moved, selected=selected)
        for canvas in self._canvases.values():
            canvas.board_changed(changed)

    def select(self, task_id: str) -> None:
        """Follow the selection."""
        self._selected = task_id
        self.steps.select(task_id)
        for canvas in self._canvases.values():
            canvas.select_step(task_id)

    async def show_tab(self, tab: str) -> None:
        """Show and focus a view."""
        self.tab = tab
        canvas = self._canvases.get(tab)
        if canvas is None and tab in CANVAS_TABS:
            canvas = self._canvases[tab] = make_canvas(tab, self._clock)
            canvas.display = False  # until it is the current one: another key may come before that
            canvas.fit_terminal(self.app.size.width)
            canvas.inner_changed(self._opened, None)
            await self._switcher.mount(canvas)
        self._switcher.current = tab
        if canvas is not None and self._board is not None:
            canvas.catch_up(self._board, self._selected)
        if not isinstance(self.screen.focused, Input):  # where the user types by now
            self.focus_view()
        self.retitle()

    @property
    def focus_target(self) -> Widget:
        """The widget of the visible view that takes the focus."""
        canvas = self._canvases.get(self.tab)
        if canvas is not None:
            return canvas.focus_target
        return self.events if self.tab == "events" else self.steps

    def focus_view(self) -> None:
        """Focus the visible view."""
        self.screen.set_focus(self.focus_target)

    @property
    def wants_attempts(self) -> bool:
        """Whether the visible view draws attempts."""
        canvas = self._canvases.get(self.tab)
        return canvas is not None and canvas.wants_attempts

    def take_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Draw all attempts of the execution."""
        for canvas in self._canvases.values():
            canvas.take_attempts(attempts)

    @property
    def path(self) -> str | None:
        """What the cursor of the visible view is on; None where sub-missions do not open."""
        canvas = self._canvases.get(self.tab)
        if canvas is None:
            return self.steps.path if self.tab == "list" else None
        return canvas.path

    def point_at(self, path: str) -> None:
        """Put the cursor of the visible view somewhere."""
        canvas = self._canvases.get(self.tab)
        if canvas is not None:
            canvas.point_at(path)
        elif self.tab == "list":
            self.steps.point_at(path)

    def inner_changed(
        self,
        opened: "Mapping[str, InnerMission]",
        boards: Mapping[str, Board],
        changed: Mapping[str, TaskRun] | None,
    ) -> None:
        """Draw the sub-missions that are open in place, or newer task runs in them."""
        self._opened = opened
        self.steps.show_inner(opened, boards)
        for canvas in self._canvases.values():
            canvas.inner_changed(opened, changed)

    def fit_terminal(self, columns: int) -> None:
        """Adapt to the width of the terminal."""
        for canvas in self._canvases.values():
            canvas.fit_terminal(columns)

    def set_filter(self, text: str) -> None:
        """Filter the list, and dim the other steps in the graph."""
        self.steps.set_filter(text)
        if self._board is not None:
            condition = parse_filter(text)
            found = self._board.matching(condition, self._clock.now()) if condition else None
            for canvas in self._canvases.values():
                canvas.set_matches(found)
        self.retitle()

    def tick(self) -> None:
        """Update running times; the canvases do this themselves."""
        self.steps.tick()

    def retitle(self) -> None:
        """Update the tab bar."""
        text = self.steps.filter_text
        matched = self.steps.matched if text else None
        self._bar.set_parts(*tab_parts(self.tab, text, matched, self.steps.filter_problems))
        focused = self.screen.focused
        self._bar.lit = focused is not None and self._switcher in focused.ancestors
