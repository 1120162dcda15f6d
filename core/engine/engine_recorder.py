"""Records events of a running execution: fold, notify the planner, buffer for the next batch."""

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
from core.domain.fold import Snapshot
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.machine.stopwatch import Stopwatch
from core.planning.planner import Planner
from core.ports.clock import Clock
from core.ports.journal import Journal
from core.ports.secrets import Mask
from core.recording.recorder import Recorder

_STARTS = (AttemptStarted, StepExpanded, ExecutionStateChanged)


class EngineRecorder(Recorder):
    """A recorder that keeps the planner informed and measures durations."""

    def __init__(
        self,
        snapshot: Snapshot,
        journal: Journal,
        planner: Planner,
        clock: Clock,
        mask: Mask | None = None,
    ) -> None:
        super().__init__(snapshot, journal, mask)
        self._planner = planner
        self._clock = clock
        self.stopwatch = Stopwatch()

    def now(self) -> int:
        """Return the time for an event that happens now, in nanoseconds since the epoch."""
        return self._clock.now()

    def emit(self, event: Event) -> None:
        """Fold an event, buffer it for the next batch and notify the planner."""
        super().emit(event)
        if isinstance(event, _STARTS):
            self._start_measuring(event)
        self._planner.observe(event)

    def emit_planned(self, event: TaskStateChanged) -> None:
        """Emit a transition that the planner decided, with the duration of a task run that ends."""
        if is_terminal(event.to_state):
            took = self.stopwatch.task_us(event.task_id)
            if took is not None:
                event = replace(event, duration_us=took)
        self.emit(event)

    def _start_measuring(
        self, event: AttemptStarted | StepExpanded | ExecutionStateChanged
    ) -> None:
        """Measure the duration of what starts with an event that was folded."""
        if isinstance(event, AttemptStarted):
            is_first = self.snapshot.tasks[event.task_id].started_at == event.at
            self.stopwatch.attempt_began(event.task_id, is_first=is_first)
        elif isinstance(event, StepExpanded):
            self.stopwatch.task_began(event.task_id)
        elif self.snapshot.current.started_at == event.at:
            self.stopwatch.execution_began()

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
        at: int | None = None,
        loop_time: float | None = None,
    ) -> None:
        """Record a transition of a task run that happens now, or `at` (`loop_time`)."""
        task = self.snapshot.tasks[task_id]
        self.emit(
            TaskStateChanged(
                at=self._clock.now() if at is None else at,
                execution_id=task.execution_id,
                actor=actor,
                task_id=task_id,
                from_state=task.state,
                to_state=state,
                reason_code=reason,
                message=message,
                resume_at=resume_at,
                duration_us=(
                    self.stopwatch.task_us(task_id, loop_time) if is_terminal(state) else None
                ),
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
