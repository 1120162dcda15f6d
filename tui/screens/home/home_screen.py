"""Home: the mission files that were found and the executions of all missions, kept live."""

import time
from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual import work
from textual.binding import BindingType

from core.domain.states import is_terminal
from core.errors import MissionDeckError
from core.ports.clock import Clock
from core.ports.execution_query import ExecutionOrder
from tui.keys.textual_bindings import bindings
from tui.lines.home_lines import mission_lines
from tui.live.backend import MissionFile
from tui.live.coalescing_worker import CoalescingWorker
from tui.live.home.param_defaults import ParamDefaults
from tui.live.home.run_preview import read_preview
from tui.live.home.screen_memory import attention_floor
from tui.live.messages import Delta
from tui.screens.home.home_actions import HomeActions
from tui.search.home_filter import filter_missions, parse_execution_filter
from tui.search.home_page import HomeQuery, with_chain_problem
from tui.widgets.base.line_view import LineView
from tui.words.safe_text import clean_line

PAGE_ROWS = 200
"""How many executions are read at first, and added each time the cursor nears the last one."""
PREFETCH_ROWS = 10
"""How near to the last row the cursor must be for more executions to be read."""
PREVIEW_SECONDS = 0.5
"""How often the preview of the same execution is read while it goes on."""
ORDERS = tuple(ExecutionOrder)


class HomeScreen(HomeActions):
    """The first screen. `show_missions` and `deliver` give it what it shows."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("home")
    watches = True

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._limit = PAGE_ROWS
        self._expanded: frozenset[str] = frozenset()
        """The executions whose sub-missions are listed."""
        self._preview_reader = CoalescingWorker(self._load_preview, self.run_worker)
        self._previewed_at = 0.0
        self._is_preview_due = False
        """Whether something was committed too soon after the preview was read; a tick reads it."""
        self._defaults: ParamDefaults | None = None
        self._default_reader = CoalescingWorker(self._load_defaults, self.run_worker)

    def on_mount(self) -> None:
        """Say that the lists are being loaded."""
        self._mission_list.placeholder = "Looking for missions …"
        self._execution_list.placeholder = "Opening the database …"
        self.recall_sizes()
        self.action_show_pane(self._pane, steer=False)
        self.set_interval(1.0, self._tick)

    def on_screen_resume(self) -> None:
        """Watch the executions while this screen is shown, and search for mission files again."""
        self._ask()
        if self._page is not None:
            self.deck.discover()
        if self.focused is None:
            self.set_focus(self._list)

    # --- updates ---------------------------------------------------------------------------------

    def show_missions(self, missions: Sequence[MissionFile]) -> None:
        """Show the missions that were found."""
        self._missions = missions
        self._show_missions()
        self._ask()

    def deliver(self, delta: Delta) -> None:
        """Show newly committed executions."""
        page = delta.home
        if page is None:
            return
        first = self._page is None
        self._page = page
        if first and not page.total and not self._pane_chosen:
            self.action_show_pane("missions", steer=False)
        self._mission_list.set_runs(page.last, page.outcomes)
        self._set_width()
        self._show_executions()
        self._show_detail()

    def show_banner(self, text: str) -> None:
        """Show a problem; one of the audit log is listed as well."""
        super().show_banner(text)
        self._show_executions()

    def _ask(self) -> None:
        """Tell the feed what to watch; the answer arrives through `deliver`."""
        if self.deck.watching is not self:
            return  # the feed serves another screen; `on_screen_resume` asks again
        mission = self._mission_list.current
        condition = parse_execution_filter(self._filters["executions"], self._clock.now())
        names = dict.fromkeys(one.name for one in self._missions or ())
        self.deck.feed.watch_home(
            HomeQuery(
                executions=replace(condition.query, order=self._order, limit=self._limit),
                expanded=self._expanded,
                looked_at=self.deck.looked_at,
                failed_since=attention_floor(self._clock.now()),
                missions=tuple(names),
                detail=None if mission is None else mission.name,
            )
        )

    def expect(self, execution_id: str) -> None:
        """Put the cursor on an execution that is being opened, for the return from it."""
        self._wanted_execution = execution_id

    def look_again(self) -> None:
        """Ask the feed anew."""
        self._ask()

    def _show_missions(self) -> None:
        missions = self._missions
        if missions is None:
            return
        text = self._filters["missions"]
        found, _ = filter_missions(missions, text)
        folders = ", ".join(self.deck.app_context.mission_folders) or "./missions"
        self._mission_list.placeholder = (
            "No mission matches this filter\nesc clears it"
            if text.strip()
            else f"No mission files in {clean_line(folders)}\n"
            "i makes one from a template\n"
            "F5 looks for files again"
        )
        self._mission_list.show(found)
        self._set_width()
        if self._wanted_mission and self._mission_list.go_to(self._wanted_mission):
            self._wanted_mission = ""
        self._titles()
        self._show_detail()

    def _show_executions(self) -> None:
        page = self._page
        if page is None:
            return
        self._execution_list.placeholder = (
            "No execution matches this filter\nesc clears it"
            if self._filters["executions"].strip()
            else "Nothing has run yet\n\n"
            "Press 1 for the missions, then n to launch one\n"
            "Press i to make a new mission from a template\n"
            "Press ? for all keys"
        )
        rows = with_chain_problem(page.rows, self.deck.log_problem)
        self._execution_list.show(rows, page.short_ids, self.deck.app_context.actor)
        if self._wanted_execution and self._execution_list.go_to(self._wanted_execution):
            self._wanted_execution = ""
        self._titles()
        self._update_key_bar()
        self._divide()
        current = self._execution_list.current
        is_same = current is not None and current.execution_id == self._preview.execution_id
        if not is_same or time.monotonic() - self._previewed_at >= PREVIEW_SECONDS:
            self._read_preview()
        else:
            self._is_preview_due = True

    def preview_appeared(self) -> None:
        """Fill the preview when there is room for it again."""
        self._read_preview()

    def _tick(self) -> None:
        if self.is_current:
            self._execution_list.tick()
            self._mission_list.tick()
            self._preview.tick()
            current = self._execution_list.current
            goes_on = current is not None and not is_terminal(current.state)
            if goes_on or self._is_preview_due:
                self._read_preview()
            if parse_execution_filter(self._filters["executions"], 0).is_timed:
                self._ask()  # a filter by duration changes its result as time passes

    def _read_preview(self) -> None:
        """Read what the preview shows, of the execution under the cursor."""
        self._previewed_at = time.monotonic()
        self._is_preview_due = False
        if self._preview.display:
            self._preview_reader.request()
        else:
            self.call_after_refresh(self.deck.begin_checks)
        self._default_reader.request()

    async def _load_preview(self) -> None:
        await self._show_preview()
        if self.is_attached:
            self.call_after_refresh(self.deck.begin_checks)

    async def _show_preview(self) -> None:
        execution = self._execution_list.current
        if execution is None:
            self._preview.show(None, "")
            return
        key, backend, now = execution.execution_id, self.deck.backend, self._clock.now()
        try:
            found = await self.deck.lookup.read(
                lambda reader: read_preview(reader, backend, key, now)
            )
        except MissionDeckError:
            return  # it was pruned, or the feed reports the same failure
        if self.is_attached and self._is_current(key):
            self._preview.show(found, self.deck.app_context.actor)

    def _is_current(self, execution_id: str) -> bool:
        current = self._execution_list.current
        return current is not None and current.execution_id == execution_id

    async def _load_defaults(self) -> None:
        """Learn the defaults of what is in sight, so that rows show what was given."""
        defaults = self._defaults
        if defaults is None:
            defaults = self._defaults = ParamDefaults(self.deck.lookup, self.deck.backend)
        try:
            is_new = await defaults.learn(self._execution_list.in_sight)
        except MissionDeckError:
            return  # the feed reports the same failure
        if is_new:
            self._execution_list.set_defaults(defaults.known)

    def _show_detail(self) -> None:
        mission, page = self._mission_list.current, self._page
        view = self._detail_view
        view.display = mission is not None
        if mission is not None:
            known = page is not None and page.detail == mission.name
            view.set_lines(mission_lines(mission, page.history if page and known else None))

    def filter_changed(self, pane: str) -> None:
        """Apply another filter of a pane."""
        if pane == "missions":
            self._show_missions()
        else:
            self._limit = PAGE_ROWS
            self._titles()
        self._ask()

    # --- moving ----------------------------------------------------------------------------------

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        """Show details of the mission under the cursor, and the keys for the execution there."""
        if event.view.id == "missions":
            self._ask()
            self._show_detail()
            return
        self._wanted_execution = ""
        self._update_key_bar()
        self._read_preview()
        page = self._page
        if (
            page is not None
            and page.listed < page.matched
            and event.index >= self._execution_list.row_count() - PREFETCH_ROWS
        ):
            self._limit += PAGE_ROWS
            self._ask()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Launch a mission, open an execution."""
        if event.view.id == "missions":
            self.action_new_run()
        elif self._execution_list.is_at_chain_problem:
            self._open_audit()
        elif (execution := self._execution_list.current) is not None:
            self.deck.open_execution(execution.execution_id)

    @work
    async def _open_audit(self) -> None:
        await self.app.run_action("audit")

    def action_sort(self) -> None:
        """Cycle through the sort orders of the executions."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._titles()
        self._ask()

    def action_unfold(self, expand: bool) -> None:
        """List the sub-missions of the execution under the cursor, or fold them again.

        On a sub-mission itself, folding is about its parent.
        """
        row = self._execution_list.current_row
        if row is None:
            return
        key = row.execution.execution_id
        if not expand and key not in self._expanded:
            key = row.execution.parent_execution_id or key
        if expand and row.children:
            self._expanded |= {key}
        elif not expand and key in self._expanded:
            self._expanded -= {key}
            self._execution_list.go_to(key)
        else:
            return
        self._ask()
