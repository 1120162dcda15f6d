"""The tabs over an execution's steps: list, graph, tree, gantt, events, with one selection."""

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from core.domain.records import Attempt, TaskRun
from core.ports.clock import Clock
from tui.lines.title_bars import tab_parts
from tui.live.board import Board
from tui.search.step_filter import parse_filter
from tui.widgets.base.bar import Bar
from tui.widgets.steps.canvas_tabs import CANVAS_TABS, Canvas, make_canvas
from tui.widgets.steps.event_list import EventList
from tui.widgets.steps.step_list import StepList


class StepViews(Vertical):
    """A bar of tabs and a switcher. The canvases are made when they are first looked at."""

    DEFAULT_CSS = """
    StepViews > ContentSwitcher { height: 1fr; }
    """

    def __init__(self, clock: Clock, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.steps = StepList(clock, id="list")
        self.events = EventList(id="events")
        self.tab = "list"
        self._clock = clock
        self._bar = Bar(id="tabs")
        self._switcher = ContentSwitcher(initial="list", id="views")
        self._canvases: dict[str, Canvas] = {}
        self._board: Board | None = None
        self._selected: str | None = None

    def compose(self) -> ComposeResult:
        """Put the tabs above what they show."""
        yield self._bar
        with self._switcher:
            yield self.steps
            yield self.events

    def show_board(self, board: Board, selected: str | None) -> None:
        """Show another board in every view."""
        self._board, self._selected = board, selected
        self.steps.placeholder = "This execution has no steps"
        self.steps.show(board, selected)
        self.mission_known()

    def mission_known(self) -> None:
        """Draw the structure, which the mission tells."""
        self.steps.refresh()
        if self._board is not None:
            for canvas in self._canvases.values():
                canvas.show_board(self._board, self._selected)

    def board_changed(
        self, changed: Mapping[str, TaskRun], *, moved: bool, selected: str | None = None
    ) -> None:
        """Take newer task runs; `selected` is the step that the selection is about to go to."""
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
        """Show a view and put the focus on it."""
        self.tab = tab
        canvas = self._canvases.get(tab)
        if canvas is None and tab in CANVAS_TABS:
            canvas = self._canvases[tab] = make_canvas(tab, self._clock)
            canvas.fit_terminal(self.app.size.width)
            await self._switcher.mount(canvas)
        self._switcher.current = tab
        if canvas is not None and self._board is not None:
            canvas.catch_up(self._board, self._selected)
        self.focus_view()
        self.retitle()

    @property
    def focus_target(self) -> Widget:
        """What takes the focus in the view in sight."""
        canvas = self._canvases.get(self.tab)
        if canvas is not None:
            return canvas.focus_target
        return self.events if self.tab == "events" else self.steps

    def focus_view(self) -> None:
        """Put the focus on the view in sight."""
        self.screen.set_focus(self.focus_target)

    @property
    def wants_attempts(self) -> bool:
        """Whether the view in sight draws attempts."""
        canvas = self._canvases.get(self.tab)
        return canvas is not None and canvas.wants_attempts

    def take_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Draw all attempts of the execution."""
        for canvas in self._canvases.values():
            canvas.take_attempts(attempts)

    def fit_terminal(self, columns: int) -> None:
        """Take note of how wide the terminal is."""
        for canvas in self._canvases.values():
            canvas.fit_terminal(columns)

    def set_filter(self, text: str) -> None:
        """Narrow the list to what passes a filter, and let it stand out in the graph."""
        self.steps.set_filter(text)
        if self._board is not None:
            condition = parse_filter(text)
            found = self._board.matching(condition, self._clock.now()) if condition else None
            for canvas in self._canvases.values():
                canvas.set_matches(found)
        self.retitle()

    def tick(self) -> None:
        """Let times go on; the canvases do by themselves."""
        self.steps.tick()

    def retitle(self) -> None:
        """Say which tab is shown and what the list is narrowed to."""
        text = self.steps.filter_text
        matched = self.steps.matched if text else None
        self._bar.set_parts(*tab_parts(self.tab, text, matched, self.steps.filter_problems))
        focused = self.screen.focused
        self._bar.lit = focused is not None and self._switcher in focused.ancestors
