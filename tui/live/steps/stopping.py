"""How far the end of a running step is that was cancelled, itself or with its run. Pure."""

from core.domain.records import TaskRun
from core.domain.states import TaskState
from core.value.timestamp import SECOND_NS
from tui.live.board import Board
from tui.words.cancel_text import stopping_text


def stopping_of(board: Board, task: TaskRun, now: int) -> str | None:
    """Return `SIGTERM 2s ago, 3 processes remain, SIGKILL in 3s`; None for any other step."""
    requested = _cancelled_at(board, task)
    if requested is None or task.state is not TaskState.RUNNING or task.started_at is None:
        return None
    if task.started_at >= requested:  # a handler, which the cancel does not end
        return None
    since = max(0.0, (now - requested) / SECOND_NS)
    step, processes = board.step(task.task_id), board.processes.get(task.task_id)
    return stopping_text(step, board.mission, processes, since_seconds=since)


def _cancelled_at(board: Board, task: TaskRun) -> int | None:
    """Return when a step was cancelled first: with its run, itself, or as the step of an item."""
    names = (task.task_id, task.parent_task_id or task.task_id)
    moments = [board.execution.cancel_requested_at, *map(board.cancels.get, names)]
    return min((moment for moment in moments if moment is not None), default=None)
