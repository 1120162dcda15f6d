"""What the screen knows of the breakpoints of an execution."""

from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.state_word import breakpoint_message
from core.domain.states import TaskState
from tui.live.board import Board
from tui.live.steps.bucket import Bucket

_BEFORE_AN_ATTEMPT = frozenset({TaskState.PENDING, TaskState.READY})
_DURING_ONE = frozenset({Reason.AWAITING_APPROVAL, Reason.SERVICE_READY})


def has_breakpoint(board: Board, task: TaskRun) -> bool:
    """Tell whether the run is to pause before a step, or before the step of an item."""
    return (task.parent_task_id or task.task_id) in (board.execution.breakpoints or ())


def may_stop_before(task: TaskRun) -> bool:
    """Tell whether a step has still to start, once more at least: then the run can pause before it.

    Items have no breakpoints: one stands before their whole step, which has started.
    """
    if task.parent_task_id is not None:
        return False
    is_waiting = task.state is TaskState.WAITING and task.reason_code not in _DURING_ONE
    return is_waiting or task.state in _BEFORE_AN_ATTEMPT


def breakpoint_text(board: Board, task: TaskRun) -> str:
    """Return that the run pauses, or is paused, before a step; empty where it does not."""
    execution = board.execution
    if task.task_id in (execution.breakpoints or ()):
        return "breakpoint: pauses before it"
    is_at_one = execution.reason_code is Reason.BREAKPOINT and task.state is TaskState.READY
    if is_at_one and execution.message == breakpoint_message(task.task_id):
        return "paused at its breakpoint"
    return ""


def steps_told_anew(board: Board, before: Execution) -> list[str]:
    """Return the steps of which `breakpoint_text` differs from what it was with `before`."""
    execution = board.execution
    found = {*(execution.breakpoints or ())} ^ {*(before.breakpoints or ())}
    if execution.reason_code is not before.reason_code and Reason.BREAKPOINT in (
        execution.reason_code,
        before.reason_code,
    ):
        found.update(board.members(Bucket.QUEUED))
    return [step_id for step_id in found if step_id in board.tasks]
