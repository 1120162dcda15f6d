"""Actions of keys on the selected step and its execution, for every screen that shows one."""

import asyncio

from textual import work

from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.errors import BugError
from tui.live.board import Board
from tui.live.steps.breakpoints import has_breakpoint, may_stop_before
from tui.live.steps.bucket import Bucket
from tui.screens.deck_screen import DeckScreen

_ON_STEPS = frozenset({"retry", "cancel_step", "breakpoint", "inspect", "why"})
"""The actions on one step."""
_LOOK_SECONDS = 0.02
"""How often to look whether the mission of the run has been read."""


class ExecutionActions(DeckScreen):
    """Base of screens over one execution. `board` is None while it is being opened."""

    board: Board | None = None
    selected: str | None = None
    _offered: tuple[object, ...] = ()

    @property
    def acted_on(self) -> tuple[Board, str] | None:
        """The step that the keys act on, with the board that it is on; None if there is none."""
        if self.board is None or self.selected is None:
            return None
        return self.board, self.selected

    def offers(self, action: str) -> bool:
        """Show what can be done to the run and the selected step as they are now."""
        board, found = self.board, self.acted_on
        if board is None or self.selected is None:
            return True
        if found is None:
            return action.partition("(")[0] not in _ON_STEPS
        of_step, task = found[0], found[0].tasks[found[1]]
        match action.partition("(")[0]:
            case "cancel_run" | "pause" | "cancel_step" if self._is_cancelling:
                return False
            case "cancel_run" | "kill_run":
                return board.is_live
            case "pause":
                return board.is_live and not (self._is_orphaned and self._is_part)
            case "cancel_step":
                return of_step.is_live and not is_terminal(task.state)
            case "breakpoint":
                is_set = has_breakpoint(of_step, task)
                return of_step.is_live and (is_set or may_stop_before(task))
            case "retry":
                again = not of_step.is_live or task.state is not TaskState.SUCCESS
                return again and is_terminal(task.state)
            case "approve":
                return awaits_approval(of_step) or awaits_approval(board)
            case "failure":  # to another one than that under the cursor
                return board.size_of(Bucket.FAILED) > (task.state is TaskState.FAILED)
            case _:
                return True

    def shows(self, action: str) -> bool:
        """Show in the key bar how to kill a run only while it is being cancelled."""
        return super().shows(action) and (action != "kill_run" or self._is_cancelling)

    @property
    def _is_cancelling(self) -> bool:
        board = self.board
        requested = None if board is None else board.execution.cancel_requested_at
        return requested is not None and not self._is_orphaned  # without a runner `p` resumes it

    def label_of(self, action: str, label: str) -> str:
        """Label the keys of pause and breakpoint by what they do now."""
        found = self.acted_on
        if action == "breakpoint" and found is not None:
            is_set = has_breakpoint(found[0], found[0].tasks[found[1]])
            return "clear the breakpoint" if is_set else super().label_of(action, label)
        if action == "cancel_step" and found is not None and found[1] in found[0].cancels:
            return "kill step"
        if action != "pause" or self.board is None:
            return super().label_of(action, label)
        return "resume" if self._is_orphaned else pause_label(self.board.execution)

    @property
    def _is_orphaned(self) -> bool:
        return self.board is not None and self.board.is_orphaned(self.deck.clock.now())

    @property
    def _is_part(self) -> bool:
        """Whether it is a sub-mission, which goes on with the run it is a part of."""
        return self.board is not None and self.board.execution.parent_task_id is not None

    def note_offers(self) -> None:
        """Update the key bar when other actions are on offer or a label changes."""
        asked = (
            *("cancel_run", "pause", "cancel_step", "breakpoint"),
            *("retry", "approve", "failure", "fold"),
        )
        offered = (
            *(self.offers(action) for action in asked),
            self.shows("kill_run"),
            self.label_of("pause", ""),
            self.label_of("cancel_step", ""),
        )
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    @work
    async def action_retry(self, downstream: bool) -> None:
        """Retry the selected step, alone or with everything downstream of it."""
        if (found := self._step_to_act_on()) is not None:
            await self.deck.actions.retry(*found, downstream=downstream)

    @work(exclusive=True, group="retry-desk")
    async def action_retry_desk(self) -> None:
        """Plan a retry of the run: what runs again, and what is different this time."""
        board = self.board
        if board is None:
            return
        if board.is_live:
            self.deck.show_notice("the run is live: `r` and `R` retry a step within it")
            return
        while board.mission is None and not board.is_unreadable:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(_LOOK_SECONDS)
        if board.mission is None:
            self.deck.show_problem("the mission of this run can no longer be read")
        else:
            found = self.step_to_change(board)
            task = None if found is None else board.tasks[found]
            self.deck.open_retry_desk(board.execution, board.mission, task)

    def step_to_change(self, board: Board) -> str | None:
        """Return the step whose settings the retry desk offers: one that is going to run again."""
        selected, failures = self.selected, board.failures()
        if selected is None or not failures or board.tasks[selected].state is not TaskState.SUCCESS:
            return selected
        return failures[0]

    @work
    async def action_cancel_step(self) -> None:
        """Cancel the selected step."""
        if (found := self._step_to_act_on()) is not None:
            await self.deck.actions.cancel_step(*found)

    @work
    async def action_breakpoint(self) -> None:
        """Set or clear the breakpoint before the selected step."""
        if (found := self._step_to_act_on()) is not None:
            await self.deck.actions.breakpoint(*found)

    def _step_to_act_on(self) -> tuple[Board, str] | None:
        """Return the step to act on; say why if there is none under the cursor."""
        found = self.acted_on
        if found is None and self.board is not None and self.selected is not None:
            self.deck.show_notice("this sub-mission has not started: its steps are a plan")
        return found

    @work
    async def action_cancel_run(self) -> None:
        """Cancel the execution."""
        if self.board is not None:
            await self.deck.actions.cancel_run(self._read_current)

    @work
    async def action_kill_run(self) -> None:
        """Cancel the execution without a grace."""
        if self.board is not None:
            await self.deck.actions.kill_run(self._read_current)

    @work
    async def action_workers(self) -> None:
        """Show the workers of the cluster that the execution runs on, and their load."""
        if self.board is not None:
            await self.deck.actions.show_workers(self._read_current)

    async def _read_current(self) -> Board:
        if self.board is None:
            raise BugError("an execution that is not open was looked at")
        return self.board

    @work
    async def action_pause(self) -> None:
        """Pause or resume the execution."""
        board = self.board
        if board is not None:
            orphaned = board.is_orphaned(self.deck.clock.now())
            await self.deck.actions.pause(board.execution, orphaned=orphaned)

    @work
    async def action_approve(self) -> None:
        """Approve or reject what waits for it: the step, else another one of its run."""
        found = self.acted_on
        if found is not None and awaits_approval(found[0]):
            await self.deck.actions.approve(*found)
        elif self.board is not None and self.selected is not None:
            await self.deck.actions.approve(self.board, self.selected)

    @work
    async def action_rerun(self) -> None:
        """Run the whole mission again with the same parameters."""
        if self.board is not None:
            await self.deck.actions.rerun(self.board.execution)

    def action_new_run(self) -> None:
        """Open the launch form with the parameters of this run."""
        path = self._mission_path
        if path is not None and self.board is not None:
            self.deck.open_launch(path, self.board.execution.params)

    def action_validate(self) -> None:
        """Validate the mission file as it is now."""
        path = self._mission_path
        if path is not None:
            self.deck.validate(path)

    def action_edit(self) -> None:
        """Open the mission file in the user's editor."""
        path = self._mission_path
        if path is not None:
            self.deck.edit(path)

    @property
    def _mission_path(self) -> str | None:
        """Return the path of the mission file; report a problem if there is none."""
        if self.board is None:
            return None
        path = self.board.execution.source_path
        if path is None:
            self.deck.show_problem("this run was not launched from a file")
        return path


def awaits_approval(board: Board) -> bool:
    """Tell whether a step of the run waits for an approval."""
    return board.is_live and board.size_of(Bucket.NEEDS_YOU) > 0


def pause_label(execution: Execution) -> str:
    """Return what the pause key does to an execution that has a runner."""
    if execution.reason_code is Reason.QUEUED:
        return "hold / release"
    return "resume" if execution.state is ExecutionState.PAUSED else "pause"
