"""The inspector: all details of one step in sections, kept live while its execution goes on."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from core.domain.records import Attempt, TaskRun
from core.domain.states import TaskState, is_terminal
from core.errors import MissionDeckError
from tui.keys.textual_bindings import bindings
from tui.lines.inspector.inspector_sections import (
    SECTIONS,
    inspector_title_parts,
    section_lines,
    section_tab_parts,
)
from tui.lines.json_data import step_json
from tui.lines.log_tail import tail_lines
from tui.lines.mission_source import source_lines
from tui.lines.step.log_ending import ending_of, no_output_text
from tui.lines.title_bars import attempt_parts
from tui.live.board import Board
from tui.live.coalescing_worker import CoalescingWorker
from tui.live.execution_queries import StepRecords, read_all_step_records, read_log_end
from tui.live.log.log_pages import Page
from tui.live.messages import Delta
from tui.live.page_records import PageRecords, read_page_records
from tui.live.past import MomentClock
from tui.live.screen.as_of import AsOf
from tui.live.usage_watch import UsageWatch
from tui.look.styled_text import Line, Part
from tui.screens.execution_actions import ExecutionActions
from tui.screens.panes.refused_in_past import RefusedInPast
from tui.widgets.base.bar import Bar
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.text_view import TextView
from tui.words.safe_text import clean_line

if TYPE_CHECKING:
    from core.operations.history.runnable_command import RunnableCommand

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


class InspectorScreen(RefusedInPast, ExecutionActions):
    """Sections about one step of the execution screen it was opened from, at its moment."""

    key_place = "inspector"
    allowed_in_past = frozenset({"shell"})
    BINDINGS: ClassVar[list[BindingType]] = bindings("inspector")
    watches = True

    def __init__(
        self, execution: InspectedExecution, task_id: str, *, section: str | None = None
    ) -> None:
        super().__init__()
        self._execution = execution
        self.board = execution.board
        self.selected = self._task_id = task_id
        self._section = section
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
        self._usage_watch = UsageWatch(
            lambda: self.deck.backend, execution.clock.now, self.run_worker
        )
        self._head = Bar(plain=True, id="head")
        self._past_bar = Bar(plain=True, id="past")
        self._past_bar.display = False
        self._tabs = Bar(id="tabs")
        self._log_title = Bar(plain=True, id="log-title")
        self._log_title.display = False
        self._view = TextView(id="text")

    def compose(self) -> ComposeResult:
        """Compose title, section tabs, text and key bar."""
        yield self._head
        yield self.banner
        yield self._past_bar
        yield self._tabs
        yield self._log_title
        yield self._view
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the details of the step."""
        self._view.focus()
        self._past_bar.display = self.shows_past
        self._past_bar.set_parts(self._execution.past_head(), [Part(" esc back ", style="muted")])
        self._titles()
        self._read()
        self.set_interval(1.0, self._tick)

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

    def _tick(self) -> None:
        self._reads_anew()
        live = self._board.tasks[self._task_id].state in (TaskState.RUNNING, TaskState.WAITING)
        if self.is_current and live and self._section == "overview" and not self.shows_past:
            self._show(keep_place=True)

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

    # --- what is shown ---------------------------------------------------------------------------

    def _show(self, *, keep_place: bool = False) -> None:
        records = self._records
        self._titles()
        if records is None:
            self._view.set_lines([[("reading …", "muted")]])
            return
        at = 0
        if self._section == "file":
            lines, at = source_lines(records.source, self._task_id)
        elif self._section == "logs":
            lines = self._log_lines()
        else:
            shows_usage = self._section == "overview" and not self.shows_past
            usage = self._usage_watch.look(self._board, self._task_id) if shows_usage else None
            now = self._execution.clock.now()
            lines = section_lines(
                self._section,
                self._board,
                records,
                now,
                usage=usage,
                page=self._page,
                offered=self.offers,
                is_past=self.shows_past,
            )
        to_end = self._section == "logs" and (not keep_place or self._view.is_at_end)
        self._view.set_lines(lines, keep_place=keep_place)
        if to_end:
            self._view.action_last()
        elif at and not keep_place:
            self._view.show_line(at)

    def _log_lines(self) -> list[Line]:
        attempt, page = self._shown_attempt, self._log
        if attempt is None:
            return [[(no_output_text(self._board, self._task_id), "muted")]]
        if page is None or self._log_of != (self._task_id, attempt.attempt):
            return [[("reading …", "muted")]]
        entries = [entry for _chunk, entry in page.lines]
        ending = ending_of(attempt, self._board)
        return tail_lines(entries, more_before=page.more_before, ending=ending)

    def _titles(self) -> None:
        task = self._board.tasks[self._task_id]
        self.note_offers()
        self._head.set_parts(*inspector_title_parts(self._board, self._task_id))
        self._tabs.set_parts(section_tab_parts(self._section, task, self._records))
        self._tabs.lit = True
        attempts = () if self._records is None else self._records.attempts
        self._log_title.display = self._section == "logs" and bool(attempts)
        self._log_title.set_parts(
            attempt_parts(attempts, self._log_attempt),
            [Part(" live ", style="state:RUNNING")] if self._is_growing else [],
        )

    def step_to_change(self, board: Board) -> str | None:  # noqa: ARG002 - any board has the step
        """Return the step that is inspected, even if it would not run again by itself."""
        return self._task_id

    # --- moving ----------------------------------------------------------------------------------

    def action_show(self, index: int) -> None:
        """Show a section by its index."""
        if index < len(SECTIONS):
            self._section = SECTIONS[index][0]
            if self._section == "logs":
                self._log_reader.request()
            self._show()

    def action_section(self, step: int) -> None:
        """Show the previous or next section."""
        names = [name for name, _label in SECTIONS]
        at = names.index(self._section) if self._section in names else 0
        self.action_show((at + step) % len(names))

    def action_attempt(self, step: int) -> None:
        """Show the end of the previous or next attempt's log."""
        numbers = [] if self._records is None else [one.attempt for one in self._records.attempts]
        if numbers:
            at = numbers.index(self._log_attempt) + step
            self.action_show_attempt(numbers[max(0, min(len(numbers) - 1, at))])

    def action_show_attempt(self, number: int) -> None:
        """Show the end of an attempt's log, by its number."""
        self._attempt = number
        self.action_show([name for name, _label in SECTIONS].index("logs"))

    def action_failure(self, step: int) -> None:
        """Go to the next or previous failed step."""
        failures = self._board.failures()
        if not failures:
            self.deck.show_notice("no step has failed")
            return
        at = failures.index(self._task_id) + step if self._task_id in failures else 0
        self.selected = self._task_id = failures[at % len(failures)]
        self._records, self._page, self._attempt = None, None, 0
        self._execution.select(self._task_id)
        self._read()
        self._show()

    def action_back(self) -> None:
        """Return to the execution."""
        self.dismiss()

    def action_logs(self) -> None:
        """Go to the log of the step."""
        self.dismiss()
        self._execution.action_logs()
        if self._section == "logs" and self._attempt:
            self._execution.action_show_attempt(self._attempt)

    # --- copying and saving ----------------------------------------------------------------------

    def action_copy(self, form: str) -> None:
        """Copy the mouse selection, else the section; as JSON all details of the step."""
        if self._records is None:
            return
        if form == "text" and (text := self.get_selected_text()):
            self.deck.copy(text, "the selection")
        elif form == "json":
            text = step_json(self._board, self._records)
            self.deck.copy(text, f"{clean_line(self._task_id)} as JSON")
        else:
            self.deck.copy(self._view.plain, f"{self._section} of {clean_line(self._task_id)}")

    def action_copy_command(self) -> None:
        """Copy the command of the step, with its folder and environment, as one runnable text."""
        command = self._command
        if command is not None:
            self.deck.copy(command.text, f"the command of {clean_line(self._task_id)}")

    def action_shell(self) -> None:
        """Open a shell in the step's folder, with its environment, secrets aside."""
        command = self._command
        if command is not None:
            self.deck.open_shell(command, clean_line(self._task_id))

    @property
    def _command(self) -> "RunnableCommand | None":
        """Return what the step runs; report it if it runs no program."""
        if self._page is None:
            return None
        if self._page.command is None:
            self.deck.show_notice("this step runs no program of its own")
        return self._page.command

    def action_save(self) -> None:
        """Write all details of the step to a JSON file."""
        if self._records is not None:
            self.deck.save_text(step_json(self._board, self._records), self._task_id, "json")
