"""The step that the inspector is about: what is read of it, when, and which answers count."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from textual import work

from core.domain.records import Attempt, TaskRun
from core.domain.states import is_terminal
from core.errors import MissionDeckError
from tui.live.board import Board
from tui.live.coalescing_worker import CoalescingWorker
from tui.live.execution_queries import StepRecords, read_all_step_records, read_log_end
from tui.live.log.log_pages import Page
from tui.live.messages import Delta
from tui.live.page_records import PageRecords, read_page_records
from tui.live.past import MomentClock
from tui.live.screen.as_of import AsOf
from tui.look.styled_text import Part
from tui.screens.execution_actions import ExecutionActions
from tui.screens.panes.refused_in_past import RefusedInPast
from tui.words.safe_text import clean_line

LOG_INTERVAL_SECONDS = 0.2
"""The least time between two reads of a growing log."""


class InspectedExecution(Protocol):
    """The screen that the inspector was opened from, which keeps the execution up to date."""

    clock: MomentClock

    @property
    def board(self) -> Board | None:
        """What is known of it; None while it is being opened."""

    @property
    def as_of(self) -> AsOf | None:
        """The moment of the past that is shown; None for now."""

    def past_head(self) -> Sequence[Part]:
        """Return which moment is shown; nothing for now."""

    def as_shown(self, records: StepRecords) -> StepRecords | None:
        """Return a step's records at the moment shown; None if it was not there yet."""

    def deliver(self, delta: Delta) -> None:
        """Apply what was committed."""

    def select(self, task_id: str) -> None:
        """Select a step in every view."""

    def action_logs(self) -> None:
        """Go to the log of the selected step."""

    def action_show_attempt(self, number: int) -> None:
        """Show the log of an attempt by its number."""


class InspectedStep(RefusedInPast, ExecutionActions):
    """Base of the inspector: the step of the screen it was opened from, read at its moment.

    An answer about another step or attempt than the one that is shown by then is dropped.
    """

    def __init__(self, execution: InspectedExecution, task_id: str, section: str | None) -> None:
        super().__init__()
        self._execution = execution
        self.board = execution.board
        self.selected = self._task_id = task_id
        self._section = section
        """The section that is shown; None until the step has been read."""
        self._read_for: TaskRun | None = None
        """The record of the step that the details were read for."""
        self._records: StepRecords | None = None
        self._page: PageRecords | None = None
        self._failed = False
        """Whether the step could not be read the last time."""
        self._attempt = 0
        """The attempt whose log is shown; 0 for the latest."""
        self._log: Page | None = None
        self._log_of = ("", 0)
        self._log_reader = CoalescingWorker(self._read_log, self.run_worker)

    def _show(self, *, keep_place: bool = False) -> None:
        """Show the section, after something was read."""

    @property
    def shows_past(self) -> bool:
        """Whether the execution is shown as it was."""
        return self._execution.as_of is not None

    @property
    def _board(self) -> Board:
        board = self._execution.board
        if board is None:
            raise LookupError("an inspector is only opened over an execution that is shown")
        return board

    def deliver(self, delta: Delta) -> None:
        """Pass updates on to the execution screen; read again if the step changed."""
        self._execution.deliver(delta)
        if not self._reads_anew() and self._section == "logs" and self._is_growing:
            self._log_reader.request()

    def _reads_anew(self) -> bool:
        """Read the details again if the step has changed; tell whether it has."""
        self.board = self._execution.board
        task = self._board.tasks[self._task_id]
        if task is self._read_for and not self._failed:
            return False
        self._read()
        return True

    @work(exclusive=True, group="records")
    async def _read(self) -> None:
        task_id, execution, as_of = self._task_id, self._board.execution, self._execution.as_of
        self._read_for = self._board.tasks[task_id]
        try:
            found = await self.deck.lookup.read(
                lambda reader: read_all_step_records(reader, execution, task_id, as_of)
            )
        except MissionDeckError as error:
            if task_id == self._task_id:
                self._tell_failure(error)
            return
        records = self._execution.as_shown(found)
        if task_id != self._task_id or records is None:
            return
        self._tell_failure(None)
        first = self._records is None
        self._records = records
        if self._section is None:
            self._section = "overview"
        self._show(keep_place=not first)
        self._read_page(records)
        if self._section == "logs":
            self._log_reader.request()

    @work(exclusive=True, group="page")
    async def _read_page(self, records: StepRecords) -> None:
        """Read what the first page shows beyond the records: it may need another mission file."""
        execution, mission, backend = self._board.execution, self._board.mission, self.deck.backend
        task, attempts, as_of = records.task, records.attempts, self._execution.as_of
        try:
            page = await self.deck.lookup.read(
                lambda reader: read_page_records(
                    reader, backend, execution, task, mission, attempts, as_of
                )
            )
        except MissionDeckError as error:
            if records is self._records:
                self._tell_failure(error)
            return
        if records is self._records:
            self._page = page
            if self._section == "overview":
                self._show(keep_place=True)

    def _tell_failure(self, error: MissionDeckError | None) -> None:
        """Say that the step cannot be read, or no longer say so."""
        if error is not None:
            self.show_banner(clean_line(str(error)))
        elif self._failed:
            self.show_banner("")
        self._failed = error is not None

    async def _read_log(self) -> None:
        """Read the end of the selected attempt's log, and show it if it is still selected."""
        task_id, attempt = self._task_id, self._log_attempt
        execution_id, as_of = self._board.execution.execution_id, self._execution.as_of
        if not attempt:
            return
        try:
            page = await self.deck.lookup.read(
                lambda reader: read_log_end(reader, execution_id, task_id, attempt, as_of)
            )
        except MissionDeckError:
            return  # the feed reports the same failure
        if (task_id, attempt) == (self._task_id, self._log_attempt):
            fresh = self._log_of != (task_id, attempt)
            self._log, self._log_of = page, (task_id, attempt)
            if self._section == "logs":
                self._show(keep_place=not fresh)
        await asyncio.sleep(LOG_INTERVAL_SECONDS)

    @property
    def _log_attempt(self) -> int:
        """The number of the attempt whose log is shown, 0 for none."""
        latest = (
            self._records.attempts[-1].attempt if self._records and self._records.attempts else 0
        )
        return self._attempt or latest

    @property
    def _shown_attempt(self) -> Attempt | None:
        attempts = self._records.attempts if self._records is not None else ()
        return next((one for one in attempts if one.attempt == self._log_attempt), None)

    @property
    def _is_growing(self) -> bool:
        attempt = self._shown_attempt
        running = attempt is not None and not is_terminal(attempt.state)
        return running and not self.shows_past

    def step_to_change(self, board: Board) -> str | None:  # noqa: ARG002 - any board has the step
        """Return the step that is inspected, even if it would not run again by itself."""
        return self._task_id
