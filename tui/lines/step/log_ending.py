"""What is said where the log of an attempt ends, or where there is none."""

from core.domain.reasons import Reason
from core.domain.records import Attempt
from core.domain.states import TaskState, is_terminal
from core.value.duration import duration_text
from tui.live.board import Board
from tui.words.numbers import elapsed
from tui.words.state_glyphs import appearance_of


def ending_of(attempt: Attempt | None, board: Board) -> str:
    """Return the line after the output of an ended attempt, which says how it ended."""
    if attempt is None or attempt.ended_at is None:
        return ""
    parts = []
    if attempt.exit_code is not None:
        code = attempt.exit_code
        parts.append(f"exit {code}" if code >= 0 else f"signal {-code}")
    parts.append(attempt.reason_code.value)
    task = board.tasks.get(attempt.task_id)
    if task is not None and task.attempt == attempt.attempt:
        limit = board.max_attempts(attempt.task_id)
        if task.reason_code is Reason.RETRIES_EXHAUSTED:
            parts.append(f"retries exhausted ({attempt.attempt}/{max(limit, attempt.attempt)})")
        elif task.state is TaskState.WAITING:
            parts.append("will be retried")
    spent = elapsed(attempt.started_at, attempt.ended_at, attempt.ended_at, attempt.duration_us)
    if spent is not None:
        parts.append(duration_text(spent))
    return f"── {' · '.join(parts)} ──"


def no_output_text(board: Board, task_id: str) -> str:
    """Return why a step without an attempt has no output."""
    task = board.tasks[task_id]
    items = any(one.parent_task_id == task_id for one in board.tasks.values())
    if items or task.reason_code is Reason.EXPANDED:
        return "It fanned out: each of its items has its own output; L shows all logs as one"
    if is_terminal(task.state):
        return f"{appearance_of(task.state).word} without an attempt: there is no output"
    return "It has not started: no output yet"
