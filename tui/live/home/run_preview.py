"""What home shows of the execution under its cursor; read in the lookup's thread."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from core.domain.mission import Mission
from core.domain.reasons import Reason
from core.domain.records import Execution, LogEntry, TaskRun
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.errors import MissionInvalidError, NotFoundError
from core.explain.execution_facts import root_failure
from core.explain.failure_line import is_sub_mission_failure
from core.operations.history.runnable_command import RunnableCommand, runnable_command
from core.operations.queue import QueuePlace, queue_places
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import LogQuery, Reader, RunOutcome
from tui.live.backend import Backend
from tui.live.execution_queries import read_mission

MAX_FAILED, MAX_ACTIVE, MAX_OTHERS = 50, 12, 60
"""How many steps are read that failed, that run or wait, and of all."""
LOG_LINES = 60
MAX_OUTCOMES = 20
MAX_RUNS = 10
MAX_DEPTH = 8
"""How many sub-missions deep the step that failed is looked for."""

ACTIVE = frozenset({TaskState.RUNNING, TaskState.WAITING})


@dataclass(frozen=True, slots=True)
class StepEnd:
    """A step with the last lines of its latest attempt; `path` has the steps that led to it."""

    task: TaskRun
    lines: Sequence[LogEntry] = ()
    path: tuple[str, ...] = ()
    has_more: bool = False
    """Whether there are lines before these."""


@dataclass(frozen=True, slots=True)
class RunPreview:
    """One execution: the step that failed, or the steps that run, then its other steps."""

    execution: Execution
    failed: StepEnd | None = None
    active: Sequence[StepEnd] = ()
    steps: Sequence[TaskRun] = ()
    """Its first steps in file order; what failed, runs or waits first."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Sequence[RunOutcome] = ()
    """How the last runs of its mission stand, newest first."""
    last_success: Execution | None = None
    """The newest earlier run of its mission that succeeded, if it did not succeed itself."""
    place: QueuePlace | None = None
    """Its place in its concurrency group while it waits there."""
    command: RunnableCommand | None = None
    """What the step that failed ran, if that is a program."""
    runs: Sequence[Execution] = ()
    """The last runs of its mission, without itself, newest first."""


def read_preview(reader: Reader, backend: Backend, execution_id: str, now: int) -> RunPreview:
    """Read the preview of an execution. Raises `NotFoundError`."""
    execution = reader.find_execution(execution_id)
    failures = reader.task_runs_in(execution_id, frozenset({TaskState.FAILED}), limit=MAX_FAILED)
    active: list[TaskRun] = []
    if not is_terminal(execution.state):
        active = reader.task_runs_in(execution_id, ACTIVE, limit=MAX_ACTIVE)
    quiet = frozenset(TaskState) - ACTIVE - {TaskState.FAILED}
    others = reader.task_runs_in(execution_id, quiet, limit=MAX_OTHERS)
    failed = None
    if failures and (execution.state is ExecutionState.FAILED or not active):
        failed = _failed_end(reader, failures)
    mission = _mission_of(reader, backend, execution)
    return RunPreview(
        execution=execution,
        failed=failed,
        active=[_step_end(reader, task, 1) for task in active],
        steps=[*failures, *active, *others],
        defaults=_defaults_of(mission),
        outcomes=reader.recent_outcomes([execution.mission_name], limit=MAX_OUTCOMES).get(
            execution.mission_name, ()
        ),
        last_success=_last_success(reader, execution),
        place=queue_places(reader, now).get(execution_id)
        if execution.reason_code is Reason.QUEUED
        else None,
        command=_command_of(reader, execution, mission, failed),
        runs=[
            one
            for one in reader.executions(
                ExecutionQuery(mission_name=execution.mission_name, limit=MAX_RUNS)
            )
            if one.execution_id != execution_id
        ],
    )


def read_defaults(reader: Reader, backend: Backend, execution: Execution) -> Mapping[str, Any]:
    """Return the defaults of the parameters of the mission that an execution was made from."""
    return _defaults_of(_mission_of(reader, backend, execution))


def _mission_of(reader: Reader, backend: Backend, execution: Execution) -> Mission | None:
    with suppress(MissionInvalidError, NotFoundError):
        return read_mission(reader, backend, execution)
    return None


def _defaults_of(mission: Mission | None) -> Mapping[str, Any]:
    return {} if mission is None else {param.name: param.default for param in mission.params}


def _command_of(
    reader: Reader, execution: Execution, mission: Mission | None, failed: StepEnd | None
) -> RunnableCommand | None:
    """Return what the step that failed ran; of a step of a sub-mission that is not read."""
    if failed is None or failed.task.execution_id != execution.execution_id:
        return None
    attempts = reader.attempts(execution.execution_id, failed.task.task_id)
    return runnable_command(execution, failed.task, mission, attempts[-1] if attempts else None)


def _failed_end(reader: Reader, failures: Sequence[TaskRun]) -> StepEnd | None:
    """Return the root failure with the end of its output, followed into sub-missions."""
    path: list[str] = []
    while True:
        tasks = {task.task_id: task for task in failures}
        root = root_failure(tasks, None)
        if root is None:
            return None
        if root.reason_code is Reason.ITEM_FAILED:
            items = (task for task in failures if task.parent_task_id == root.task_id)
            root = next(items, root)
        if not is_sub_mission_failure(root) or len(path) >= MAX_DEPTH:
            return _step_end(reader, root, LOG_LINES, tuple(path))
        children = reader.executions(
            ExecutionQuery(
                parent=root.execution_id, states=frozenset({ExecutionState.FAILED}), limit=1000
            )
        )
        child = next((one for one in children if one.parent_task_id == root.task_id), None)
        below = (
            []
            if child is None
            else reader.task_runs_in(
                child.execution_id, frozenset({TaskState.FAILED}), limit=MAX_FAILED
            )
        )
        if not below:
            return _step_end(reader, root, LOG_LINES, tuple(path))
        path.append(root.task_id)
        failures = below


def _step_end(reader: Reader, task: TaskRun, count: int, path: tuple[str, ...] = ()) -> StepEnd:
    query = LogQuery(
        execution_id=task.execution_id, task_id=task.task_id, attempt=task.attempt, tail=count
    )
    entries = [entry for _chunk, entry in reader.logs(query)]
    if task.state is TaskState.RUNNING:
        entries = [*entries, *reader.unfinished_lines(query)][-count:]
    return StepEnd(task, entries, path, len(entries) >= count)


def _last_success(reader: Reader, execution: Execution) -> Execution | None:
    if execution.state is ExecutionState.SUCCESS:
        return None
    found = reader.executions(
        ExecutionQuery(
            mission_name=execution.mission_name,
            states=frozenset({ExecutionState.SUCCESS}),
            created_until=execution.created_at,
            limit=1,
        )
    )
    return found[0] if found else None
