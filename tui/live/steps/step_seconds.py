"""How long a step took, as a measure for the next time. Pure."""

from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState
from tui.words.numbers import elapsed


def step_seconds(task: TaskRun) -> float | None:
    """Return how long the last attempt of a successful task run took; None for any other."""
    if task.state is not TaskState.SUCCESS or task.reason_code is Reason.REUSED:
        return None
    return elapsed(task.worked_from, task.worked_until, 0, task.worked_us)
