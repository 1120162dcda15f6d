"""Estimates when a run will end, or says what it waits for that cannot be estimated.

The duration of an approval cannot be estimated, nor that of a step which has never ended before or
already takes longer than before. Such a step is expected to take as long again as it has taken so
far; if that exceeds the estimate for everything else, no time is given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.domain.states import ExecutionState
from core.domain.tally import holds_slot
from core.value.timestamp import SECOND_NS
from tui.live.board import Board
from tui.live.steps.bucket import Bucket
from tui.words.numbers import elapsed, remaining, rough

MIN_STEPS_FOR_PACE = 20
"""A run without history is estimated by its own pace only if it has at least this many steps."""


@dataclass(frozen=True, slots=True)
class RunHistory:
    """Durations in seconds of the earlier runs of the mission that succeeded, newest first.

    `steps` has the median durations of their steps and items, by task id, of the newest
    `step_runs` of them.
    """

    runs: Sequence[float] = ()
    steps: Mapping[str, float] = field(default_factory=dict)
    step_runs: int = 0


def estimate_completion(board: Board, history: RunHistory, now: int) -> str:
    """Return `eta ~19m`, or `waiting for approval of gate`; empty without a basis for either."""
    execution = board.execution
    if execution.state is not ExecutionState.RUNNING or execution.cancel_requested_at is not None:
        return ""
    gates = board.members(Bucket.NEEDS_YOU)
    if gates:
        more = f" and {len(gates) - 1} more" if gates[1:] else ""
        return f"waiting for approval of {gates[0]}{more}"
    spent = elapsed(execution.started_at, None, now) or 0.0
    has_basis = history.runs or len(board.order) >= MIN_STEPS_FOR_PACE
    left = remaining(spent, board.tally.share_done, history.runs) if has_basis else None
    if left is None:
        return ""
    retrying = [board.tasks[one] for one in board.members(Bucket.RETRYING)]
    if retrying:
        last = max(retrying, key=lambda task: task.resume_at or 0)
        if ((last.resume_at or now) - now) / SECOND_NS >= left:
            return f"waiting for the retry of {last.task_id}"
    for task in (board.tasks[one] for one in board.members(Bucket.RUNNING)):
        if not holds_slot(task):
            continue
        so_far = elapsed(task.worked_from, None, now) or 0.0
        typical = history.steps.get(task.task_id)
        if typical is None:
            fan_out = board.fan_outs.get(task.parent_task_id or "")
            typical = None if fan_out is None else fan_out.typical_seconds(board.tasks)
        if typical is not None and so_far <= typical:
            left = max(left, typical - so_far)
        elif so_far > left:
            why = "has never ended before" if typical is None else "takes longer than before"
            return f"no eta: {task.task_id} {why}"
    return f"eta ~{rough(left)}"
