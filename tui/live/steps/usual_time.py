"""How long a running step usually takes, and that it takes longer now. Pure."""

from core.domain.records import TaskRun
from core.domain.tally import holds_slot
from core.value.duration import duration_text
from tui.live.board import Board
from tui.words.numbers import elapsed, rough

LONGER_FACTOR = 1.5
"""From how many times the usual duration on a step takes longer than usual."""
LONGER_SECONDS = 2.0
"""By how much it must exceed the usual duration at least."""


def overdue_text(board: Board, task: TaskRun, now: int) -> str:
    """Return `usually 40s, now 3m` of a step that runs longer than usual; else nothing."""
    if not holds_slot(task):
        return ""
    spent = elapsed(task.worked_from, task.worked_until, now, task.worked_us)
    usual, word = board.usual_seconds.get(task.task_id), board.usual_word
    if usual is None and task.parent_task_id is not None:
        fan_out = board.fan_outs.get(task.parent_task_id)
        usual = None if fan_out is None else fan_out.typical_seconds(board.tasks)
        word = "others"
    if spent is None or usual is None:
        return ""
    if spent < max(usual * LONGER_FACTOR, usual + LONGER_SECONDS):
        return ""
    typical = rough(usual) if usual >= 1 else duration_text(usual)
    return f"{word} {typical}, now {rough(spent)}"
