"""The two panes of home, missions and executions: their arrangement, titles, focus and filters."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from core.ports.clock import Clock
from core.ports.execution_query import ExecutionOrder
from tui.lines.home_lines import count_note, home_parts, pane_parts
from tui.live.backend import MissionFile
from tui.screens.panes.resizable_panes import Extent, ResizablePanes
from tui.screens.panes.tells_size import TellsSize
from tui.search.home_filter import (
    EXECUTION_SYNTAX,
    MISSION_SYNTAX,
    filter_missions,
    parse_execution_filter,
)
from tui.search.home_page import HomePage
from tui.widgets.base.bar import Bar
from tui.widgets.base.divider import Divider
from tui.widgets.base.filter_field import FilterField, FilterNote, Syntax
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.line_view import LineView
from tui.widgets.base.text_view import TextView
from tui.widgets.steps.execution_list import ExecutionList
from tui.widgets.steps.mission_list import MissionList
from tui.widgets.steps.run_preview_pane import RunPreviewPane
from tui.words.verified_text import verified_note

MIN_DIVIDED_ROWS = 14
"""The height of the pane of executions from which it has a preview below the list."""
MIN_MISSION_CELLS, MIN_EXECUTION_CELLS = 24, 40
MIN_LIST_ROWS, MIN_PREVIEW_ROWS = 3, 4
MISSIONS_SIZE, LIST_SIZE = "home.missions", "home.list"
"""What the sizes that the user chooses are remembered as."""
USUAL_MISSION_CELLS = 44
"""The width of the pane of missions that their content needs at least; it gets no more."""
LIST_SHARE = 0.5
"""The share of the pane that the list may take, the rest being the preview's."""
PANES = ("missions", "executions")
SYNTAX = {"missions": MISSION_SYNTAX, "executions": EXECUTION_SYNTAX}


class SizedPane(TellsSize, Vertical):
    """A pane whose size decides whether it is divided."""


class HomeLayout(ResizablePanes):
    """Base of the home screen: title, two panes, filter field, key bar. Loads nothing."""

    resizable = (MISSIONS_SIZE, LIST_SIZE)

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._missions: Sequence[MissionFile] | None = None
        self._page: HomePage | None = None
        self._order = ExecutionOrder.NEWEST
        self._wanted_mission = ""
        """The path of the mission that the cursor is put on once it is found; empty for none."""
        self._wanted_execution = ""
        """The id of the execution that was opened last, for the cursor; empty once it is there."""
        self._pane = "executions"
        self._pane_chosen = False
        """Whether the user has chosen a pane; until then the screen may."""
        self._marked: frozenset[str] = frozenset()
        """The executions that are marked, in sight or not."""
        self._filters = {"missions": "", "executions": ""}
        self._head = Bar(plain=True, id="head")
        self._pane_titles = {pane: Bar(id=f"{pane}-title") for pane in PANES}
        self._panes = {pane: SizedPane(id=f"{pane}-pane") for pane in PANES}
        self._mission_list = MissionList(clock, id="missions")
        self._execution_list = ExecutionList(clock, id="executions")
        self._lists: dict[str, LineView] = {
            "missions": self._mission_list,
            "executions": self._execution_list,
        }
        self._detail_view = TextView(id="mission-detail", focusable=False)
        self._pane_divider = Divider(MISSIONS_SIZE, upright=True, id="pane-divider")
        self._list_divider = Divider(LIST_SIZE, upright=False, id="list-divider")
        self._preview = RunPreviewPane(clock, id="preview")
        self._field = FilterField()
        self._note = FilterNote()

    def compose(self) -> ComposeResult:
        """Compose title, two panes, filter field and key bar."""
        yield self._head
        yield self.banner
        with Horizontal(id="panes"):
            with self._panes["missions"]:
                yield self._pane_titles["missions"]
                yield self._mission_list
                yield self._detail_view
            yield self._pane_divider
            with self._panes["executions"]:
                yield self._pane_titles["executions"]
                yield self._execution_list
                yield self._list_divider
                yield self._preview
        yield self._note
        yield self._field
        yield KeyBar()

    @property
    def _list(self) -> LineView:
        return self._lists[self._pane]

    def filter_changed(self, pane: str) -> None:
        """React to another filter of a pane."""

    # --- arrangement -----------------------------------------------------------------------------

    def sized(self, width: int, height: int) -> None:
        """Show only one pane in a narrow terminal."""
        super().sized(width, height)
        self._arrange()

    def _arrange(self) -> None:
        narrow = self.has_class("-narrow")
        for pane in PANES:
            self._panes[pane].display = not narrow or pane == self._pane
        self._pane_divider.display = not narrow
        self._set_width()
        self._titles()

    def on_tells_size_sized(self) -> None:
        """Divide the pane of executions anew once the layout has given it another size."""
        self._divide()

    def _divide(self) -> None:
        """Give the list the rows it needs, up to a share of the pane; the preview has the rest."""
        height = self._panes["executions"].size.height - 1
        rows = self._execution_list.row_count()
        if height < MIN_DIVIDED_ROWS or not rows:
            self._preview.display = self._list_divider.display = False
            self._execution_list.styles.height = "1fr"
            return
        if not self._preview.display:
            self._preview.display = self._list_divider.display = True
            self.preview_appeared()
        most = height - 1 - MIN_PREVIEW_ROWS
        usual = min(rows, max(MIN_LIST_ROWS, round(height * LIST_SHARE)), most)
        self._execution_list.styles.height = self.size_of(LIST_SIZE) or max(MIN_LIST_ROWS, usual)

    def preview_appeared(self) -> None:
        """React to a preview that has room again."""

    def _set_width(self) -> None:
        """Give the missions the width that the user has chosen, if any."""
        styles = self._panes["missions"].styles
        wanted = self.size_of(MISSIONS_SIZE)
        styles.width = styles.min_width = styles.max_width = wanted
        if wanted is None and not self.has_class("-narrow"):
            styles.max_width = max(USUAL_MISSION_CELLS, self._mission_list.natural_width)

    def extent(self, pane: str) -> Extent | None:
        """Return the limits of the missions' width, or of the height of the list."""
        if pane == MISSIONS_SIZE and not self.has_class("-narrow"):
            shown = self._panes["missions"].size.width
            return Extent(shown, MIN_MISSION_CELLS, self.size.width - MIN_EXECUTION_CELLS)
        if pane == LIST_SIZE and self._preview.display:
            most = self._panes["executions"].size.height - 2 - MIN_PREVIEW_ROWS
            return Extent(self._execution_list.size.height, MIN_LIST_ROWS, most)
        return None

    def size_panes(self) -> None:
        """Give the panes the sizes that the user has chosen, or those of their content."""
        self._set_width()
        self._divide()

    def action_show_pane(self, pane: str, steer: bool = True) -> None:
        """Focus a pane; `steer` says that the user chose it."""
        self._pane_chosen = self._pane_chosen or steer
        self._pane = pane
        if steer and pane == "executions":
            self._execution_list.settle()
        self._arrange()
        self.set_focus(self._list)

    def action_other_pane(self) -> None:
        """Focus the other pane."""
        self.action_show_pane("executions" if self._pane == "missions" else "missions")

    def catch_up(self) -> None:
        """Keep the execution under the cursor there when a key acts on it."""
        if self.focused is self._execution_list:
            self._execution_list.settle()

    def on_descendant_focus(self) -> None:
        """Highlight the title of the focused pane."""
        focused = self.focused
        for pane in PANES:
            inside = focused is not None and focused.id == pane
            self._pane_titles[pane].lit = inside
            if inside:
                self._pane = pane

    def _titles(self) -> None:
        page = self._page
        self._head.set_parts(*home_parts(self.deck.app_context, page, self._log_note()))
        alone = self.has_class("-narrow")
        notes = {"missions": "", "executions": "" if page is None else count_note(page)}
        if self._missions is not None:
            shown, total = self._mission_list.shown, len(self._missions)
            notes["missions"] = f"{total}" if shown == total else f"{shown} of {total}"
        if self._marked:
            notes["executions"] += f", {len(self._marked):,} marked"
        order = "" if self._order is ExecutionOrder.NEWEST else f"by {self._order.value}"
        for number, pane in enumerate(PANES, 1):
            note = notes[pane] + (f" {order}" if order and pane == "executions" else "")
            parts = pane_parts(
                number, PANES, note, self._filters[pane], self._problems(pane), alone=alone
            )
            self._pane_titles[pane].set_parts(*parts)

    def log_changed(self) -> None:
        """Show what was learnt of the audit log."""
        self._titles()

    def _log_note(self) -> str:
        """Return how far the log was verified; if it is broken, the banner says so instead."""
        checked = self.deck.log_checked
        if checked is None or self.deck.log_problem:
            return ""
        known = checked.known
        return verified_note(
            full_size=0 if known is None else known.full_size,
            full_at=0 if known is None else known.full_at,
            chain_size=0 if known is None else known.chain.head.size,
        )

    def _problems(self, pane: str) -> Sequence[str]:
        """Return a sentence for each term of a pane's filter that is not understood."""
        text = self._filters[pane]
        if pane == "missions":
            return filter_missions((), text)[1]
        return parse_execution_filter(text, 0).problems

    # --- filter ----------------------------------------------------------------------------------

    @property
    def filter_help(self) -> Sequence[tuple[str, Syntax]]:
        """The filter syntax of both panes, the focused pane's first."""
        panes = sorted(PANES, key=lambda pane: pane != self._pane)
        return [(f"Filter of {pane}", SYNTAX[pane]) for pane in panes]

    def action_filter(self) -> None:
        """Open the filter field for the focused pane."""
        self._note.begin(SYNTAX[self._pane])
        self._field.begin(self._filters[self._pane])
        self.set_focus(self._field)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Apply the filter while it is typed."""
        self._set_filter(event.value)

    def on_input_submitted(self) -> None:
        """Keep the filter and return to the list."""
        self._close_field()

    def _close_field(self) -> None:
        self._field.display = self._note.display = False
        self.set_focus(self._list)

    def _set_filter(self, text: str) -> None:
        if self._filters[self._pane] == text:
            return
        self._filters[self._pane] = text
        self._note.say(self._problems(self._pane))
        self.filter_changed(self._pane)

    def action_clear(self) -> None:
        """Unmark everything; without marks, clear the filter."""
        if self._marked:
            self.mark(frozenset())
        else:
            self.action_leave_field()

    def mark(self, execution_ids: frozenset[str]) -> None:
        """Mark exactly these executions."""
        self._marked = execution_ids
        self._execution_list.set_marked(execution_ids)
        self._titles()

    def action_leave_field(self) -> None:
        """Clear the filter and return to the list."""
        self._set_filter("")
        self._close_field()
