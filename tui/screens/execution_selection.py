"""The selected step of an execution: who may move the selection, and the details read about it."""

import asyncio
from collections.abc import Sequence
from functools import partial

from textual import work

from core.domain.records import Attempt
from core.errors import MissionDeckError
from tui.lines.json_data import step_json
from tui.lines.step.step_overview import overview_lines
from tui.live.board import Board
from tui.live.coalescing_worker import CoalescingWorker
from tui.live.execution_queries import (
    MAX_EVENTS_PER_PAGE,
    StepRecords,
    read_events,
    read_step_records,
)
from tui.live.messages import StepSelected
from tui.live.screen.as_of import AsOf
from tui.live.steps.step_path import step_of
from tui.live.usage_watch import UsageWatch
from tui.look.styled_text import Part
from tui.screens.execution_layout import PaneScreen
from tui.widgets.base.line_view import LineView
from tui.widgets.steps.event_list import task_of
from tui.words.safe_text import clean_line

DEBOUNCE_SECONDS = 0.12
"""How long the selection must be unchanged before its details are read."""


class ExecutionSelection(PaneScreen):
    """Base of the execution screen. One selection for all views; its details load in background."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(execution_id)
        self._user_selected = False
        """Whether the user has selected a step; until then the screen moves the selection."""
        self._told: tuple[str, str] | None = None
        """The execution and the step that side pane and log are about."""
        self._marked: frozenset[str] = frozenset()
        self._records: StepRecords | None = None
        self._has_missed = False
        """Whether the details of the selection could not be read."""
        self._usage_watch = UsageWatch(lambda: self.deck.backend, self.clock.now, self.run_worker)
        self._record_reader = CoalescingWorker(self._read_records, self.run_worker)
        self._attempt_reader = CoalescingWorker(self._read_attempts, self.run_worker)
        self._event_reader = CoalescingWorker(self._read_events, self.run_worker)

    def select(self, task_id: str) -> None:
        """Select a step in every view."""
        task_id = step_of(task_id)
        if self.board is None or task_id not in self.board.tasks or task_id == self.selected:
            return
        self.selected = task_id
        self._selection_changed()

    def _selection_changed(self) -> None:
        if self.selected is None:
            return
        self._left.select(self.selected)
        if self._left.tab != "list":  # the list tab hides the side list
            self._side_list.select(self.selected)
        self._show_step()

    @property
    def step_shown(self) -> tuple[Board, str] | None:
        """The step that side pane and log are about, with the board that it is on."""
        return self.acted_on

    def follow_cursor(self) -> None:
        """Show another step in side pane and log if the cursor has gone to one."""
        if self._told != self._key_of(self.step_shown):
            self._show_step()

    def _show_step(self) -> None:
        found = self.step_shown
        self._told = self._key_of(found)
        self._records = None
        if found is not None:
            self._bottom.select(*found, self.step_title or found[1])
        self._titles()
        self.note_offers()
        self._read_records_debounced()

    def _key_of(self, found: tuple[Board, str] | None) -> tuple[str, str] | None:
        return None if found is None else (found[0].execution.execution_id, found[1])

    @work(exclusive=True, group="records")
    async def _read_records_debounced(self) -> None:
        await asyncio.sleep(DEBOUNCE_SECONDS)
        self._record_reader.request()

    def action_mark(self) -> None:
        """Mark the selected step, or unmark it; `L` then shows the logs of the marked ones."""
        board, task_id = self.board, self.selected
        if board is None or task_id is None:
            return
        self._marked ^= {task_id}
        for one in (self._left.steps, self._side_list):
            one.show_marks(self._marked)
        items = (one for one, task in board.tasks.items() if task.parent_task_id in self._marked)
        self._bottom.set_marks(len(self._marked), self._marked.union(items))

    def on_step_selected(self, event: StepSelected) -> None:
        """Apply the user's selection in one view to all views."""
        self._user_selected = True
        self.select(event.task_id)
        self.follow_cursor()
        self.note_offers()

    def catch_up(self) -> None:
        """Apply a selection whose message is still queued, before the next key acts on it."""
        for node in () if self.focused is None else self.focused.ancestors_with_self:
            chosen = getattr(node, "chosen", None)
            if chosen is not None:
                self._user_selected = True
                self.select(chosen)
                return

    def filter_set(self) -> None:
        """Move the selection to a step that passes the filter."""
        self._user_selected = True
        if self._left.steps.hides_selection:
            self._leave_hidden()

    def _leave_hidden(self) -> None:
        """Move the selection from a step that the filter hides to the one under the cursor."""
        task_id = self._left.steps.pointed
        if task_id is not None:
            self.select(task_id)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Inspect the step of the row, or the step that the event is about."""
        if event.view is self._left.events:
            chosen = self._left.events.event(event.index)
            task_id = None if chosen is None else task_of(chosen)
            if task_id is not None:
                self.select(task_id)
        self.action_inspect()

    async def _read_records(self) -> None:
        found = self.step_shown
        if found is None:
            return
        board, task_id = found
        execution_id = board.execution.execution_id
        try:
            records = await self.deck.lookup.read(
                lambda reader: read_step_records(reader, execution_id, task_id)
            )
        except MissionDeckError:
            self._has_missed = True
            return  # the feed reports the same failure
        as_shown = self.as_shown_on(board, records)
        if self._key_of(self.step_shown) != (execution_id, task_id) or as_shown is None:
            return
        before, self._records = self._records, as_shown
        self._show_summary(keep_place=before is not None)
        self._bottom.show_records(as_shown)

    def read_missed(self) -> None:
        """Read the details that could not be read, now that something could be."""
        if self._has_missed:
            self._has_missed = False
            self._record_reader.request()

    @property
    def as_of(self) -> AsOf | None:
        """The moment of the past that is shown; None for now."""
        return None

    def past_head(self) -> Sequence[Part]:
        """Return which moment of the past is shown; nothing for now."""
        return ()

    def as_shown(self, records: StepRecords) -> StepRecords | None:
        """Return a step's records as the screen shows them."""
        return records

    def as_shown_on(self, board: Board, records: StepRecords) -> StepRecords | None:  # noqa: ARG002 - for subclasses
        """Return the records of a step on a board as the screen shows them."""
        return self.as_shown(records)

    def _show_summary(self, *, keep_place: bool = False) -> None:
        found, records = self.step_shown, self._records
        if found is None or records is None:
            return
        if self._key_of(found) != (records.task.execution_id, records.task.task_id):
            return  # the cursor has moved on
        is_now = self.clock.moment is None
        board, task_id = found
        usage = self._usage_watch.look(board, task_id) if is_now else None
        lines = overview_lines(board, records, self.clock.now(), usage=usage)
        self._summary.set_lines(lines, keep_place=keep_place)
        if self.step_title != self._summarized:
            self._summarized = self.step_title
            self._titles()

    async def _read_attempts(self) -> None:
        """Read all attempts while the visible view draws them."""
        if not self._left.wants_attempts:
            return
        await asyncio.sleep(DEBOUNCE_SECONDS)
        execution_id = self.execution_id
        found: list[Attempt] = []
        if self.attempts_shown() is None:
            try:
                found = await self.deck.lookup.read(lambda reader: reader.attempts(execution_id))
            except MissionDeckError:
                return  # the feed reports the same failure
        at_moment = self.attempts_shown()  # another moment may be shown by now
        self._left.take_attempts(found if at_moment is None else at_moment)

    def attempts_shown(self) -> list[Attempt] | None:
        """Return all attempts as the screen shows them; None if they are to be read."""
        return None

    def tab_shown(self, tab: str) -> None:
        """Read what the visible view needs beyond the board."""
        if tab == "events":
            self._event_reader.request()
        self._attempt_reader.request()
        self.follow_cursor()

    def on_descendant_focus(self) -> None:
        """Show what the pane with the focus is about, and highlight its title."""
        super().on_descendant_focus()
        self.follow_cursor()

    def action_failure(self, step: int) -> None:
        """Go to the next or previous failed step, wrapping around."""
        board = self.board
        failures = [] if board is None else board.failures()
        if not failures:
            self.deck.show_notice("no step has failed")
            return
        self._user_selected = True
        if self.selected in failures:
            at = (failures.index(self.selected) + step) % len(failures)
        else:
            at = 0 if step > 0 else len(failures) - 1
        if len(failures) > 1 or self.selected != failures[at]:
            self.deck.show_place(f"error {at + 1}/{len(failures)}: {clean_line(failures[at])}")
        self.select(failures[at])
        if self._left.steps.hides_selection:
            self._set_step_filter("")

    def action_inspect(self) -> None:
        """Open the inspector on a step."""

    def action_compare(self) -> None:
        """Compare the execution with the last run of its mission that succeeded."""
        from tui.screens.report.comparison_screen import ComparisonScreen

        self.app.push_screen(ComparisonScreen(self.execution_id))

    def action_history(self) -> None:
        """Show the history of the mission and of the selected step."""
        from tui.screens.report.history_screen import HistoryScreen

        found = self.step_shown
        if found is not None:
            board, task_id = found
            name, execution_id = board.execution.mission_name, board.execution.execution_id
            self.app.push_screen(HistoryScreen(name, execution_id=execution_id, task_id=task_id))

    def action_copy(self, form: str) -> None:
        """Copy the mouse selection; without one the focused log, else the selected step."""
        if form == "text" and (text := self.get_selected_text()):
            self.deck.copy(text, "the selection")
        elif self.focused is self._log and self._log.query_shown is not None:
            self.deck.copy_log(self._log.query_shown, as_json=form == "json")
        elif (found := self.step_shown) is not None and self._records is not None:
            name = clean_line(self._records.task.task_id)
            if form == "json":
                self.deck.copy(step_json(found[0], self._records), f"{name} as JSON")
            else:
                self.deck.copy(self._summary.plain, name)

    async def _read_events(self) -> None:
        """Append the events that are not shown yet, a page at a time."""
        events, execution_id = self._left.events, self.execution_id
        more = True
        while more:
            query = partial(read_events, execution_id=execution_id, after=events.last_seq)
            try:
                found = await self.deck.lookup.read(query)
            except MissionDeckError:
                return  # the feed reports the same failure
            events.extend(found)
            more = len(found) == MAX_EVENTS_PER_PAGE
