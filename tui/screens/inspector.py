"""The inspector: all details of one step in sections, kept live while its execution goes on."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.domain.states import TaskState
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
from tui.live.usage_watch import UsageWatch
from tui.look.styled_text import Line, Part
from tui.screens.panes.inspected_step import InspectedExecution, InspectedStep
from tui.widgets.base.bar import Bar
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.text_view import TextView
from tui.words.safe_text import clean_line

if TYPE_CHECKING:
    from core.operations.history.runnable_command import RunnableCommand


class InspectorScreen(InspectedStep):
    """Sections about one step of the execution screen it was opened from, at its moment."""

    key_place = "inspector"
    allowed_in_past = frozenset({"shell"})
    BINDINGS: ClassVar[list[BindingType]] = bindings("inspector")
    watches = True

    def __init__(
        self, execution: InspectedExecution, task_id: str, *, section: str | None = None
    ) -> None:
        super().__init__(execution, task_id, section)
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

    def _tick(self) -> None:
        self._reads_anew()
        live = self._board.tasks[self._task_id].state in (TaskState.RUNNING, TaskState.WAITING)
        if self.is_current and live and self._section == "overview" and not self.shows_past:
            self._show(keep_place=True)

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
