"""Loads the mission that an execution was created from, as it is stored."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.domain.mission import Mission, MissionSource
from core.domain.records import Execution, TaskRun
from core.domain.states import TaskState
from core.errors import MissionDeckError
from core.explain.execution_facts import is_outdated
from core.ports.reader import Reader

if TYPE_CHECKING:  # what shows no mission loads none
    from core.mission_file.load import Loaded


def mission_of(reader: Reader, execution: Execution) -> Mission | None:
    """Return the mission, or None when this version cannot read it any more.

    A step type may have been uninstalled since; what was recorded can still be shown.
    """
    try:
        return _load(reader, execution, execution.mission_name).mission
    except MissionDeckError:
        return None


def stored_mission(reader: Reader, execution: Execution) -> tuple[Mission, MissionSource]:
    """Return the mission and its source; `MissionInvalidError` when it cannot be read any more."""
    from core.operations.mission_order import require_valid

    return require_valid(_load(reader, execution, "<stdin>"))


def mission_from(source: MissionSource) -> Mission:
    """Return the mission that a stored source is; `MissionInvalidError` as `stored_mission`."""
    from core.mission_file.load import load_mission
    from core.operations.mission_order import require_valid

    return require_valid(load_mission(source.content, name=source.name, fmt=source.format))[0]


def _load(reader: Reader, execution: Execution, unnamed: str) -> "Loaded":
    """Read the stored mission; `unnamed` is what it is called in diagnostics without a file."""
    from core.mission_file.load import load_mission

    source = reader.mission_source(execution.mission_digest)
    name = execution.source_path or unnamed
    return load_mission(source.content, name=name, fmt=source.format)


def outdated_skips(
    reader: Reader, execution: Execution, tasks: Sequence[TaskRun]
) -> frozenset[str]:
    """Return the steps that were skipped for what a user's retry has mended since.

    The mission is read only where that can be: where something was tried again, and succeeded.
    """
    skipped = [task for task in tasks if task.state is TaskState.SKIPPED]
    again = any(task.state is TaskState.SUCCESS and task.attempt > 1 for task in tasks)
    mission = mission_of(reader, execution) if skipped and again else None
    if mission is None:
        return frozenset()
    by_id = {task.task_id: task for task in tasks}
    needs = {step.id: step.depends_on for step in mission.steps}
    return frozenset(
        task.task_id
        for task in skipped
        if task.task_id in needs and is_outdated(task, needs[task.task_id], by_id)
    )
