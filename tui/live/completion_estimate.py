"""Estimates when a run will end, or says what it waits for that cannot be estimated.

An answer of a person has no duration; neither has a step that was never seen to end, nor one that
already takes longer than it did. Of such a step as much is expected again as it has taken so far;
where that is more than the estimate of all the rest, it decides, and no time is given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import ExecutionState, TaskState
from core.domain.tally import holds_slot
from core.planning.cancel_scope import awaits_person
from core.value.timestamp import SECOND_NS
from tui.live.board import Board, Bucket
from tui.words.numbers import elapsed, remaining, rough

TELLING_STEPS = 20
"""Steps a run without history has at least for its own pace to tell when it ends."""


@dataclass(frozen=True, slots=True)
class Past:
    """How long earlier runs of the mission took that succeeded, in seconds; newest first.

    `steps` are the durations of the steps and items of the newest of them, by task id.
    """

    runs: Sequence[float] = ()
    steps: Mapping[str, float] = field(default_factory=dict)


def outlook(board: Board, past: Past, now: int) -> str:
    """Return `eta ~19m`, or `waiting for approval of gate`; empty when nothing can be said."""
    execution = board.execution
    if execution.state is not ExecutionState.RUNNING or execution.cancel_requested_at is not None:
        return ""
    waiting = [board.tasks[one] for one in board.members(Bucket.WAITING)]
    gates = [task.task_id for task in waiting if awaits_person(task)]
    if gates:
        more = f" and {len(gates) - 1} more" if gates[1:] else ""
        return f"waiting for approval of {gates[0]}{more}"
    spent = elapsed(execution.started_at, None, now) or 0.0
    telling = past.runs or len(board.order) >= TELLING_STEPS
    left = remaining(spent, board.tally.share_done, past.runs) if telling else None
    if left is None:
        return ""
    held = [board.tasks[one] for one in board.members(Bucket.RETRYING)]
    if held:
        last = max(held, key=lambda task: task.resume_at or 0)
        if ((last.resume_at or now) - now) / SECOND_NS >= left:
            return f"waiting for the retry of {last.task_id}"
    ended = _Ended(board)
    for task in (board.tasks[one] for one in board.members(Bucket.RUNNING)):
        if not holds_slot(task):
            continue
        so_far = elapsed(task.worked_from, None, now) or 0.0
        usual = past.steps.get(task.task_id)
        if usual is None:
            usual = ended.usual(task)
        if usual is not None and so_far <= usual:
            left = max(left, usual - so_far)
        elif so_far > left:
            told = "has not been seen to end" if usual is None else "takes longer than before"
            return f"no eta: {task.task_id} {told}"
    return f"eta ~{rough(left)}"


class _Ended:
    """How long the items of each fan-out took that have succeeded, worked out when asked."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._usual: dict[str, float | None] = {}

    def usual(self, task: TaskRun) -> float | None:
        """Return how long an item like this one takes; None for what is no item, or the first."""
        parent = task.parent_task_id
        if parent is None:
            return None
        if parent not in self._usual:
            self._usual[parent] = self._median(parent)
        return self._usual[parent]

    def _median(self, parent: str) -> float | None:
        tasks = self._board.tasks
        took = [
            seconds
            for one in self._board.members(Bucket.DONE)
            if tasks[one].parent_task_id == parent
            and (seconds := step_seconds(tasks[one])) is not None
        ]
        return median(took) if took else None


def step_seconds(task: TaskRun) -> float | None:
    """Return how long what succeeded took in its last attempt; None for any other."""
    if task.state is not TaskState.SUCCESS or task.reason_code is Reason.REUSED:
        return None
    return elapsed(task.worked_from, task.worked_until, 0, task.worked_us)
