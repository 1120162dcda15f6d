"""Home: the missions that were found, the executions of all of them, live."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from core.domain.states import ExecutionState, is_terminal
from core.errors import MissionDeckError
from core.ports.clock import Clock
from core.ports.execution_query import ExecutionOrder
from tui.keys.textual_bindings import bindings
from tui.lines.home_lines import count_note, home_parts, mission_lines, pane_parts
from tui.live.backend import MissionFile
from tui.live.board import Board
from tui.live.execution_queries import read_board
from tui.live.messages import Delta
from tui.screens.deck_screen import DeckScreen
from tui.search.home_filter import (
    EXECUTION_SYNTAX,
    MISSION_SYNTAX,
    fitting_missions,
    parse_execution_filter,
)
from tui.search.home_page import HomePage, HomeQuestion
from tui.widgets.base.bar import Bar
from tui.widgets.base.filter_field import FilterField, FilterNote, Syntax
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.line_view import LineView
from tui.widgets.base.text_view import TextView
from tui.widgets.steps.execution_list import ExecutionList
from tui.widgets.steps.mission_list import MissionList
from tui.words.safe_text import clean_line

PANES = ("missions", "executions")
PAGE = 200
"""Executions that are read at first, and more each time the cursor comes near the last."""
NEAR_END = 10
ORDERS = tuple(ExecutionOrder)
SYNTAX = {"missions": MISSION_SYNTAX, "executions": EXECUTION_SYNTAX}


class HomeScreen(DeckScreen):
    """The first screen. `show_missions` gives it what was found."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("home")
    watches = True

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._missions: Sequence[MissionFile] | None = None
        self._page: HomePage | None = None
        self._limit = PAGE
        self._order = ExecutionOrder.NEWEST
        self._opened: frozenset[str] = frozenset()
        self._pane = "executions"
        self._steered = False
        self._filters = {"missions": "", "executions": ""}
        self._head = Bar(plain=True, id="head")
        self._pane_titles = {pane: Bar(id=f"{pane}-title") for pane in PANES}
        self._panes = {pane: Vertical(id=f"{pane}-pane") for pane in PANES}
        self._mission_list = MissionList(clock, id="missions")
        self._execution_list = ExecutionList(clock, id="executions")
        self._lists: dict[str, LineView] = {
            "missions": self._mission_list,
            "executions": self._execution_list,
        }
        self._offered: tuple[object, ...] = ()
        self._detail_view = TextView(id="mission-detail", focusable=False)
        self._field = FilterField()
        self._note = FilterNote()

    def compose(self) -> ComposeResult:
        """Title, two panes, filter, keys."""
        yield self._head
        yield self.banner
        with Horizontal(id="panes"):
            with self._panes["missions"]:
                yield self._pane_titles["missions"]
                yield self._mission_list
                yield self._detail_view
            with self._panes["executions"]:
                yield self._pane_titles["executions"]
                yield self._execution_list
        yield self._note
        yield self._field
        yield KeyBar()

    def on_mount(self) -> None:
        """Say that things are on their way."""
        self._mission_list.placeholder = "Looking for missions …"
        self._execution_list.placeholder = "Opening the database …"
        self.action_show_pane(self._pane, steer=False)
        self.set_interval(1.0, self._tick)

    def on_screen_resume(self) -> None:
        """Watch the list of executions while this is the screen, and look at the files again."""
        self._ask()
        self.deck.discover()
        if self.focused is None:
            self.set_focus(self._list)

    @property
    def _list(self) -> LineView:
        return self._lists[self._pane]

    # --- news ------------------------------------------------------------------------------------

    def show_missions(self, missions: Sequence[MissionFile]) -> None:
        """Show the missions that were found."""
        self._missions = missions
        self._show_missions()
        self._ask()

    def deliver(self, delta: Delta) -> None:
        """Take in the executions."""
        page = delta.home
        if page is None:
            return
        first = self._page is None
        self._page = page
        if first and not page.total and not self._steered:
            self.action_show_pane("missions", steer=False)
        self._mission_list.learn(page.last)
        self._show_executions()
        self._show_detail()

    def _ask(self) -> None:
        """Ask the feed for what is to be shown; the answer comes as a delivery."""
        if self.deck.watching is not self:
            return  # the feed is another screen's; it is asked again when this one comes back
        mission = self._mission_list.current
        condition = parse_execution_filter(self._filters["executions"], self._clock.now())
        names = dict.fromkeys(one.name for one in self._missions or ())
        self.deck.feed.watch_home(
            HomeQuestion(
                query=replace(condition.query, order=self._order, limit=self._limit),
                opened=self._opened,
                missions=tuple(names),
                detail=None if mission is None else mission.name,
            )
        )

    def offers(self, action: str) -> bool:
        """Show what can be done to the execution at hand as it is now."""
        execution = self._execution_list.current
        if execution is None:
            return action not in ("cancel_run", "pause", "rerun")
        if action in ("cancel_run", "pause"):
            return not is_terminal(execution.state)
        return is_terminal(execution.state) if action == "rerun" else True

    def label_of(self, action: str, label: str) -> str:
        """Call `pause` what it does to the execution at hand."""
        execution = self._execution_list.current
        if action != "pause" or execution is None:
            return super().label_of(action, label)
        return "resume" if execution.state is ExecutionState.PAUSED else "pause"

    def _note_offers(self) -> None:
        offered = (
            *(self.offers(action) for action in ("cancel_run", "rerun")),
            self.label_of("pause", ""),
        )
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def _show_missions(self) -> None:
        missions = self._missions
        if missions is None:
            return
        text = self._filters["missions"]
        found, _ = fitting_missions(missions, text)
        folders = ", ".join(self.deck.surroundings.mission_folders) or "./missions"
        self._mission_list.placeholder = (
            "No mission matches this filter\nesc clears it"
            if text.strip()
            else f"No mission files in {clean_line(folders)}\n"
            "Write one with `mission init`, then press F5"
        )
        self._mission_list.show(found)
        self._titles()
        self._show_detail()

    def _show_executions(self) -> None:
        page = self._page
        if page is None:
            return
        self._execution_list.placeholder = (
            "No execution matches this filter\nesc clears it"
            if self._filters["executions"].strip()
            else "Nothing has run yet\nPress 1 for the missions, then n to launch one"
        )
        self._execution_list.show(page.rows, page.short_ids)
        self._titles()
        self._note_offers()

    def _tick(self) -> None:
        if self.is_current:
            self._execution_list.tick()
            self._mission_list.tick()
            if parse_execution_filter(self._filters["executions"], 0).is_timed:
                self._ask()  # what still runs passes, or no longer passes, as time goes on

    def _titles(self) -> None:
        page = self._page
        live = None if page is None else page.live
        self._head.set_parts(*home_parts(self.deck.surroundings, live))
        alone = self.has_class("-narrow")
        notes = {"missions": "", "executions": "" if page is None else count_note(page)}
        if self._missions is not None:
            shown, total = self._mission_list.shown, len(self._missions)
            notes["missions"] = f"{total}" if shown == total else f"{shown} of {total}"
        order = "" if self._order is ExecutionOrder.NEWEST else f"by {self._order.value}"
        for number, pane in enumerate(PANES, 1):
            note = notes[pane] + (f" {order}" if order and pane == "executions" else "")
            parts = pane_parts(
                number, PANES, note, self._filters[pane], self._problems(pane), alone=alone
            )
            self._pane_titles[pane].set_parts(*parts)

    def _problems(self, pane: str) -> Sequence[str]:
        """Return a sentence for everything in a pane's filter that is not understood."""
        text = self._filters[pane]
        if pane == "missions":
            return fitting_missions((), text)[1]
        return parse_execution_filter(text, 0).problems

    def _show_detail(self) -> None:
        mission, page = self._mission_list.current, self._page
        view = self._detail_view
        view.display = mission is not None
        if mission is not None:
            known = page is not None and page.detail == mission.name
            view.set_lines(mission_lines(mission, page.history if page and known else None))

    # --- moving about ----------------------------------------------------------------------------

    def sized(self, width: int, height: int) -> None:
        """Show one pane where it is narrow."""
        super().sized(width, height)
        self._arrange()

    def _arrange(self) -> None:
        narrow = self.has_class("-narrow")
        for pane in PANES:
            self._panes[pane].display = not narrow or pane == self._pane
        self._titles()

    def action_show_pane(self, pane: str, steer: bool = True) -> None:
        """Go to a pane."""
        self._steered = self._steered or steer
        self._pane = pane
        self._arrange()
        self.set_focus(self._list)

    def action_other_pane(self) -> None:
        """Go to the pane that has not the focus."""
        self.action_show_pane("executions" if self._pane == "missions" else "missions")

    def on_descendant_focus(self) -> None:
        """Light the title of the pane in focus."""
        focused = self.focused
        for pane in PANES:
            inside = focused is not None and focused.id == pane
            self._pane_titles[pane].lit = inside
            if inside:
                self._pane = pane

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        """Show the mission under the cursor in detail, and the keys for the execution there."""
        if event.view.id == "missions":
            self._ask()
            self._show_detail()
            return
        self._note_offers()
        page = self._page
        if (
            page is not None
            and page.listed < page.matched
            and event.index >= len(page.rows) - NEAR_END
        ):
            self._limit = page.listed + PAGE
            self._ask()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Launch a mission, open an execution."""
        if event.view.id == "missions":
            self.action_new_run()
        elif (execution := self._execution_list.current) is not None:
            self.deck.open_execution(execution.execution_id)

    # --- filter ----------------------------------------------------------------------------------

    @property
    def filter_help(self) -> Sequence[tuple[str, Syntax]]:
        """What the filters of both panes may say, that of the pane at hand first."""
        panes = sorted(PANES, key=lambda pane: pane != self._pane)
        return [(f"Filter of {pane}", SYNTAX[pane]) for pane in panes]

    def action_filter(self) -> None:
        """Filter the pane in focus."""
        self._note.begin(SYNTAX[self._pane])
        self._field.begin(self._filters[self._pane])
        self.set_focus(self._field)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        self._set_filter(event.value)

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the list."""
        self._close_field()

    def _close_field(self) -> None:
        self._field.display = self._note.display = False
        self.set_focus(self._list)

    def _set_filter(self, text: str) -> None:
        if self._filters[self._pane] == text:
            return
        self._filters[self._pane] = text
        self._note.say(self._problems(self._pane))
        if self._pane == "missions":
            self._show_missions()
        else:
            self._limit = PAGE
            self._titles()
        self._ask()

    def action_clear(self) -> None:
        """Clear the filter."""
        self.action_leave_field()

    def action_leave_field(self) -> None:
        """Clear the filter and go back to the list."""
        self._set_filter("")
        self._close_field()

    def action_sort(self) -> None:
        """Sort the executions by the next order there is."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._titles()
        self._ask()

    def action_unfold(self) -> None:
        """List the sub-missions of the execution at hand under it, or no longer."""
        row = self._execution_list.current_row
        if row is not None and row.children:
            self._opened ^= {row.execution.execution_id}
            self._ask()

    # --- acting ----------------------------------------------------------------------------------

    def action_new_run(self) -> None:
        """Open the launch form for the mission at hand."""
        if self._pane == "missions":
            mission = self._mission_list.current
            if mission is not None:
                self.deck.open_launch(mission.path)
            return
        execution = self._execution_list.current
        if execution is None or execution.source_path is None:
            self.action_show_pane("missions")
        else:
            self.deck.open_launch(execution.source_path, execution.params)

    def action_validate(self) -> None:
        """Validate the mission at hand again and say what was found."""
        mission = self._mission_list.current
        if mission is not None:
            self.deck.validate(mission.path)

    def action_edit(self) -> None:
        """Open the mission at hand in the user's editor."""
        mission, execution = self._mission_list.current, self._execution_list.current
        path = mission.path if mission is not None and self._pane == "missions" else None
        if self._pane == "executions" and execution is not None:
            path = execution.source_path
        if path is not None:
            self.deck.edit(path)

    def action_refresh(self) -> None:
        """Look for missions again."""
        self.deck.discover()

    @work
    async def action_cancel_run(self) -> None:
        """Ask, then cancel the execution at hand."""
        execution = self._execution_list.current
        if execution is None:
            return
        lookup, backend = self.deck.lookup, self.deck.backend

        async def look() -> Board:
            return await lookup.read(
                lambda reader: read_board(reader, backend, execution.execution_id)
            )

        try:
            await self.deck.acts.cancel_run(look)
        except MissionDeckError as error:
            self.deck.complain(clean_line(str(error)))

    @work
    async def action_pause(self) -> None:
        """Pause the execution at hand, or let it go on."""
        execution = self._execution_list.current
        if execution is None:
            return
        board = Board(execution, ())
        try:
            board.lease = await self.deck.lookup.read(
                lambda reader: reader.lease(execution.execution_id)
            )
        except MissionDeckError as error:
            self.deck.complain(clean_line(str(error)))
            return
        board.lease_known = True
        orphaned = board.is_orphaned(self.deck.clock.now())
        await self.deck.acts.pause(execution, orphaned=orphaned)

    @work
    async def action_rerun(self) -> None:
        """Ask, then run the execution at hand again."""
        execution = self._execution_list.current
        if execution is not None:
            await self.deck.acts.rerun(execution)

    def action_copy(self) -> None:
        """Copy the id or path at hand."""
        mission, execution = self._mission_list.current, self._execution_list.current
        if self._pane == "missions" and mission is not None:
            self.deck.copy(mission.path, "the path")
        elif self._pane == "executions" and execution is not None:
            self.deck.copy(execution.execution_id, "the execution's id")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's own
        """Offer only what works on the pane in focus."""
        if action in ("cancel_run", "pause", "rerun", "sort", "unfold"):
            return self._pane == "executions"
        return self._pane == "missions" if action == "validate" else True
