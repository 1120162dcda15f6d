"""The mission an execution was made from, read again from where it is stored."""

from collections.abc import Sequence

from core.domain.mission import Mission
from core.domain.records import Execution, TaskRun
from core.domain.states import TaskState
from core.errors import MissionDeckError
from core.explain.situation import is_outdated
from core.ports.reader import Reader


def mission_of(reader: Reader, execution: Execution) -> Mission | None:
    """Return the mission, or None when this version cannot read it any more.

    A step type may have been uninstalled since; what was recorded can still be shown.
    """
    from core.mission_file.load import load_mission

    try:
        source = reader.mission_source(execution.mission_digest)
        name = execution.source_path or execution.mission_name
        return load_mission(source.content, name=name, fmt=source.format).mission
    except MissionDeckError:
        return None


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
