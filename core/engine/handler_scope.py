"""The values that templates of handlers see of their execution: how it ended, what failed.

It is its outcome before the handlers: a handler that fails changes the end, not what others see.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from core.domain.fold import Snapshot
from core.domain.mission import Json, Mission
from core.domain.records import TaskRun
from core.domain.states import TaskState
from core.explain.error_line import error_line
from core.explain.execution_facts import failures


def failed_steps(mission: Mission, snapshot: Snapshot) -> list[Json]:
    """Return what failed, each as `{id, name, reason_code, message, exit_code, last_line}`.

    Failures that were not tolerated come first, each part in order of time. In place of a fan-out
    step stand its failed items, `item` among their keys. Texts that are not there are empty;
    `exit_code` is None for what was no process.
    """
    names = {step.id: step.name for step in mission.steps}
    return [
        _told(task, names[task.parent_task_id or task.task_id])
        for step in failures(snapshot.tasks, mission)
        if step.task_id in names
        for task in _of_fan_out(step, snapshot)
    ]


def _of_fan_out(step: TaskRun, snapshot: Snapshot) -> Iterator[TaskRun]:
    items = [
        task
        for task in snapshot.tasks.values()
        if task.parent_task_id == step.task_id and task.state is TaskState.FAILED
    ]
    yield from items or [step]


def _told(task: TaskRun, name: str) -> dict[str, Any]:
    error = task.error
    line = None if error is None else error_line(error.stack_trace)
    told: dict[str, Any] = {
        "id": task.task_id,
        "name": name if task.item is None else f"{name} ({_item_text(task.item)})",
        "reason_code": task.reason_code.value,
        "message": task.message or ("" if error is None else error.message),
        "exit_code": None if error is None else error.exit_code,
        "last_line": line or "",
    }
    if task.parent_task_id is not None:
        told["item"] = task.item
    return told


def _item_text(item: Any) -> str:
    """Return an item in a few words: `py=3.10 os=mac` for one of a matrix."""
    if isinstance(item, Mapping):
        return " ".join(f"{key}={value}" for key, value in item.items())
    return str(item)
