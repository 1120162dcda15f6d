"""Holds steps back while the circuit breaker does not admit their attempts.

Handlers are not held back: they clean up and notify, which may be what ends the shortage. Steps
that wait are WAITING with RESOURCE_EXHAUSTED and hold no slot. As many are held as could have
started, the others stay READY: a shortage among 100,000 ready steps is not 100,000 events.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from core.domain.breaker_policy import BreakerPolicy
from core.domain.breaker_state import BreakerState
from core.domain.events import BreakerChanged
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.engine.engine_recorder import EngineRecorder
from core.planning.breaker import Breaker, BreakerChange
from core.planning.planner import Planner
from core.ports.clock import Clock
from core.value.duration import duration_text


class Starved(Struct, frozen=True):
    """A step has been held back for as long as it may be, since an instant of the event loop."""

    task_id: str
    since: float


class BreakerGate:
    """Asked before every start. `later` posts a `Starved` after so many seconds."""

    def __init__(
        self,
        breaker: Breaker,
        policy: BreakerPolicy,
        recorder: EngineRecorder,
        planner: Planner,
        clock: Clock,
        later: Callable[[float, Starved], None],
    ) -> None:
        self._breaker = breaker
        self._max_wait_seconds = policy.max_wait_seconds
        self._recorder = recorder
        self._planner = planner
        self._clock = clock
        self._later = later
        self._held: dict[str, float] = {}
        """Since when each waits, by the event loop; in the order in which they would start."""

    @property
    def admits(self) -> bool:
        """Whether an attempt may start now."""
        return self._breaker.admits

    @property
    def is_closed(self) -> bool:
        """Whether nothing is held back."""
        return self._breaker.state is BreakerState.CLOSED

    def begin(self) -> None:
        """Take over the steps that an earlier runner held back.

        Their time counts anew: who resumes a mission has perhaps just ended the shortage.
        """
        for task in self._recorder.snapshot.tasks.values():
            if task.state is TaskState.WAITING and task.reason_code is Reason.RESOURCE_EXHAUSTED:
                self._hold(task.task_id)
        if self._recorder.snapshot.current.breaker is not self._breaker.state:
            return  # a change that lets them go is about to be taken in
        if self._breaker.state is BreakerState.CLOSED:
            self._release_all()
        elif self._breaker.state is BreakerState.HALF_OPEN:
            self._release_one()

    def hold_back(self) -> bool:
        """Let the next step that could start wait; False when there is none, or enough wait."""
        if len(self._held) >= self._planner.parallel_limit:
            self._held = {one: since for one, since in self._held.items() if self._is_held(one)}
        if len(self._held) >= self._planner.parallel_limit:
            return False
        task_id = self._planner.next_start()
        if task_id is None:
            return False
        self._recorder.change(
            task_id, TaskState.WAITING, Reason.RESOURCE_EXHAUSTED, self._breaker.message
        )
        self._hold(task_id)
        return True

    def attempt_started(self, task_id: str) -> None:
        """Take note of an attempt that was let through."""
        if self._breaker.state is not BreakerState.CLOSED:
            self._breaker.attempt_started(task_id, asyncio.get_running_loop().time())

    def attempt_ended(self, task_id: str) -> None:
        """Take note of the end of an attempt."""
        self._breaker.attempt_ended(task_id)

    def changed(self, change: BreakerChange) -> None:
        """Record a change of the breaker, and let go what it admits."""
        self._recorder.emit(
            BreakerChanged(
                at=self._clock.now(),
                execution_id=self._recorder.snapshot.current.execution_id,
                state=change.state,
                message=change.message,
            )
        )
        if change.state is BreakerState.HALF_OPEN:
            self._release_one()
        elif change.state is BreakerState.CLOSED:
            self._release_all()

    def starved(self, starved: Starved) -> None:
        """Let a step fail that has waited for too long.

        One of a paused mission waits on, and so does one whose shortage is over.
        """
        task_id = starved.task_id
        if self._held.get(task_id) != starved.since or not self._is_held(task_id):
            return  # it was let go in the meantime, or ended by a cancel
        is_paused = self._recorder.snapshot.current.state is ExecutionState.PAUSED
        if is_paused or not self._breaker.is_short:
            self._hold(task_id)
            return
        del self._held[task_id]
        waited = duration_text(self._max_wait_seconds)
        self._recorder.change(
            task_id,
            TaskState.FAILED,
            Reason.RESOURCE_EXHAUSTED,
            f"waited {waited}: {self._breaker.message}",
        )

    def _hold(self, task_id: str) -> None:
        since = self._held[task_id] = asyncio.get_running_loop().time()
        self._later(self._max_wait_seconds, Starved(task_id, since))

    def _is_held(self, task_id: str) -> bool:
        """Tell whether a step still waits: a cancel, or a stop, may have ended it."""
        task = self._recorder.snapshot.tasks[task_id]
        return task.state is TaskState.WAITING and task.reason_code is Reason.RESOURCE_EXHAUSTED

    def _release_one(self) -> bool:
        """Let the first step go that still waits; False when there is none."""
        while self._held:
            task_id = next(iter(self._held))
            del self._held[task_id]
            if self._is_held(task_id):
                message = "the shortage is over"
                self._recorder.change(task_id, TaskState.READY, Reason.DEPS_MET, message)
                return True
        return False

    def _release_all(self) -> None:
        while self._release_one():
            pass
