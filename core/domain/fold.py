"""The fold: `apply(snapshot, event)` is the only way to change a state, live or in recovery.

A snapshot is one execution's records. `apply` replaces the records an event touches and remembers
which, so that a journal can write exactly those (`take_changes`). No I/O, no decisions.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from core.domain.breaker_state import BreakerState
from core.domain.events import (
    AttemptArmed,
    AttemptDisarmed,
    AttemptEnded,
    AttemptPlaced,
    AttemptStarted,
    BreakerChanged,
    BreakpointChange,
    BreakpointChanged,
    CancelRequested,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    Noted,
    OpaqueEvent,
    StepExpanded,
    TaskStateChanged,
    item_task_id,
)
from core.domain.joined_events import end_part, readiness_part, start_part
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import Attempt, Execution, TaskRun
from core.domain.states import (
    AttemptState,
    Coverage,
    ExecutionState,
    TaskState,
    check_transition,
    is_terminal,
)
from core.errors import BugError


class Changes(Struct, frozen=True):
    """The records that events touched since the last `take_changes`, each in its newest form."""

    execution: Execution | None
    tasks: tuple[TaskRun, ...]
    attempts: tuple[Attempt, ...]


class Snapshot(Struct):
    """One execution as its events describe it. Only `apply` changes it.

    `tasks` is in file order; `attempts` holds every attempt of a step in order.
    """

    execution: Execution | None = None
    tasks: dict[str, TaskRun] = field(default_factory=dict)
    attempts: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    item_counts: dict[str, int] = field(default_factory=dict)
    _touched_execution: bool = False
    _touched_tasks: dict[str, None] = field(default_factory=dict)
    _touched_attempts: dict[tuple[str, int], None] = field(default_factory=dict)

    @property
    def current(self) -> Execution:
        """The execution record; a `BugError` before its creation."""
        if self.execution is None:
            raise BugError("snapshot of an execution that was never created")
        return self.execution

    def attempt(self, task_id: str) -> Attempt | None:
        """Return the latest attempt of a step, or None before its first."""
        tries = self.attempts.get(task_id)
        return tries[-1] if tries else None

    def take_changes(self) -> Changes:
        """Return the records touched since the last call, and start over."""
        execution = self.execution
        if execution is not None and (self._touched_execution or self._touched_tasks):
            execution = self.execution = replace(
                execution, counts=dict(self.counts), item_counts=dict(self.item_counts)
            )
        changes = Changes(
            execution if self._touched_execution or self._touched_tasks else None,
            tuple(self.tasks[task_id] for task_id in self._touched_tasks),
            tuple(self.attempts[task_id][n - 1] for task_id, n in self._touched_attempts),
        )
        self._touched_execution = False
        self._touched_tasks = {}
        self._touched_attempts = {}
        return changes


def apply(snapshot: Snapshot, event: Event) -> None:
    """Apply one event to `snapshot`.

    Raises `IllegalTransitionError` (and leaves the snapshot as it was) when the table has no such
    transition. An event that repeats the state an entity is already in changes nothing.
    """
    _HANDLERS[type(event)](snapshot, event)


def fold(events: Iterable[Event]) -> Snapshot:
    """Return the snapshot that `events`, in order, describe."""
    snapshot = Snapshot()
    for event in events:
        apply(snapshot, event)
    return snapshot


def _created(snapshot: Snapshot, event: ExecutionCreated) -> None:
    if snapshot.execution is not None:
        raise BugError(f"execution {event.execution_id} was created twice")
    snapshot.counts = {TaskState.PENDING.text: len(event.step_ids)}
    snapshot.execution = Execution(
        execution_id=event.execution_id,
        workflow_id=event.workflow_id,
        mission_name=event.mission_name,
        mission_digest=event.mission_digest,
        state=ExecutionState.PENDING,
        reason_code=Reason.CREATED,
        created_at=event.at,
        updated_at=event.at,
        actor=event.actor,
        params=event.params,
        source_path=event.source_path,
        working_dir=event.working_dir,
        parent_execution_id=event.parent_execution_id,
        parent_task_id=event.parent_task_id,
        parent_attempt=event.parent_attempt,
        retry_of=event.retry_of,
        rerun_of=event.rerun_of,
        run_key=event.run_key,
        parallel_limit=event.parallel_limit,
        retry_scope=event.retry_scope,
        forced=event.forced,
        breakpoints=event.breakpoints,
        labels=event.labels,
        title=event.title,
        keep_going=event.keep_going,
        run_number=event.run_number,
        counts=snapshot.counts,
    )
    snapshot.tasks = {
        task_id: TaskRun(
            execution_id=event.execution_id,
            task_id=task_id,
            position=position,
            state=TaskState.PENDING,
            reason_code=Reason.DEPS_PENDING,
            updated_at=event.at,
            attempt=event.attempt_base.get(task_id, 0),
        )
        for position, task_id in enumerate(event.step_ids)
    }
    snapshot._touched_execution = True
    snapshot._touched_tasks = dict.fromkeys(snapshot.tasks)


def _execution_changed(snapshot: Snapshot, event: ExecutionStateChanged) -> None:
    before = snapshot.current
    _expect(before.state, event.from_state, event.to_state, event.execution_id)
    if before.state is event.to_state and before.reason_code is not Reason.QUEUED:
        return  # what waits for its turn stays PAUSED when its runner is lost, but waits no more
    started = before.started_at
    if started is None and event.to_state is ExecutionState.RUNNING:
        started = event.at
    snapshot.execution = replace(
        before,
        state=event.to_state,
        reason_code=event.reason_code,
        message=event.message,
        started_at=started,
        ended_at=event.at if is_terminal(event.to_state) else None,
        duration_us=event.duration_us,
        updated_at=event.at,
    )
    if is_terminal(event.to_state):  # nothing is held back any more
        snapshot.execution = replace(
            snapshot.execution, breaker=BreakerState.CLOSED, breaker_message=None
        )
    snapshot._touched_execution = True


def _cancel_requested(snapshot: Snapshot, event: CancelRequested) -> None:
    before = snapshot.current
    if before.cancel_requested_at is not None:
        return
    snapshot.execution = replace(
        before,
        cancel_requested_at=event.at,
        cancel_requested_by=event.actor,
        updated_at=event.at,
    )
    snapshot._touched_execution = True


def _breaker_changed(snapshot: Snapshot, event: BreakerChanged) -> None:
    is_closed = event.state is BreakerState.CLOSED
    snapshot.execution = replace(
        snapshot.current,
        breaker=event.state,
        breaker_message=None if is_closed else event.message,
        updated_at=event.at,
    )
    snapshot._touched_execution = True


def _breakpoint_changed(snapshot: Snapshot, event: BreakpointChanged) -> None:
    before = snapshot.current
    others = [step for step in before.breakpoints or () if step != event.task_id]
    if event.change is BreakpointChange.SET:
        others.append(event.task_id)
    snapshot.execution = replace(before, breakpoints=tuple(others) or None, updated_at=event.at)
    snapshot._touched_execution = True


def _task_changed(snapshot: Snapshot, event: TaskStateChanged) -> None:
    before = snapshot.tasks[event.task_id]
    _expect(before.state, event.from_state, event.to_state, event.task_id)
    if before.state is event.to_state:
        return
    latest = snapshot.attempt(event.task_id)
    outputs, error = before.outputs, before.error
    ended = event.at if is_terminal(event.to_state) else before.ended_at
    if is_terminal(before.state):  # a user's retry reopened it
        outputs = error = ended = None
    elif latest is not None and event.from_state in _IN_ATTEMPT:
        outputs, error = latest.outputs, latest.error
    _put_task(
        snapshot,
        before,
        TaskRun(  # field by field: `replace` takes five times as long, twice a step
            execution_id=before.execution_id,
            task_id=before.task_id,
            position=before.position,
            state=event.to_state,
            reason_code=event.reason_code,
            updated_at=event.at,
            message=event.message,
            attempt=before.attempt,
            ready_at=event.at if event.to_state is TaskState.READY else before.ready_at,
            started_at=before.started_at,
            ended_at=ended,
            resume_at=event.resume_at,
            inputs=None if before.is_armed else before.inputs,
            outputs=outputs if event.outputs is None else event.outputs,
            error=error,
            reused_from=before.reused_from if event.reused_from is None else event.reused_from,
            parent_task_id=before.parent_task_id,
            item=before.item,
            attempt_started_at=before.attempt_started_at,
            attempt_ended_at=before.attempt_ended_at,
            attempt_duration_us=before.attempt_duration_us,
            duration_us=event.duration_us,
        ),
    )
    if event.reason_code is Reason.NOT_SELECTED:
        _set_coverage(snapshot, Coverage.SUBSET)
    elif before.reason_code is Reason.NOT_SELECTED:  # a user's retry includes it after all
        left_out = (task.reason_code is Reason.NOT_SELECTED for task in snapshot.tasks.values())
        _set_coverage(snapshot, Coverage.SUBSET if any(left_out) else Coverage.FULL)


def _set_coverage(snapshot: Snapshot, coverage: Coverage) -> None:
    if snapshot.current.coverage is not coverage:
        snapshot.execution = replace(snapshot.current, coverage=coverage)
        snapshot._touched_execution = True


def _expanded(snapshot: Snapshot, event: StepExpanded) -> None:
    before = snapshot.tasks[event.task_id]
    _expect(before.state, event.from_state, TaskState.RUNNING, event.task_id)
    _put_task(
        snapshot,
        before,
        replace(
            before,
            state=TaskState.RUNNING,
            reason_code=event.reason_code,
            message=f"{len(event.items)} items",
            started_at=event.at,
            updated_at=event.at,
        ),
    )
    first = len(snapshot.tasks)
    for index, item in enumerate(event.items):
        task = TaskRun(
            execution_id=event.execution_id,
            task_id=item_task_id(event.task_id, index),
            position=first + index,
            state=TaskState.PENDING,
            reason_code=Reason.DEPS_PENDING,
            updated_at=event.at,
            parent_task_id=event.task_id,
            item=item,
        )
        snapshot.tasks[task.task_id] = task
        snapshot._touched_tasks[task.task_id] = None
    if event.items:
        pending = TaskState.PENDING.text
        for counts in (snapshot.counts, snapshot.item_counts):
            counts[pending] = counts.get(pending, 0) + len(event.items)


def _attempt_armed(snapshot: Snapshot, event: AttemptArmed) -> None:
    if event.ready is not None:
        _task_changed(snapshot, readiness_part(event, event.ready))
    before = snapshot.tasks[event.task_id]
    if before.state is not TaskState.READY or before.attempt or event.attempt != 1:
        raise BugError(f"{event.task_id}: attempt {event.attempt} cannot be armed")
    _put_task(
        snapshot,
        before,
        replace(before, reason_code=Reason.ARMED, inputs=event.inputs, updated_at=event.at),
    )


def _attempt_disarmed(snapshot: Snapshot, event: AttemptDisarmed) -> None:
    before = snapshot.tasks[event.task_id]
    if not before.is_armed:
        raise BugError(f"{event.task_id}: attempt {event.attempt} was not armed")
    _put_task(
        snapshot,
        before,
        replace(before, reason_code=Reason.DEPS_MET, inputs=None, updated_at=event.at),
    )


def _attempt_started(snapshot: Snapshot, event: AttemptStarted) -> None:
    if event.ready is not None:
        _task_changed(snapshot, readiness_part(event, event.ready))
    before = snapshot.tasks[event.task_id]
    _expect(before.state, event.from_state, TaskState.RUNNING, event.task_id)
    tries = snapshot.attempts.get(event.task_id, ())
    if tries and not is_terminal(tries[-1].state):
        raise BugError(f"{event.task_id}: attempt {event.attempt} began while another ran")
    if before.attempt and event.attempt != before.attempt + 1:
        raise BugError(f"{event.task_id}: attempt {event.attempt} follows {before.attempt}")
    attempt = Attempt(
        execution_id=event.execution_id,
        task_id=event.task_id,
        attempt=event.attempt,
        state=AttemptState.RUNNING,
        reason_code=event.reason_code,
        started_at=event.at,
        inputs=event.inputs,
    )
    snapshot.attempts[event.task_id] = (*tries, attempt)
    snapshot._touched_attempts[event.task_id, len(tries) + 1] = None
    _put_task(
        snapshot,
        before,
        TaskRun(
            execution_id=before.execution_id,
            task_id=before.task_id,
            position=before.position,
            state=TaskState.RUNNING,
            reason_code=event.reason_code,
            updated_at=event.at,
            attempt=event.attempt,
            ready_at=before.ready_at,
            started_at=event.at if before.started_at is None else before.started_at,
            inputs=event.inputs,
            parent_task_id=before.parent_task_id,
            item=before.item,
            attempt_started_at=event.at,
        ),
    )


def _attempt_placed(snapshot: Snapshot, event: AttemptPlaced) -> None:
    tries = snapshot.attempts.get(event.task_id, ())
    if not tries or tries[-1].attempt != event.attempt or is_terminal(tries[-1].state):
        raise BugError(f"{event.task_id}: attempt {event.attempt} was placed but does not run")
    where = {"host": event.host, "worker": event.worker}
    snapshot.attempts[event.task_id] = (*tries[:-1], replace(tries[-1], placement=where))
    snapshot._touched_attempts[event.task_id, len(tries)] = None


def _attempt_ended(snapshot: Snapshot, event: AttemptEnded) -> None:
    if event.started is not None:
        before = snapshot.tasks[event.task_id]
        if not before.is_armed:
            raise BugError(f"{event.task_id}: attempt {event.attempt} was not armed")
        start = start_part(event, event.started, before.inputs or EMPTY)
        _attempt_started(snapshot, start)
    _end_attempt(snapshot, event)
    if event.step is not None:
        _task_changed(snapshot, end_part(event, event.step))


def _end_attempt(snapshot: Snapshot, event: AttemptEnded) -> None:
    tries = snapshot.attempts.get(event.task_id, ())
    if not tries or tries[-1].attempt != event.attempt:
        raise BugError(f"{event.task_id}: attempt {event.attempt} ended but is not the latest")
    before = tries[-1]
    check_transition(before.state, event.to_state, subject=f"{event.task_id} #{event.attempt}")
    if before.state is event.to_state:
        return
    after = Attempt(
        execution_id=before.execution_id,
        task_id=before.task_id,
        attempt=before.attempt,
        state=event.to_state,
        reason_code=event.reason_code,
        started_at=before.started_at,
        message=event.message,
        ended_at=event.at,
        duration_us=event.duration_us,
        exit_code=event.exit_code,
        inputs=before.inputs,
        outputs=event.outputs,
        error=event.error,
        log_entry_count=event.log_entry_count,
        log_bytes=event.log_bytes,
        log_dropped_bytes=event.log_dropped_bytes,
        log_digest=event.log_digest,
        census=event.census,
        resources=event.resources,
        placement=before.placement if event.placement is None else event.placement,
        artifacts=event.artifacts,
    )
    snapshot.attempts[event.task_id] = (*tries[:-1], after)
    task = snapshot.tasks[event.task_id]
    snapshot.tasks[event.task_id] = replace(
        task, attempt_ended_at=event.at, attempt_duration_us=event.duration_us
    )
    snapshot._touched_attempts[event.task_id, len(tries)] = None
    if event.log_entry_count:
        execution = snapshot.current
        snapshot.execution = replace(
            execution,
            log_entry_count=execution.log_entry_count + event.log_entry_count,
            updated_at=event.at,
        )
        snapshot._touched_execution = True


def _ignored(_snapshot: Snapshot, _event: Noted | OpaqueEvent) -> None:
    """Leave the snapshot: neither a note nor an event of an unknown type changes a state."""


def _put_task(snapshot: Snapshot, before: TaskRun, after: TaskRun) -> None:
    snapshot.tasks[after.task_id] = after
    snapshot._touched_tasks[after.task_id] = None
    source, target = before.state.text, after.state.text
    _move(snapshot.counts, source, target)
    if after.parent_task_id is not None:
        _move(snapshot.item_counts, source, target)


def _move(counts: dict[str, int], source: str, target: str) -> None:
    left = counts[source] - 1
    if left:
        counts[source] = left
    else:
        del counts[source]
    counts[target] = counts.get(target, 0) + 1


def _expect(found: Any, claimed: Any, target: Any, subject: str) -> None:
    check_transition(found, target, subject=subject)
    if found is not claimed and found is not target:
        raise BugError(f"{subject}: event says it was {claimed}, it was {found}")


_IN_ATTEMPT = frozenset({TaskState.RUNNING, TaskState.WAITING})

_HANDLERS: Mapping[type[Event], Callable[[Snapshot, Any], None]] = {
    ExecutionCreated: _created,
    ExecutionStateChanged: _execution_changed,
    CancelRequested: _cancel_requested,
    BreakerChanged: _breaker_changed,
    BreakpointChanged: _breakpoint_changed,
    TaskStateChanged: _task_changed,
    AttemptArmed: _attempt_armed,
    AttemptDisarmed: _attempt_disarmed,
    AttemptStarted: _attempt_started,
    AttemptPlaced: _attempt_placed,
    AttemptEnded: _attempt_ended,
    StepExpanded: _expanded,
    Noted: _ignored,
    OpaqueEvent: _ignored,
}
