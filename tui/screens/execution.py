"""One execution, live: its steps in five views with one selection, and the selection's log."""

import asyncio
from functools import partial
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from core.domain.records import Execution
from core.domain.states import TaskState, is_terminal
from core.errors import MissionDeckError
from core.value.duration import duration_text
from tui.keys.textual_bindings import bindings
from tui.lines.json_data import facts_json
from tui.lines.step_details import overview_lines
from tui.lines.title_bars import head_parts
from tui.live.board import Board
from tui.live.coalescing_worker import OneAtATime
from tui.live.completion_estimate import Past, outlook
from tui.live.execution_queries import (
    EVENT_PAGE,
    Facts,
    read_events,
    read_facts,
    read_mission,
    read_past,
)
from tui.live.messages import Delta, StepOpened, StepSelected
from tui.look.styled_text import Part
from tui.screens.execution_layout import PaneScreen
from tui.screens.inspector import InspectorScreen
from tui.widgets.base.line_view import LineView
from tui.widgets.steps.event_list import task_of
from tui.words.numbers import elapsed
from tui.words.safe_text import clean_line

SETTLE_SECONDS = 0.12
"""How long the selection rests before its details are read."""


class ExecutionScreen(PaneScreen):
    """Header, tabs, side pane, log. `focus_step` is where it opens; else where attention is due."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("execution")
    watches = True

    def __init__(self, execution_id: str, *, focus_step: str | None = None) -> None:
        super().__init__(execution_id)
        self._wanted = focus_step
        self._steered = False
        self._facts: Facts | None = None
        self._past = Past()
        self._origin: Execution | None = None
        self._facts_wanted = OneAtATime(self._read_facts, self.run_worker)
        self._attempts_wanted = OneAtATime(self._read_attempts, self.run_worker)
        self._events_wanted = OneAtATime(self._read_events, self.run_worker)

    def on_mount(self) -> None:
        """Show that it is being opened."""
        self._left.steps.placeholder = "Opening …"
        self._head_bar.set_parts([Part(" opening … ", ink="muted")])
        self._titles()
        self._left.steps.focus()
        self.set_interval(0.5, self._tick)

    def on_screen_resume(self) -> None:
        """Watch this execution, and follow its log again where another screen followed one."""
        self.deck.feed.watch_execution(self.execution_id)
        if self.board is not None:
            self._bottom.refresh_log()

    # --- news ------------------------------------------------------------------------------------

    def deliver(self, delta: Delta) -> None:
        """Take in what was committed."""
        execution = delta.execution
        if execution is not None and execution.execution_id == self.execution_id:
            if self.board is None or delta.opened:
                self._origin = delta.origin
                self._open(execution, delta)
            else:
                self._change(self.board, execution, delta)
        if self.board is not None and delta.lease_read:
            self.board.lease, self.board.lease_known = delta.lease, True
        for news in delta.logs or ():
            self._log.deliver(news)
        if self.board is not None:
            self._head()
            self.note_offers()
            if self._left.tab == "events" and delta.last_seq:
                self._events_wanted.ask()

    def _open(self, execution: Execution, delta: Delta) -> None:
        before = self.board
        board = self.board = Board(execution, (delta.tasks or {}).values())
        if before is not None and before.mission is not None:
            board.learn(before.mission)
        chosen = self._wanted if self._wanted in board.tasks else None
        if self.selected not in board.tasks:
            self.selected = chosen or board.attention()
        self._left.show_board(board, self.selected)
        self._side_list.show(board, self.selected)
        if board.mission is None:
            self._learn(execution)
        self._selection_changed()

    def _change(self, board: Board, execution: Execution, delta: Delta) -> None:
        board.execution = execution
        changed = delta.tasks or {}
        if not changed:
            return
        moved = board.apply(changed)
        told = board.told_anew(changed)
        focus = self._next_focus(board) if moved else None
        hidden = self._left.steps.hides_selection
        self._left.board_changed(told, moved=moved, selected=focus)
        if self._left.tab != "list":
            self._side_list.board_changed(told, moved=moved, selected=focus)
        self._attempts_wanted.ask()
        if focus is not None:
            self.select(focus)
        elif not hidden and self._left.steps.hides_selection:
            self._leave_hidden()
        elif self.selected in told:
            self._facts_wanted.ask()

    def _next_focus(self, board: Board) -> str | None:
        """Return the step an untouched selection should go to, None to stay."""
        if self._steered:
            return None
        focus = board.attention()
        if focus is None or focus == self.selected or not self._worth_a_look(board, focus):
            return None
        return focus

    def _worth_a_look(self, board: Board, task_id: str) -> bool:
        """Tell whether an untouched selection should follow: to a failure, or off what ended."""
        state = board.tasks[task_id].state
        if state is TaskState.FAILED or self.selected is None:
            return True
        return is_terminal(board.tasks[self.selected].state) and not is_terminal(state)

    def _tick(self) -> None:
        if self.is_current and self.board is not None and self.board.is_live:
            self._head()
            self._left.tick()
            self._side_list.tick()
            facts = self._facts
            moving = facts is not None and not is_terminal(facts.task.state)
            if moving and self._left.tab == "list" and self._side.display:
                self._show_summary(keep_place=True)

    @work(exclusive=True, group="learn")
    async def _learn(self, execution: Execution) -> None:
        """Read the authored mission and how long it took before."""
        lookup, backend = self.deck.lookup, self.deck.backend
        try:
            self._past = await lookup.read(lambda reader: read_past(reader, execution))
            mission = await lookup.read(lambda reader: read_mission(reader, backend, execution))
        except MissionDeckError as error:
            self.deck.complain(
                f"the mission file of this run cannot be read: {clean_line(str(error))}"
            )
            if self.board is not None:
                self.board.is_unreadable = True
                self._left.mission_known()
            return
        board = self.board
        if board is None:
            return
        board.learn(mission)
        if not self._steered and self._wanted is None:
            focus = board.attention()
            if focus is not None and focus != self.selected:
                self.select(focus)
        self._left.mission_known()
        self._side_list.refresh()
        self._head()
        if self._facts is not None:
            self._show_summary(keep_place=True)

    # --- selection -------------------------------------------------------------------------------

    def select(self, task_id: str) -> None:
        """Select a step in every view."""
        if self.board is None or task_id not in self.board.tasks or task_id == self.selected:
            return
        self.selected = task_id
        self._selection_changed()

    def _selection_changed(self) -> None:
        if self.selected is None:
            return
        self._left.select(self.selected)
        if self._left.tab != "list":  # else it is not in sight, and shown anew with its tab
            self._side_list.select(self.selected)
        self._facts = None
        if self.board is not None:
            self._bottom.select(self.board, self.selected)
        self._titles()
        self.note_offers()
        self._settled()

    @work(exclusive=True, group="settle")
    async def _settled(self) -> None:
        """Read the details once the selection rests."""
        await asyncio.sleep(SETTLE_SECONDS)
        self._facts_wanted.ask()

    def on_step_selected(self, event: StepSelected) -> None:
        """Make what a person chose in one view the selection of all."""
        self._steered = True
        self.select(event.task_id)

    def catch_up(self) -> None:
        """Make what a person chose last the selection: the next key is about that step."""
        for node in () if self.focused is None else self.focused.ancestors_with_self:
            chosen = getattr(node, "chosen", None)
            if chosen is not None:
                self._steered = True
                self.select(chosen)
                return

    def filter_set(self) -> None:
        """Keep the selection among the steps that pass a filter."""
        self._steered = True
        if self._left.steps.hides_selection:
            self._leave_hidden()

    def _leave_hidden(self) -> None:
        """Move a selection that the filter hides to the step that is in its place now."""
        task_id = self._left.steps.pointed
        if task_id is not None:
            self.select(task_id)

    def on_step_opened(self, event: StepOpened) -> None:
        """Inspect a step."""
        self.select(event.task_id)
        self.action_inspect()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Inspect the step of the row, or that of the event."""
        if event.view is self._left.events:
            chosen = self._left.events.event(event.index)
            task_id = None if chosen is None else task_of(chosen)
            if task_id is not None:
                self.select(task_id)
        self.action_inspect()

    async def _read_facts(self) -> None:
        task_id, execution_id = self.selected, self.execution_id
        if task_id is None:
            return

        try:
            facts = await self.deck.lookup.read(
                lambda reader: read_facts(reader, execution_id, task_id)
            )
        except MissionDeckError:
            return  # the feed meets the same failure and shows it
        if task_id != self.selected:
            return
        before, self._facts = self._facts, facts
        self._show_summary(keep_place=before is not None)
        self._bottom.show_facts(facts)

    def _show_summary(self, *, keep_place: bool = False) -> None:
        if self.board is None or self._facts is None:
            return
        lines = overview_lines(self.board, self._facts, self.deck.clock.now(), brief=True)
        self._summary.set_lines(lines, keep_place=keep_place)

    async def _read_attempts(self) -> None:
        """Read all attempts while a view that draws them is in sight."""
        if not self._left.wants_attempts:
            return
        await asyncio.sleep(SETTLE_SECONDS)
        execution_id = self.execution_id
        try:
            found = await self.deck.lookup.read(lambda reader: reader.attempts(execution_id))
        except MissionDeckError:
            return  # the feed meets the same failure and shows it
        self._left.take_attempts(found)

    # --- what is said and looked for -------------------------------------------------------------

    def tab_shown(self, tab: str) -> None:
        """Read what the view in sight needs beyond the board."""
        if tab == "events":
            self._events_wanted.ask()
        self._attempts_wanted.ask()

    def _head(self) -> None:
        board = self.board
        if board is None:
            return
        now = self.deck.clock.now()
        execution = board.execution
        spent = elapsed(execution.started_at, execution.ended_at, now, execution.duration_us)
        eta = clean_line(outlook(board, self._past, now))
        time = duration_text(spent or 0.0)
        kin = ""
        if self._origin is not None:
            how = "retry" if execution.retry_of else "rerun"
            kin = f"{how} of {self.deck.label(self._origin)}"
        short = self.deck.short_id(self.execution_id)
        parts = head_parts(board, short, time, eta, now, kin=kin)
        self._head_bar.set_parts(*parts)
        if board.is_orphaned(now):
            part = board.execution.parent_task_id is not None
            how = "it goes on with the run it is a part of" if part else "p resumes it"
            self.show_banner(f"nobody runs this any more: its runner is gone. {how}")
        elif not self.deck.problem:
            self.show_banner("")

    def action_failure(self, step: int) -> None:
        """Go to the next or previous failed step, round and round."""
        board = self.board
        failures = [] if board is None else board.failures()
        if not failures:
            self.deck.tell("no step has failed")
            return
        self._steered = True
        if self.selected in failures:
            at = (failures.index(self.selected) + step) % len(failures)
        else:
            at = 0 if step > 0 else len(failures) - 1
        if len(failures) > 1 or self.selected != failures[at]:
            self.deck.tell(f"error {at + 1}/{len(failures)}: {clean_line(failures[at])}")
        self.select(failures[at])
        if self._left.steps.hides_selection:
            self._set_step_filter("")

    def action_inspect(self) -> None:
        """Look at the selected step closely."""
        if self.board is not None and self.selected is not None:
            self.app.push_screen(InspectorScreen(self, self.selected))

    def action_why(self) -> None:
        """Say why the selected step is where it is."""
        if self.board is not None and self.selected is not None:
            self.app.push_screen(InspectorScreen(self, self.selected, section="overview"))

    def action_copy(self, form: str) -> None:
        """Copy what the mouse has selected, else what has the focus: the log, or the step."""
        if form == "text" and (text := self.get_selected_text()):
            self.deck.copy(text, "the selection")
        elif self.focused is self._log and self._log.query_shown is not None:
            self.deck.copy_log(self._log.query_shown, as_json=form == "json")
        elif self.board is not None and self._facts is not None:
            name = clean_line(self._facts.task.task_id)
            if form == "json":
                self.deck.copy(facts_json(self.board, self._facts), f"{name} as JSON")
            else:
                self.deck.copy(self._summary.plain, name)

    # --- events ----------------------------------------------------------------------------------

    async def _read_events(self) -> None:
        """Add the events that are not shown yet, a page at a time."""
        events, execution_id = self._left.events, self.execution_id
        more = True
        while more:
            question = partial(read_events, execution_id=execution_id, after=events.last_seq)
            try:
                found = await self.deck.lookup.read(question)
            except MissionDeckError:
                return  # the feed meets the same failure and shows it
            events.extend(found)
            more = len(found) == EVENT_PAGE
