"""Which items of fan-outs are listed one by one. Pure."""

from collections import Counter
from collections.abc import Sequence

from core.domain.records import TaskRun
from core.domain.states import TaskState

MAX_ITEM_LINES = 10
"""The items of a larger fan-out have no lines of their own."""


def without_most_items(tasks: Sequence[TaskRun]) -> list[TaskRun]:
    """Return the steps, the items of small fan-outs, and of large ones the first that failed."""
    sizes = Counter(task.parent_task_id for task in tasks)
    told: set[str] = set()
    shown = []
    for task in tasks:
        parent = task.parent_task_id
        if parent is not None and sizes[parent] > MAX_ITEM_LINES:
            if task.state is not TaskState.FAILED or parent in told:
                continue
            told.add(parent)
        shown.append(task)
    return shown
