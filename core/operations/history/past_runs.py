"""Reads how the runs of a mission, or of one of its steps, ended, the newest first."""

from core.domain.records import Execution, TaskRun
from core.domain.states import Coverage
from core.explain.run_history import RunOutcome
from core.launch.run_number import run_reference
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader

DEFAULT_RUNS = 20


def mission_outcomes(reader: Reader, name: str, *, limit: int = DEFAULT_RUNS) -> list[RunOutcome]:
    """Return the runs of all steps of a mission, sub-missions included, the newest first."""
    query = ExecutionQuery(
        mission_name=name, coverage=Coverage.FULL, include_children=True, limit=limit
    )
    return [_of_run(execution) for execution in reader.executions(query)]


def step_outcomes(
    reader: Reader, execution: Execution, task: TaskRun, *, limit: int = DEFAULT_RUNS
) -> list[RunOutcome]:
    """Return a step's run in an execution and in earlier ones of its mission, the newest first.

    Runs that reused an outcome are left out: the step did not run in them.
    """
    earlier = reader.earlier_task_runs(execution.execution_id, task.task_id, limit=limit - 1)
    tasks = [*([task] if task.reused_from is None else []), *earlier][:limit]
    executions = {execution.execution_id: execution}
    for one in tasks:
        if one.execution_id not in executions:
            executions[one.execution_id] = reader.find_execution(one.execution_id)
    return [_of_step(executions[one.execution_id], one) for one in tasks]


def _reference(execution: Execution) -> str:
    return run_reference(execution.mission_name, execution.run_number) or execution.execution_id


def _of_run(execution: Execution) -> RunOutcome:
    spent = execution.duration_ms
    return RunOutcome(
        reference=_reference(execution),
        execution_id=execution.execution_id,
        state=execution.state.value,
        started_at=execution.started_at or execution.created_at,
        ended_at=execution.ended_at,
        seconds=None if spent is None else spent / 1000,
        mission_digest=execution.mission_digest,
        params=execution.params,
        message=execution.message,
    )


def _of_step(execution: Execution, task: TaskRun) -> RunOutcome:
    spent = task.worked_ms
    return RunOutcome(
        reference=_reference(execution),
        execution_id=execution.execution_id,
        task_id=task.task_id,
        state=task.state.value,
        started_at=task.worked_from,
        ended_at=task.ended_at,
        seconds=None if spent is None else spent / 1000,
        attempts=max(1, task.attempt),
        mission_digest=execution.mission_digest,
        params=execution.params,
        message=task.message,
    )
