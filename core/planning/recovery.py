"""Recovery of an execution whose runner is gone: attempts are LOST, it waits to be resumed.

Pure: makes events from a snapshot. The next `mission` command that notices commits `lost`; the
runner that resumes commits `resumed` before it continues. What succeeded is never run again.
"""

from collections.abc import Container, Iterator
from enum import StrEnum

from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionStateChanged,
    Noted,
    TaskStateChanged,
)
from core.domain.fold import Snapshot
from core.domain.mission import EMPTY, Mission, MissionStep
from core.domain.reasons import Reason
from core.domain.records import Execution, TaskError, TaskRun
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.planning.services.needed_services import is_serving
from core.ports.clock import Clock
from core.step_type.registry import SUB_MISSION_TYPES, step_type


class AssumeLost(StrEnum):
    """What to do with the attempts of a lost runner, whose effects nobody knows."""

    RETRY = "retry"
    """Repeat them all, also those of steps that are not idempotent."""
    FAIL = "fail"
    """Fail their steps without another attempt."""


def was_driven(execution: Execution) -> bool:
    """Tell whether the records say that a runner is at work, starts, or waits for its turn."""
    return (
        execution.state in {ExecutionState.PENDING, ExecutionState.RUNNING}
        or execution.reason_code is Reason.QUEUED
    )


def lost(
    snapshot: Snapshot, clock: Clock, *, who: str, ended: str | None = None
) -> Iterator[Event]:
    """Yield the events of a lost runner: attempts LOST, steps WAITING, the execution PAUSED.

    The caller applies each event before it takes the next. `who` names the dead runner, `ended`
    says which processes it had left running.
    """
    execution = snapshot.current
    message = f"the runner is gone ({who})"
    if execution.state is ExecutionState.PENDING:
        message = f"it was never started: its launcher is gone ({who})"
    yield Noted(
        at=clock.now(),
        execution_id=execution.execution_id,
        kind="runner.lost",
        facts={"runner": who} if ended is None else {"runner": who, "ended": ended},
    )
    for task in list(snapshot.tasks.values()):
        if task.is_armed:  # nobody knows whether it started; it was safe to repeat, or not armed
            yield AttemptStarted(
                at=clock.now(),
                execution_id=execution.execution_id,
                task_id=task.task_id,
                attempt=task.attempt + 1,
                from_state=task.state,
                reason_code=Reason.ARMED,
                inputs=task.inputs or EMPTY,
            )
            task = snapshot.tasks[task.task_id]
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
        if is_serving(task):  # its process is gone
            yield _lost_change(task, TaskState.READY, clock, message)
            task = snapshot.tasks[task.task_id]
        elif task.state is TaskState.WAITING:  # for a person, who may still answer
            continue
        yield _lost_change(task, TaskState.WAITING, clock, message)
    if was_driven(execution):
        yield ExecutionStateChanged(
            at=clock.now(),
            execution_id=execution.execution_id,
            from_state=execution.state,
            to_state=ExecutionState.PAUSED,
            reason_code=Reason.RUNNER_LOST,
            message=message if ended is None else f"{message}; ended {ended}",
        )


def _lost_change(task: TaskRun, target: TaskState, clock: Clock, message: str) -> TaskStateChanged:
    return TaskStateChanged(
        at=clock.now(),
        execution_id=task.execution_id,
        task_id=task.task_id,
        from_state=task.state,
        to_state=target,
        reason_code=Reason.RUNNER_LOST,
        message=message,
    )


def has_open_attempts(snapshot: Snapshot) -> bool:
    """Tell whether an attempt is RUNNING, or armed and may be; without a runner it is lost."""
    return any(task.is_armed for task in snapshot.tasks.values()) or any(
        tries[-1].state is AttemptState.RUNNING for tries in snapshot.attempts.values() if tries
    )


def needs_consent(mission: Mission, snapshot: Snapshot) -> list[str]:
    """Return the task runs whose lost attempt must not be repeated without consent.

    Includes items of fan-out steps; a step that only waits is safe to repeat.
    """
    guarded = {
        step.id for step in mission.all_steps if not step.idempotent and not _only_waits(step)
    }
    return [
        task.task_id
        for task in snapshot.tasks.values()
        if (task.parent_task_id or task.task_id) in guarded and _is_lost(snapshot, task)
    ]


def may_have_acted(mission: Mission, snapshot: Snapshot) -> list[str]:
    """Return the task runs whose lost attempt may have had an effect of its own.

    A step that only waits has none, and a sub-mission has lost attempts of its own.
    """
    passive = {
        step.id
        for step in mission.all_steps
        if step.step_type in SUB_MISSION_TYPES or _only_waits(step)
    }
    return [
        task.task_id
        for task in snapshot.tasks.values()
        if (task.parent_task_id or task.task_id) not in passive and _is_lost(snapshot, task)
    ]


def waited_before(snapshot: Snapshot, task_id: str, now: int) -> float:
    """Return the seconds since the first of the attempts that runners have lost one after another.

    0 if the attempt before the latest was not lost. The time without a runner counts: waiting for a
    person or for an external condition continues meanwhile.
    """
    since = now
    for attempt in reversed(snapshot.attempts.get(task_id, ())[:-1]):
        if attempt.state is not AttemptState.LOST:
            break
        since = attempt.started_at
    return max(0, now - since) / 1e9


def _is_lost(snapshot: Snapshot, task: TaskRun) -> bool:
    """Tell whether a task run waits because its runner lost its attempt."""
    attempt = snapshot.attempt(task.task_id)
    return (
        task.state is TaskState.WAITING
        and attempt is not None
        and attempt.state is AttemptState.LOST
    )


def _only_waits(step: MissionStep) -> bool:
    kind = step_type(step.step_type)
    return kind is not None and kind.only_waits


def resumed(
    snapshot: Snapshot,
    clock: Clock,
    *,
    actor: str,
    failed: Container[str] = (),
    ended: str | None = None,
) -> Iterator[Event]:
    """Yield the events by which a new runner resumes: lost steps READY, the execution RUNNING.

    The task runs in `failed` FAIL instead. `ended` says which processes the lost runner had left.
    """
    execution = snapshot.current
    was_lost = execution.reason_code is Reason.RUNNER_LOST
    if was_lost:
        yield Noted(
            at=clock.now(),
            execution_id=execution.execution_id,
            actor=actor,
            kind="runner.recovered",
            facts={} if ended is None else {"ended": ended},
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
        if not _is_lost(snapshot, task):
            continue
        if task.task_id in failed:
            yield TaskStateChanged(
                at=clock.now(),
                execution_id=execution.execution_id,
                actor=actor,
                task_id=task.task_id,
                from_state=task.state,
                to_state=TaskState.FAILED,
                reason_code=Reason.RUNNER_LOST,
                message="the attempt was lost with its runner and counts as failed",
            )
        else:
            yield TaskStateChanged(
                at=clock.now(),
                execution_id=execution.execution_id,
                task_id=task.task_id,
                from_state=task.state,
                to_state=TaskState.READY,
                reason_code=Reason.CRASH_RECOVERY,
                message="the lost attempt is repeated",
            )
