"""What becomes of an execution whose runner is gone: attempts are LOST, it waits to be resumed.

Pure: events from a snapshot. The next `mission` command that notices commits `lost`; the runner
that resumes commits `resumed` before it drives on. What succeeded is never run again.
"""

from collections.abc import Iterator

from core.events import (
    AttemptEnded,
    Event,
    ExecutionStateChanged,
    Noted,
    TaskStateChanged,
)
from core.fold import Snapshot
from core.model import Mission, TaskError
from core.ports import Clock
from core.reasons import Reason
from core.states import AttemptState, ExecutionState, TaskState


def lost(snapshot: Snapshot, clock: Clock, *, who: str) -> Iterator[Event]:
    """Yield what the loss of a runner means: attempts LOST, steps WAITING, the execution PAUSED.

    The caller folds each event before it takes the next. `who` names the dead runner.
    """
    execution = snapshot.current
    message = f"the runner is gone ({who})"
    yield Noted(
        at=clock.now(),
        execution_id=execution.execution_id,
        kind="runner.lost",
        facts={"runner": who},
    )
    for task in list(snapshot.tasks.values()):
        attempt = snapshot.attempt(task.task_id)
        if attempt is None or attempt.state is not AttemptState.RUNNING:
            continue
        yield AttemptEnded(
            at=clock.now(),
            execution_id=execution.execution_id,
            task_id=task.task_id,
            attempt=attempt.attempt,
            to_state=AttemptState.LOST,
            reason_code=Reason.RUNNER_LOST,
            message=message,
            error=TaskError(message=message, kind="RunnerLost"),
        )
        yield TaskStateChanged(
            at=clock.now(),
            execution_id=execution.execution_id,
            task_id=task.task_id,
            from_state=task.state,
            to_state=TaskState.WAITING,
            reason_code=Reason.RUNNER_LOST,
            message=message,
        )
    if execution.state is ExecutionState.RUNNING:
        yield ExecutionStateChanged(
            at=clock.now(),
            execution_id=execution.execution_id,
            from_state=execution.state,
            to_state=ExecutionState.PAUSED,
            reason_code=Reason.RUNNER_LOST,
            message=message,
        )


def needs_consent(mission: Mission, snapshot: Snapshot) -> list[str]:
    """Return the steps whose attempt was lost and that must not simply be run a second time."""
    return [
        step.id
        for step in mission.all_steps
        if not step.idempotent
        and snapshot.tasks[step.id].state is TaskState.WAITING
        and snapshot.tasks[step.id].reason_code is Reason.RUNNER_LOST
    ]


def resumed(snapshot: Snapshot, clock: Clock, *, actor: str) -> Iterator[Event]:
    """Yield what a new runner starts with: lost steps READY again, the execution RUNNING."""
    execution = snapshot.current
    was_lost = execution.reason_code is Reason.RUNNER_LOST
    if was_lost:
        yield Noted(
            at=clock.now(),
            execution_id=execution.execution_id,
            actor=actor,
            kind="runner.recovered",
            facts={},
        )
    if execution.state is ExecutionState.PAUSED:
        yield ExecutionStateChanged(
            at=clock.now(),
            execution_id=execution.execution_id,
            actor=actor,
            from_state=execution.state,
            to_state=ExecutionState.RUNNING,
            reason_code=Reason.CRASH_RECOVERY if was_lost else Reason.USER_RESUMED,
            message=f"resumed by {actor}",
        )
    for task in list(snapshot.tasks.values()):
        if task.state is TaskState.WAITING and task.reason_code is Reason.RUNNER_LOST:
            yield TaskStateChanged(
                at=clock.now(),
                execution_id=execution.execution_id,
                task_id=task.task_id,
                from_state=task.state,
                to_state=TaskState.READY,
                reason_code=Reason.CRASH_RECOVERY,
                message="the lost attempt is made again",
            )
