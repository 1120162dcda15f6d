"""Builds the result of an ended execution from its records, in the terms of the result schema."""

from core.domain.fold import Snapshot
from core.domain.mission import Mission
from core.domain.reasons import VIOLATIONS
from core.domain.records import MissionResult, StepResult, TaskRun
from core.domain.states import StepStatus, overall_status, step_status


def mission_result(
    mission: Mission, snapshot: Snapshot, *, events_logged: int, integrity_verified: bool
) -> MissionResult:
    """Aggregate the outcome of every step and handler of an ended execution."""
    execution = snapshot.current
    ended_at = execution.ended_at or execution.updated_at
    steps = mission.all_steps
    results = {step.id: _step_result(snapshot.tasks[step.id], ended_at) for step in steps}
    tally = dict.fromkeys(StepStatus, 0)
    for result in results.values():
        tally[result.status] += 1
    failed = [step for step in steps if results[step.id].status is StepStatus.FAILED]
    may_continue = (
        not mission.config.fail_fast
        or execution.keep_going
        or all(step.continue_on_error for step in failed)
    )
    return MissionResult(
        mission_id=execution.execution_id,
        workflow_id=execution.workflow_id,
        overall_status=overall_status(
            failed=len(failed), completed=tally[StepStatus.COMPLETED], may_continue=may_continue
        ),
        state=execution.state,
        reason_code=execution.reason_code,
        start_time=execution.started_at or execution.created_at,
        end_time=ended_at,
        step_results=results,
        steps_completed=tally[StepStatus.COMPLETED],
        steps_failed=tally[StepStatus.FAILED],
        steps_skipped=tally[StepStatus.SKIPPED],
        events_logged=events_logged,
        integrity_verified=integrity_verified,
        duration_us=execution.duration_us,
        mission_name=execution.mission_name,
        run_number=execution.run_number,
        coverage=execution.coverage,
    )


def _step_result(task: TaskRun, ended_at: int) -> StepResult:
    status = step_status(task.state, started=task.started_at is not None)
    error = None
    if status is StepStatus.FAILED:
        error = task.error.message if task.error is not None else task.message
        error = error or str(task.reason_code)
    return StepResult(
        step_id=task.task_id,
        status=status,
        output=dict(task.outputs or {}),
        error=error,
        duration_ms=task.duration_ms or 0.0,
        timestamp=task.ended_at or ended_at,
        state=task.state,
        reason_code=task.reason_code,
        attempts=task.attempt,
        rule=task.error.kind if task.error and task.reason_code in VIOLATIONS else None,
    )
