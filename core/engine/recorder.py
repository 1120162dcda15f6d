"""The engine's pen: makes events, folds them, tells the planner, and gathers the next batch."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from core.domain.events import (
    ENGINE,
    AttemptStarted,
    Event,
    ExecutionStateChanged,
    Noted,
    StepExpanded,
    TaskStateChanged,
)
from core.domain.fold import Snapshot, apply
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.machine.stopwatch import Stopwatch
from core.planning.planner import Planner
from core.ports.clock import Clock
from core.ports.control import Request, RequestOutcome
from core.ports.journal import Batch

_BEGINNING = (AttemptStarted, StepExpanded, ExecutionStateChanged)


class Recorder:
    """Everything that happens to one execution goes through `emit`, in order."""

    def __init__(self, snapshot: Snapshot, planner: Planner, clock: Clock) -> None:
        self.snapshot = snapshot
        self._planner = planner
        self._clock = clock
        self._events: list[Event] = []
        self._outcomes: list[RequestOutcome] = []
        self.stopwatch = Stopwatch()

    def emit(self, event: Event) -> None:
        """Fold an event, let the planner see it, keep it for the next batch."""
        apply(self.snapshot, event)
        if isinstance(event, _BEGINNING):
            self._began(event)
        self._planner.observe(event)
        self._events.append(event)

    def emit_planned(self, event: TaskStateChanged) -> None:
        """Emit a transition that the planner decided, with how long an ended task run took."""
        if is_terminal(event.to_state):
            took = self.stopwatch.task_us(event.task_id)
            if took is not None:
                event = replace(event, duration_us=took)
        self.emit(event)

    def _began(self, event: AttemptStarted | StepExpanded | ExecutionStateChanged) -> None:
        """Take note of what begins with an event that was folded."""
        if isinstance(event, AttemptStarted):
            is_first = self.snapshot.tasks[event.task_id].started_at == event.at
            self.stopwatch.attempt_began(event.task_id, is_first=is_first)
        elif isinstance(event, StepExpanded):
            self.stopwatch.task_began(event.task_id)
        elif self.snapshot.current.started_at == event.at:
            self.stopwatch.execution_began()

    @property
    def pending(self) -> int:
        """How many events wait for the next batch."""
        return len(self._events)

    def take_batch(self, *, finalize: bool = False) -> Batch | None:
        """Return what was emitted since the last call with the records it touched, or None."""
        if not self._events:
            return None
        events, self._events = self._events, []
        outcomes, self._outcomes = self._outcomes, []
        return Batch(
            execution_id=self.snapshot.current.execution_id,
            events=events,
            changes=self.snapshot.take_changes(),
            finalize=finalize,
            outcomes=outcomes,
        )

    def settle(self, request: Request, refusal: str | None = None) -> None:
        """Record what came of a request, with the events of this batch: done, or why refused."""
        if request.request_id:  # a signal has none
            self._outcomes.append(
                RequestOutcome(request_id=request.request_id, done=refusal is None, why=refusal)
            )

    def move(
        self,
        state: ExecutionState,
        reason: Reason,
        message: str | None = None,
        *,
        actor: str = ENGINE,
    ) -> None:
        """Record a transition of the execution."""
        execution = self.snapshot.current
        self.emit(
            ExecutionStateChanged(
                at=self._clock.now(),
                execution_id=execution.execution_id,
                actor=actor,
                from_state=execution.state,
                to_state=state,
                reason_code=reason,
                message=message,
                duration_us=self.stopwatch.execution_us() if is_terminal(state) else None,
            )
        )

    def change(
        self,
        task_id: str,
        state: TaskState,
        reason: Reason,
        message: str | None,
        *,
        resume_at: int | None = None,
        actor: str = ENGINE,
    ) -> None:
        """Record a transition of a task run."""
        task = self.snapshot.tasks[task_id]
        self.emit(
            TaskStateChanged(
                at=self._clock.now(),
                execution_id=task.execution_id,
                actor=actor,
                task_id=task_id,
                from_state=task.state,
                to_state=state,
                reason_code=reason,
                message=message,
                resume_at=resume_at,
                duration_us=self.stopwatch.task_us(task_id) if is_terminal(state) else None,
            )
        )

    def note(
        self,
        kind: str,
        facts: Mapping[str, Any] = EMPTY,
        *,
        task_id: str | None = None,
        actor: str = ENGINE,
    ) -> None:
        """Record something that changes no state."""
        self.emit(
            Noted(
                at=self._clock.now(),
                execution_id=self.snapshot.current.execution_id,
                actor=actor,
                kind=kind,
                task_id=task_id,
                facts=facts,
            )
        )
