"""Estimates when a run will end, or says what it waits for that cannot be estimated.

The duration of an approval cannot be estimated, nor that of a step which has never ended before or
already takes longer than before. Such a step is expected to take as long again as it has taken so
far; if that exceeds the estimate for everything else, no time is given.
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

MIN_STEPS_FOR_PACE = 20
"""A run without history is estimated by its own pace only if it has at least this many steps."""


@dataclass(frozen=True, slots=True)
class RunHistory:
    """Durations in seconds of the earlier runs of the mission that succeeded, newest first.

    `steps` has the durations of the steps and items of the newest of them, by task id.
    """

    runs: Sequence[float] = ()
    steps: Mapping[str, float] = field(default_factory=dict)


def estimate_completion(board: Board, history: RunHistory, now: int) -> str:
    """Return `eta ~19m`, or `waiting for approval of gate`; empty without a basis for either."""
    execution = board.execution
    if execution.state is not ExecutionState.RUNNING or execution.cancel_requested_at is not None:
        return ""
    waiting = [board.tasks[one] for one in board.members(Bucket.WAITING)]
    gates = [task.task_id for task in waiting if awaits_person(task)]
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
    item_durations = _ItemDurations(board)
    for task in (board.tasks[one] for one in board.members(Bucket.RUNNING)):
        if not holds_slot(task):
            continue
        so_far = elapsed(task.worked_from, None, now) or 0.0
        typical = history.steps.get(task.task_id)
        if typical is None:
            typical = item_durations.typical(task)
        if typical is not None and so_far <= typical:
            left = max(left, typical - so_far)
        elif so_far > left:
            why = "has never ended before" if typical is None else "takes longer than before"
            return f"no eta: {task.task_id} {why}"
    return f"eta ~{rough(left)}"


class _ItemDurations:
    """Median durations of the items of each fan-out step that have succeeded, computed lazily."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._medians: dict[str, float | None] = {}

    def typical(self, task: TaskRun) -> float | None:
        """Return how long items like this one take, in seconds; None if that is not known."""
        parent = task.parent_task_id
        if parent is None:
            return None
        if parent not in self._medians:
            self._medians[parent] = self._median(parent)
        return self._medians[parent]

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
    """Return how long the last attempt of a successful task run took; None for any other."""
    if task.state is not TaskState.SUCCESS or task.reason_code is Reason.REUSED:
        return None
    return elapsed(task.worked_from, task.worked_until, 0, task.worked_us)
