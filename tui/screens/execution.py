"""One execution, kept live: its steps in five views with one selection, and the selection's log."""

from collections.abc import Mapping
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from core.domain.records import Execution, TaskRun
from core.domain.states import TaskState, is_terminal
from core.errors import MissionDeckError
from core.step_type.registry import SUB_MISSION_TYPES
from core.value.duration import duration_text
from tui.keys.textual_bindings import bindings
from tui.lines.title_bars import head_parts
from tui.live.board import Board
from tui.live.completion_estimate import RunHistory, estimate_completion
from tui.live.execution_queries import read_mission, read_run_history
from tui.live.log.last_line_watch import LastLineWatch
from tui.live.messages import Delta
from tui.live.steps.breakpoints import steps_told_anew
from tui.live.steps.bucket import Bucket
from tui.live.steps.standing_watch import StandingWatch
from tui.look.styled_text import Part
from tui.screens.execution_past import ExecutionPast
from tui.words.numbers import elapsed
from tui.words.safe_text import clean_line

LAST_LINE_AFTER_SECONDS = 1.0
"""How long a step must run before its last line is read: of shorter ones nobody could read it."""


class ExecutionScreen(ExecutionPast):
    """Applies updates from the feed to all panes.

    `focus_step` is the step selected at first, by default the one that needs attention most; `tab`
    is the view that it opens with.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("execution")
    watches = True

    def __init__(
        self, execution_id: str, *, focus_step: str | None = None, tab: str = "list"
    ) -> None:
        super().__init__(execution_id)
        self._first_tab = tab
        self._initial_step = focus_step
        self._history = RunHistory()
        self._origin: Execution | None = None
        self._standing = ""
        """What stands still below the run."""
        self._standing_watch = StandingWatch(
            lambda: self.deck.lookup, self._show_standing, self.run_worker
        )
        self._last_lines = LastLineWatch(
            execution_id, lambda: self.deck.lookup, self._show_last_lines, self.run_worker
        )

    def on_mount(self) -> None:
        """Say that the execution is being loaded."""
        self._left.steps.placeholder = "Opening …"
        self._head_bar.set_parts([Part(" opening … ", style="muted")])
        self._titles()
        self._left.steps.focus()
        if self._first_tab != self._left.tab:
            self.action_tab(self._first_tab)
        self.recall_sizes()
        self.set_interval(0.5, self._tick)
        self.set_interval(1.0, self._look_at_last_lines)
        self.set_interval(1.0, self._look_below)

    def on_screen_resume(self) -> None:
        """Watch this execution, and follow its log again if another was followed since."""
        self.deck.feed.watch_execution(self.execution_id)
        if self.board is not None:
            self._bottom.refresh_log()

    # --- updates ---------------------------------------------------------------------------------

    def deliver(self, delta: Delta) -> None:
        """Apply what was committed."""
        if delta.execution_id not in (None, self.execution_id):
            return  # it was read for the screen that was on top of this one
        self.catch_up()  # before the screen itself moves the selection
        execution = delta.execution
        if self.shows_past:
            self.keep(delta)
        elif execution is not None:
            if self.board is None or delta.opened:
                self._origin = delta.origin
                self._open(execution, delta)
            else:
                self.board_updated(self.board, execution, delta.tasks or {})
        if self.board is not None and delta.lease_read and not self.shows_past:
            self.board.lease, self.board.lease_known = delta.lease, True
        if self.board is not None and delta.cancels is not None and not self.shows_past:
            self.board.cancels = delta.cancels
        for lines in delta.logs or ():
            self._log.deliver(lines)
        if self.board is not None:
            self.update_header()
            self.note_offers()
            self.read_missed()
            if not self.shows_past:
                self.refresh_inner()
            if self._left.tab == "events" and delta.last_seq:
                self._event_reader.request()

    def _open(self, execution: Execution, delta: Delta) -> None:
        before = self.board
        board = self.board = Board(execution, (delta.tasks or {}).values())
        if before is not None and before.mission is not None:
            board.learn(before.mission)
            board.usual_seconds, board.usual_word = before.usual_seconds, before.usual_word
        chosen = self._initial_step if self._initial_step in board.tasks else None
        if self.selected not in board.tasks:
            self.selected = chosen or board.attention()
        if board.mission is None:
            self._read_mission(execution)
        self.board_replaced(board)

    def board_replaced(self, board: Board) -> None:
        """Show another board in every pane."""
        self._left.show_board(board, self.selected)
        self._side_list.show(board, self.selected)
        self._selection_changed()
        self.update_header()

    def board_updated(
        self, board: Board, execution: Execution, changed: Mapping[str, TaskRun]
    ) -> None:
        """Apply changed records to the board and every pane."""
        before, board.execution = board.execution, execution
        anew = steps_told_anew(board, before)
        changed = {**{step_id: board.tasks[step_id] for step_id in anew}, **changed}
        if not changed:
            return
        self._bottom.steps_changed()
        moved = board.apply(changed)
        told = board.affected_by(changed)
        focus = self._next_focus(board) if moved else None
        hidden = self._left.steps.hides_selection
        self._left.board_changed(told, moved=moved, selected=focus)
        if self._left.tab != "list":
            self._side_list.board_changed(told, moved=moved, selected=focus)
        self._attempt_reader.request()
        if focus is not None:
            self.select(focus)
        elif not hidden and self._left.steps.hides_selection:
            self._leave_hidden()
        elif self.selected in told:
            self._record_reader.request()

    def _next_focus(self, board: Board) -> str | None:
        """Return the step to select next; None if the user has selected one, or to stay."""
        if self._user_selected:
            return None
        focus = board.attention()
        if focus is None or focus == self.selected or not self._deserves_selection(board, focus):
            return None
        return focus

    def _deserves_selection(self, board: Board, task_id: str) -> bool:
        """Tell whether to move the selection: to a failure, or away from a step that has ended."""
        state = board.tasks[task_id].state
        if state is TaskState.FAILED or self.selected is None:
            return True
        return is_terminal(board.tasks[self.selected].state) and not is_terminal(state)

    def _tick(self) -> None:
        board = self.board
        is_moving = board is not None and board.is_live and not self.shows_past
        if self.is_current and board is not None and is_moving:
            self.update_header()
            self._left.tick()
            self._side_list.tick()
            records = self._records
            moving = records is not None and not is_terminal(records.task.state)
            is_told = self._left.tab == "list" and self._side.display
            if moving and (is_told or board.execution.cancel_requested_at is not None):
                self._show_summary(keep_place=True)

    def _look_at_last_lines(self) -> None:
        """Read what the running steps in sight wrote last; not of those that began just now."""
        board, now = self.board, self.clock.now()
        if board is None or not self.is_current or not board.is_live:
            return
        running = dict.fromkeys(
            (*self._left.steps.visible_running, *self._side_list.visible_running)
        )
        tasks = (board.tasks[task_id] for task_id in running)
        self._last_lines.look(
            [
                (task.task_id, task.attempt)
                for task in tasks
                if (elapsed(task.worked_from, None, now) or 0) >= LAST_LINE_AFTER_SECONDS
            ],
            self.clock.moment,
        )

    def _look_below(self) -> None:
        """Look for what stands still below the run, while it runs a sub-mission."""
        board = self.board
        if board is None or not self.is_current or self.shows_past:
            return
        steps = (board.step(one) for one in board.members(Bucket.RUNNING))
        runs_some = any(step is not None and step.step_type in SUB_MISSION_TYPES for step in steps)
        self._standing_watch.look(self.execution_id if runs_some and board.is_live else None)

    def _show_standing(self, text: str) -> None:
        if text != self._standing:
            self._standing = text
            self.update_header()

    def moment_changed(self) -> None:
        """Show header and last lines of another moment."""
        self.update_header()
        self._last_lines.clear()
        self._look_at_last_lines()

    def _show_last_lines(self, lines: Mapping[str, str]) -> None:
        self._left.steps.show_last_lines(lines)
        self._side_list.show_last_lines(lines)

    @work(exclusive=True, group="mission")
    async def _read_mission(self, execution: Execution) -> None:
        """Read the mission and how long earlier runs took."""
        lookup, backend = self.deck.lookup, self.deck.backend
        try:
            self._history = await lookup.read(lambda reader: read_run_history(reader, execution))
            mission = await lookup.read(lambda reader: read_mission(reader, backend, execution))
        except MissionDeckError as error:
            self.deck.show_problem(
                f"the mission file of this run cannot be read: {clean_line(str(error))}"
            )
            if self.board is not None:
                self.board.is_unreadable = True
                self._left.mission_known()
            return
        board = self.board if self._present is None else self._present
        if self.board is None or board is None:
            return
        self.board.learn(mission)
        board.learn(mission)
        board.usual_seconds = self._history.steps
        board.usual_word = "usually" if self._history.step_runs > 1 else "last time"
        self.catch_up()
        if not self._user_selected and self._initial_step is None:
            focus = board.attention()
            if focus is not None and focus != self.selected:
                self.select(focus)
        self._left.mission_known()
        self._side_list.mission_known()
        self.update_header()
        if self._records is not None:
            self._show_summary(keep_place=True)

    # --- header ----------------------------------------------------------------------------------

    def update_header(self) -> None:
        """Show state, counts and times of the board in the header."""
        board = self.board
        if board is None:
            return
        now = self.clock.now()
        execution = board.execution
        spent = elapsed(execution.started_at, execution.ended_at, now, execution.duration_us)
        eta = "" if self.shows_past else estimate_completion(board, self._history, now)
        time = duration_text(spent or 0.0)
        origin = ""
        if self._origin is not None:
            how = "retry" if execution.retry_of else "rerun"
            origin = f"{how} of {self.deck.label(self._origin)}"
        elif execution.parent_task_id is not None:
            origin = f"sub-mission of step {clean_line(execution.parent_task_id)}"
        short = self.deck.short_id(self.execution_id)
        standing = "" if self.shows_past else clean_line(self._standing)
        parts = head_parts(
            board, short, time, clean_line(eta), now, origin=origin, standing=standing
        )
        self._head_bar.set_parts(*parts)
        if board.is_orphaned(now):
            is_sub_mission = board.execution.parent_task_id is not None
            hint = "resume its parent run" if is_sub_mission else "press p to resume"
            self.show_banner(f"the runner of this execution is gone: {hint}")
        elif not self.deck.problem:
            self.show_banner("")
