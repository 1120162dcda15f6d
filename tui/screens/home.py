"""Home: the missions that were found, the executions of all of them, live."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from core.errors import MissionDeckError
from core.model import Execution
from core.ports import Clock
from core.states import is_terminal
from tui.backend import MissionFile
from tui.board import Board
from tui.home_lines import fits, home_parts, mission_lines, pane_parts
from tui.keymap import bindings
from tui.messages import Delta
from tui.reading import read_board
from tui.screens.base import DeckScreen
from tui.text import clean_line
from tui.widgets.bar import Bar
from tui.widgets.filter_field import FilterField
from tui.widgets.key_bar import KeyBar
from tui.widgets.line_view import LineView
from tui.widgets.mission_list import ExecutionList, MissionList
from tui.widgets.text_view import TextView

PANES = ("missions", "executions")


class HomeScreen(DeckScreen):
    """The first screen. `show_missions` gives it what was found."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("home")
    watches = True

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._missions: Sequence[MissionFile] | None = None
        self._executions: Sequence[Execution] | None = None
        self._short: Mapping[str, str] = {}
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
        self._offered: tuple[bool, ...] = ()
        self._detail_view = TextView(id="mission-detail", focusable=False)
        self._field = FilterField("filter: words, or state:failed")

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
        yield self._field
        yield KeyBar()

    def on_mount(self) -> None:
        """Say that things are on their way."""
        self._mission_list.placeholder = "Looking for missions …"
        self._execution_list.placeholder = "Opening the database …"
        self.action_show_pane(self._pane, steer=False)
        self.set_interval(1.0, self._tick)

    def on_screen_resume(self) -> None:
        """Watch the list of executions while this is the screen."""
        self.deck.feed.watch_home()
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

    def deliver(self, delta: Delta) -> None:
        """Take in the executions."""
        if delta.executions is None:
            return
        first = self._executions is None
        self._executions = delta.executions
        self._short = delta.short_ids or {}
        if first and not delta.executions and not self._steered:
            self.action_show_pane("missions", steer=False)
        self._mission_list.learn(delta.executions)
        self._show_executions()
        self._show_detail()

    def offers(self, action: str) -> bool:
        """Show what can be done to the execution at hand as it is now."""
        execution = self._execution_list.current
        if execution is None:
            return action not in ("cancel_run", "pause", "rerun")
        if action in ("cancel_run", "pause"):
            return not is_terminal(execution.state)
        return is_terminal(execution.state) if action == "rerun" else True

    def _note_offers(self) -> None:
        offered = tuple(self.offers(action) for action in ("cancel_run", "rerun"))
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def _show_missions(self) -> None:
        missions = self._missions
        if missions is None:
            return
        wanted = self._filters["missions"].lower().split()
        found = [
            mission
            for mission in missions
            if all(word in f"{mission.name} {mission.path}".lower() for word in wanted)
        ]
        folders = ", ".join(self.deck.surroundings.mission_folders) or "./missions"
        self._mission_list.placeholder = (
            "No mission matches this filter\nesc clears it"
            if wanted
            else f"No mission files in {clean_line(folders)}\n"
            "Write one with `mission init`, then press F5"
        )
        self._mission_list.show(found)
        self._titles()
        self._show_detail()

    def _show_executions(self) -> None:
        if self._executions is None:
            return
        wanted = self._filters["executions"].lower().split()
        found = [e for e in self._executions if all(fits(e, word) for word in wanted)]
        self._execution_list.placeholder = (
            "No execution matches this filter\nesc clears it"
            if wanted
            else "Nothing has run yet\nPress 1 for the missions, then n to launch one"
        )
        self._execution_list.show(found, self._short)
        self._titles()
        self._note_offers()

    def _tick(self) -> None:
        if self.is_current:
            self._execution_list.tick()

    def _titles(self) -> None:
        executions = self._executions or ()
        live = sum(not is_terminal(execution.state) for execution in executions)
        self._head.set_parts(*home_parts(self.deck.surroundings, live))
        alone = self.has_class("-narrow")
        for number, pane in enumerate(PANES, 1):
            shown = self._lists[pane].row_count()
            total = len((self._missions if pane == "missions" else executions) or ())
            wanted = self._filters[pane]
            note = f"{shown} of {total}" if wanted else f"{total}"
            parts = pane_parts(number, PANES, note, wanted, alone=alone)
            self._pane_titles[pane].set_parts(*parts)

    def _show_detail(self) -> None:
        mission = self._mission_list.current
        view = self._detail_view
        view.display = mission is not None
        if mission is not None:
            view.set_lines(mission_lines(mission, self._executions or ()))

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
            self._show_detail()
        else:
            self._note_offers()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Launch a mission, open an execution."""
        if event.view.id == "missions":
            self.action_new_run()
        elif (execution := self._execution_list.current) is not None:
            self.deck.open_execution(execution.execution_id)

    # --- filter ----------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Filter the pane in focus."""
        field = self._field
        field.display = True
        field.value = self._filters[self._pane]
        self.set_focus(field)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        self._set_filter(event.value)

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the list."""
        self._field.display = False
        self.set_focus(self._list)

    def _set_filter(self, text: str) -> None:
        if self._filters[self._pane] == text:
            return
        self._filters[self._pane] = text
        if self._pane == "missions":
            self._show_missions()
        else:
            self._show_executions()

    def action_clear(self) -> None:
        """Clear the filter."""
        self.action_leave_field()

    def action_leave_field(self) -> None:
        """Clear the filter and go back to the list."""
        self._set_filter("")
        self._field.display = False
        self.set_focus(self._list)

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
        if action in ("cancel_run", "pause", "rerun"):
            return self._pane == "executions"
        return self._pane == "missions" if action == "validate" else True
