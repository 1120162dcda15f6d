"""The panes of an execution: their arrangement, focus, zoom, filter and search."""

from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input

from tui.lines.title_bars import side_parts
from tui.live.past import MomentClock
from tui.screens.execution_actions import ExecutionActions
from tui.screens.panes.resizable_panes import Extent, ResizablePanes
from tui.search.log_filter import SYNTAX as LOG_SYNTAX
from tui.search.step_filter import SYNTAX
from tui.widgets.base.bar import Bar
from tui.widgets.base.divider import Divider
from tui.widgets.base.filter_field import FilterField, FilterNote, Syntax
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.text_view import TextView
from tui.widgets.graph.graph_view import GraphView
from tui.widgets.log.step_log import LOG_SIZE, StepLog
from tui.widgets.steps.step_list import StepList
from tui.widgets.steps.step_views import StepViews

SHORT_ROWS = 18
"""A terminal with fewer rows shows either steps or log."""
SIDE_SIZE, CANVAS_SIDE_SIZE = "run.side", "run.canvas-side"
"""What the widths of the side pane are remembered as: beside the list, and beside a canvas."""
CANVASES = ("graph", "gantt")
MIN_VIEW_CELLS, MIN_SIDE_CELLS = 40, 24
MIN_VIEW_ROWS, MIN_LOG_ROWS = 5, 3


class PaneScreen(ExecutionActions, ResizablePanes):
    """Header, step views, side pane, log, filter field, key bar. Loads nothing."""

    resizable = (SIDE_SIZE, CANVAS_SIDE_SIZE, LOG_SIZE)

    def __init__(self, execution_id: str) -> None:
        super().__init__()
        self.execution_id = execution_id
        self._zoomed: str | None = None
        self._log_asked = False
        self._filtering = "steps"
        clock = self.clock = MomentClock(self.deck.clock)
        self._head_bar = Bar(plain=True, id="head")
        self._past_bar = Bar(plain=True, id="past")
        self._past_bar.display = False
        self._main = Horizontal(id="main")
        self._left = StepViews(clock, id="left")
        self._divider = Divider(SIDE_SIZE, upright=True, grows=-1, mark="▏", id="side-divider")
        self._side = Vertical(id="side")
        self._side_title = Bar(id="side-title")
        self._side_views = ContentSwitcher(initial="summary", id="side-views")
        self._summary = TextView(id="summary")
        self._summarized: str | None = None
        """The title of the step that the summary is about: of the selected one once it was read."""
        self._side_list = StepList(clock, id="side-list")
        self._bottom = StepLog(execution_id, self.deck.feed, self.deck.lookup, id="bottom")
        self._log = self._bottom.pane
        self._field = FilterField()
        self._note = FilterNote()

    def compose(self) -> ComposeResult:
        """Header, tabs over views and side pane, log, field, keys."""
        yield self._head_bar
        yield self.banner
        yield self._past_bar
        with Vertical(id="body"):
            with self._main:
                yield self._left
                with self._side:
                    yield self._divider
                    yield self._side_title
                    with self._side_views:
                        yield self._summary
                        yield self._side_list
            yield self._bottom
        yield self._note
        yield self._field
        yield KeyBar()

    @property
    def filter_help(self) -> Sequence[tuple[str, Syntax]]:
        """The syntax of the step filter and of the search in the log."""
        return [("Filter of steps", SYNTAX), ("Search in the log", LOG_SYNTAX)]

    def tab_shown(self, tab: str) -> None:
        """Handle the change to another view."""

    def offers(self, action: str) -> bool:
        """Offer what applies to the focused pane."""
        if self.focused is self._log:
            if action == "logs":
                return self._bottom.is_merged
            if action.startswith("attempt("):
                return self._bottom.has_attempts
            if action.startswith("match(") or action == "screen.log('only')":
                return self._log.has_matches
        if action == "fold" and isinstance(self.focused, GraphView):
            return self.focused.has_fold
        return super().offers(action)

    def _titles(self) -> None:
        focused = self.focused.id if self.focused is not None else ""
        self._left.retitle()
        side = self._side_title
        filter_text = self._left.steps.filter_text
        title = self._summarized or self.step_title
        side.set_parts(*side_parts(self._left.tab, title, filter_text))
        side.lit = focused in ("summary", "side-list")
        self._bottom.retitle()

    @property
    def step_title(self) -> str | None:
        """The title of the step that side pane and log are about."""
        if self.board is None or self.selected is None:
            return None
        return self.board.title(self.selected)

    def on_descendant_focus(self) -> None:
        """Highlight the title of the focused pane."""
        self._titles()

    # --- arrangement -----------------------------------------------------------------------------

    def sized(self, width: int, height: int) -> None:
        """Arrange the panes for a size."""
        super().sized(width, height)
        self._left.fit_terminal(width)
        self.set_class(height < SHORT_ROWS, "-short")
        self._arrange()

    def _arrange(self) -> None:
        narrow, short = self.has_class("-narrow"), self.has_class("-short")
        zoomed = self._zoomed
        if zoomed is None and short:
            zoomed = "log" if self._log_asked else "left"
        self._main.display = zoomed in (None, "left", "side")
        self._left.display = zoomed in (None, "left")
        self._side.display = zoomed == "side" or (zoomed is None and not narrow)
        self._divider.display = self._left.display and self._side.display
        self._bottom.display = zoomed in (None, "log")
        self._titles()
        self.size_panes()

    def extent(self, pane: str) -> Extent | None:
        """Return the limits of the side pane's width, or of the log's height."""
        width, height = self.size
        if pane == self._side_size and self._divider.display:
            return Extent(self._side.outer_size.width, MIN_SIDE_CELLS, width - MIN_VIEW_CELLS)
        if pane == LOG_SIZE and self._main.display and self._bottom.display:
            others = height - self._main.outer_size.height - self._bottom.outer_size.height
            most = height - max(others, 2) - MIN_VIEW_ROWS
            return Extent(self._bottom.outer_size.height, MIN_LOG_ROWS, most)
        return None

    @property
    def _side_size(self) -> str:
        return CANVAS_SIDE_SIZE if self._left.tab in CANVASES else SIDE_SIZE

    def resize(self, pane: str, cells: int) -> None:
        """Resize the log, or the side pane beside the view that is shown."""
        super().resize(self._side_size if pane == SIDE_SIZE else pane, cells)

    def size_panes(self) -> None:
        """Give side pane and log the sizes that the user has chosen, if any."""
        side = self._side.styles
        side.width = side.min_width = side.max_width = self.size_of(self._side_size)
        log = self._bottom.styles
        log.height = log.min_height = self.size_of(LOG_SIZE)

    def action_zoom(self) -> None:
        """Maximize the focused pane, or restore the layout."""
        if self._zoomed is not None:
            self._zoomed = None
        else:
            self._zoomed = self._pane_in_focus()
        self._arrange()

    def _pane_in_focus(self) -> str:
        focused = self.focused
        if focused is not None and focused.id == "log":
            return "log"
        return "side" if focused is not None and focused.id in ("summary", "side-list") else "left"

    def action_tab(self, tab: str) -> None:
        """Show another view of the steps."""
        self.set_class(tab in CANVASES, "-canvas")
        self._log_asked = False
        if self._zoomed in ("log", "side"):
            self._zoomed = None
        self._left.tab = tab
        self._arrange()
        self._show_tab(tab)

    @work(exclusive=True, group="tab")
    async def _show_tab(self, tab: str) -> None:
        await self._left.show_tab(tab)
        self._side_views.current = "summary" if tab == "list" else "side-list"
        if tab != "list" and self.board is not None:
            self._side_list.show(self.board, self.selected)
        self.tab_shown(tab)
        self._titles()

    def action_pane(self, step: int) -> None:
        """Focus the next visible pane."""
        panes: list[Widget] = [self._left.focus_target]
        if self._side.display:
            panes.append(self._side_list if self._left.tab != "list" else self._summary)
        panes.append(self._log)
        focused = self.focused
        ids = [pane.id for pane in panes]
        at = ids.index(focused.id) if focused is not None and focused.id in ids else 0
        chosen = panes[(at + step) % len(panes)]
        self._log_asked = chosen is self._log
        if self._zoomed is not None:
            self._zoomed = "log" if chosen is self._log else "left"
        self._arrange()
        self.set_focus(chosen)

    def action_back(self) -> None:
        """Leave the field, the search, the zoom, the log; then the screen."""
        if self.focused is self._field:
            self.action_leave_field()
        elif self._log.search:
            self._log.set_search("")
        elif self._left.steps.filter_text:
            self._set_step_filter("")
        elif self._zoomed is not None:
            self.action_zoom()
        elif self.focused is self._log:
            self._log_asked = False
            self._arrange()
            self._left.focus_view()
        elif not self.deck.leave_to_origin():
            self.action_home()

    def action_home(self) -> None:
        """Return home, or exit; the run goes on."""
        self.deck.leave_execution()

    # --- log -------------------------------------------------------------------------------------

    def action_logs(self) -> None:
        """Go to the log of the selection."""
        self._log_asked = True
        if self._zoomed in ("left", "side"):
            self._zoomed = "log"
        self._bottom.show_single()
        self._arrange()
        self.set_focus(self._log)

    def action_merged_log(self) -> None:
        """Show the log of all steps in one, or that of the selection again."""
        self._log_asked = True
        self._bottom.toggle_merged()
        self._arrange()
        self.set_focus(self._log)

    def action_log(self, switch: str) -> None:
        """Toggle a switch of the log."""
        self._bottom.turn(switch)

    def action_attempt(self, step: int) -> None:
        """Show the log of the previous or next attempt."""
        self._bottom.step_attempt(step)

    def action_show_attempt(self, number: int) -> None:
        """Show the log of an attempt by its number."""
        self._bottom.show_attempt(number)

    def action_save_log(self) -> None:
        """Write the whole log that is shown to a file."""
        query = self._log.query_shown
        if query is not None:
            self.deck.save_log(query)

    def action_page_log(self) -> None:
        """Open the log that is shown in the user's pager, at the first line in sight."""
        query = self._log.query_shown
        if query is not None:
            self.deck.page_log(query, self._log.line_number)

    # --- filter and search -----------------------------------------------------------------------

    def action_filter(self) -> None:
        """Filter the steps, or search the log when it has the focus."""
        in_log = self.focused is self._log
        self._filtering = "log" if in_log else "steps"
        self._note.begin(LOG_SYNTAX if in_log else SYNTAX)
        self._field.begin(self._log.search if in_log else self._left.steps.filter_text)
        self.set_focus(self._field)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter or search while the user types."""
        if self._filtering == "log":
            self._log.set_search(event.value)
        else:
            self._set_step_filter(event.value)

    def _set_step_filter(self, text: str) -> None:
        self._left.set_filter(text)
        self._side_list.set_filter(text)
        self._note.say(self._left.steps.filter_problems)
        self.filter_set()
        self._titles()

    def filter_set(self) -> None:
        """Handle another filter, which may hide the selected step."""

    def on_input_submitted(self) -> None:
        """Keep the filter and return to what it filters."""
        self._leave_field()

    def action_leave_field(self) -> None:
        """Clear the filter or search and return to what it filtered."""
        if self._filtering == "log":
            self._log.set_search("")
        else:
            self._set_step_filter("")
        self._leave_field()

    def _leave_field(self) -> None:
        self._field.display = self._note.display = False
        if self._filtering == "log":
            self.set_focus(self._log)
        elif self._left.tab == "list":
            self.set_focus(self._left.steps)
        else:
            self.set_focus(self._side_list)
