"""The log of the selected step, or of all steps, with its title: attempts and switches."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from core.domain.records import Attempt
from core.domain.states import is_terminal
from core.ports.reader import LogQuery
from tui.lines.step.log_ending import ending_of, no_output_text
from tui.lines.title_bars import log_title_parts
from tui.live.board import Board
from tui.live.execution_queries import StepRecords
from tui.live.feed import Feed
from tui.live.lookup import Lookup
from tui.widgets.base.title_handle import TitleHandle
from tui.widgets.log.log_pane import LogPane

LOG_SIZE = "run.log"
"""What the height that the user chooses for the log is remembered as."""


class StepLog(Vertical):
    """A `LogPane` with its title. The latest attempt is followed until the user chooses another."""

    DEFAULT_CSS = """
    StepLog > LogPane { height: 1fr; }
    """

    def __init__(self, execution_id: str, feed: Feed, lookup: Lookup, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.pane = LogPane(feed, lookup, id="log")
        self._title = TitleHandle(LOG_SIZE, id="log-title")
        self._execution_id = execution_id
        self._board: Board | None = None
        self._task_id: str | None = None
        self._step_title = ""
        self._records: StepRecords | None = None
        self._attempt = 0
        """The attempt whose log is shown; 0 for the latest, before the attempts are read."""
        self._merged = False
        self._offers_matches = False
        """Whether the keys that go from match to match are on offer."""
        self._marks = 0
        self._together: frozenset[str] = frozenset()
        """Whose logs are merged; empty for all steps."""
        self._until: int | None = None
        self._titled: tuple[str | None, Sequence[Attempt], int] = (None, (), 0)
        """Whose lines the pane shows: those of the selection only once they were read."""

    def compose(self) -> ComposeResult:
        """Put the title above the log."""
        yield self._title
        yield self.pane

    def set_until(self, instant: int | None) -> None:
        """Show what was there at an instant of the past, in nanoseconds; None for now."""
        self._until = instant

    def select(self, board: Board, task_id: str, title: str) -> None:
        """Select another step by its title; its log is shown once its records arrive."""
        self._board, self._task_id, self._records = board, task_id, None
        self._step_title = title
        self._attempt = 0

    def show_records(self, records: StepRecords) -> None:
        """Show the log of the step of these records; a newer attempt if the latest was shown."""
        if (records.task.execution_id, records.task.task_id) != (self._shown_id, self._task_id):
            return
        before, self._records = self._records, records
        newest = records.attempts[-1].attempt if records.attempts else 0
        latest = before.attempts[-1].attempt if before is not None and before.attempts else 0
        followed = self._attempt == latest
        is_gone = self._attempt > newest  # where the past is shown
        if not self._attempt or is_gone or (followed and newest):
            self._attempt = newest
        self.refresh_log()

    def refresh_log(self) -> None:
        """Show the selected log; follow it again if another log was followed since."""
        empty = "No output yet"
        query: LogQuery | None = LogQuery(
            execution_id=self._execution_id, task_ids=self._together, until=self._until
        )
        if not self._merged:
            if self._task_id is None or not self._attempt:
                query, empty = None, "No step selected"
                if self._board is not None and self._task_id is not None:
                    is_read = self._records is not None
                    empty = no_output_text(self._board, self._task_id) if is_read else "reading …"
            else:
                shown = next((one for one in self._attempts if one.attempt == self._attempt), None)
                is_whole = shown is not None and is_terminal(shown.state)
                query = LogQuery(
                    execution_id=self._shown_id,
                    task_id=self._task_id,
                    attempt=self._attempt,
                    until=None if is_whole else self._until,
                )
                empty = "No output"
        is_other = self.pane.query_shown != query or (
            query is None and self.pane.empty_text != empty
        )
        if is_other or self.pane.is_stale:
            self.pane.show(query, empty=empty)
        shown = next((one for one in self._attempts if one.attempt == self._attempt), None)
        ending = "" if self._merged or self._board is None else ending_of(shown, self._board)
        self.pane.set_ending(ending)
        title = None if self._task_id is None else self._step_title
        self._titled = title, self._attempts, self._attempt
        self.retitle()

    def steps_changed(self) -> None:
        """Count anew what is missing of the merged log: attempts may have ended."""
        if self._merged:
            self.pane.count_dropped()

    @property
    def _shown_id(self) -> str:
        """The execution of the step: that of the screen, or a sub-mission that is open in it."""
        return self._execution_id if self._board is None else self._board.execution.execution_id

    @property
    def is_merged(self) -> bool:
        """Whether the log of all steps is shown."""
        return self._merged

    @property
    def has_attempts(self) -> bool:
        """Whether the selected step has more than one attempt."""
        return not self._merged and len(self._attempts) > 1

    @property
    def _attempts(self) -> Sequence[Attempt]:
        return () if self._records is None else self._records.attempts

    def toggle_merged(self) -> None:
        """Show the merged log of all steps, or that of the selection again."""
        self._merged = not self._merged
        self.refresh_log()

    def set_marks(self, marks: int, together: frozenset[str]) -> None:
        """Merge the logs of these steps and items only, of so many marked ones; of all for none."""
        self._marks, self._together = marks, together
        if self._merged:
            self.refresh_log()

    def show_single(self) -> None:
        """Show the log of the selection."""
        if self._merged:
            self.toggle_merged()

    def show_attempt(self, number: int) -> None:
        """Show the log of an attempt by its number."""
        self._attempt, self._merged = number, False
        self.refresh_log()

    def step_attempt(self, step: int) -> None:
        """Show the log of an earlier or later attempt."""
        numbers = [attempt.attempt for attempt in self._attempts]
        if numbers:
            at = numbers.index(self._attempt) if self._attempt in numbers else len(numbers) - 1
            self.show_attempt(numbers[max(0, min(len(numbers) - 1, at + step))])

    def turn(self, switch: str) -> None:
        """Toggle a switch of the log by its name."""
        match switch:
            case "follow":
                self.pane.toggle_follow()
            case "wrap":
                self.pane.toggle_wrap()
            case "times":
                self.pane.toggle_times()
            case "colours":
                self.pane.toggle_colours()
            case "records":
                self.pane.toggle_records()
            case "only":
                self.pane.toggle_only_matches()
            case "gap":
                self.pane.show_gap()
            case _:
                self.pane.next_streams()

    def retitle(self) -> None:
        """Update the title."""
        self._title.set_parts(*log_title_parts(self.pane, *self._titled, self._merged, self._marks))
        self._title.lit = self.pane.has_focus

    def on_paged_log_changed(self) -> None:
        """Update the title, and the keys that go from match to match."""
        self.retitle()
        if self.pane.has_matches != self._offers_matches:
            self._offers_matches = self.pane.has_matches
            self.screen.refresh_bindings()
