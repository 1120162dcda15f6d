"""Reads which steps ran because their files or values had changed, such as those before another.

A step that uses what others made has changed inputs then, though nothing of its own has changed.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import islice

from core.domain.item_label import quoted_title
from core.domain.mission import Mission
from core.domain.records import Execution, TaskRun
from core.domain.states import TaskState
from core.graph.dag import Graph
from core.operations.history.outdated_text import changes_before_start
from core.ports.reader import Reader

MAX_STEPS = 20
"""Steps and items whose events are read."""
_RAN = frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.CANCELLED, TaskState.RUNNING})


def upstream_changes(
    reader: Reader, execution: Execution, task: TaskRun, mission: Mission | None
) -> tuple[str, ...]:
    """Return one phrase for each change that made a step before that of `task` run."""
    before = _files_before(task.parent_task_id or task.task_id, mission)
    if not before:
        return ()
    _, tasks = reader.task_states(execution.execution_id)
    found = _reasons(reader, tasks, frozenset(before))
    return tuple(f"{title} before it ran because of this: {change}" for title, change in found)


def reasons_to_run(
    reader: Reader, tasks: Iterable[TaskRun], mission: Mission | None
) -> tuple[str, ...]:
    """Return one phrase for each change that made a step of an execution run."""
    steps = () if mission is None else mission.steps
    declaring = frozenset(step.id for step in steps if step.declares_files)
    found = _reasons(reader, tasks, declaring) if declaring else ()
    return tuple(f"{title} ran because of this: {change}" for title, change in found)


def _reasons(
    reader: Reader, tasks: Iterable[TaskRun], steps: Set[str]
) -> Iterator[tuple[str, str]]:
    """Yield the title of a step that ran, one of `steps`, with each change that made it run."""
    ran = (
        one for one in tasks if (one.parent_task_id or one.task_id) in steps and one.state in _RAN
    )
    for one in islice(ran, MAX_STEPS):
        for change in changes_before_start(reader.step_events(one.execution_id, one.task_id)):
            yield quoted_title(one), change


def _files_before(step_id: str, mission: Mission | None) -> Sequence[str]:
    """Return the steps before another one, at any distance, that declare their files."""
    steps = () if mission is None else mission.steps
    declaring = [step.id for step in steps if step.declares_files]
    if mission is None or not declaring or all(step.id != step_id for step in steps):
        return ()
    before = Graph.of(mission).ancestors(step_id)
    return [name for name in declaring if name in before]
