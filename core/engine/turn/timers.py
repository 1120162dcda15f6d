"""The timers of one execution: backoffs, the mission's deadline, what is held back, shared slots.

A timer that has run out posts a happening; what follows from that is decided in the engine's turn.
"""

import asyncio
from collections.abc import Callable

from core.domain.reasons import Reason
from core.domain.states import TaskState
from core.engine.breaker_gate import Starved
from core.engine.engine_recorder import EngineRecorder
from core.engine.turn.happening import DeadlinePassed, Happening, SlotsTight, Woken
from core.ports.clock import Clock

SLOT_POLL_SECONDS = 0.1

_WOKEN = {
    Reason.BACKOFF: "the backoff is over",
    Reason.REPEATING: "it is repeated",
    Reason.WORKER_LOST: "the attempt that was lost is repeated",
    Reason.UNPLACEABLE: "a worker is looked for again",
    Reason.CLUSTER_LOST: "the cluster is tried again",
}
"""What a task run waits for with a timer, and what is said when the time has come."""

_SLOTS = "(slots)"
_DEADLINE = "(deadline)"
"""Keys of timers that belong to no step; step ids hold no parentheses."""


class Timers:
    """At most one timer for each purpose; a new one takes the place of the one before."""

    def __init__(
        self, recorder: EngineRecorder, clock: Clock, post: Callable[[Happening], None]
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._post = post
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def resume_waits(self) -> None:
        """Start the timers of task runs that wait already, for the rest of their time."""
        for task in self._recorder.snapshot.tasks.values():
            if task.state is TaskState.WAITING and task.resume_at is not None:
                whole = task.resume_at - task.updated_at
                # The clock may have been set back.
                left = min(task.resume_at - self._clock.now(), whole)
                self.wake(task.task_id, max(0, left) / 1e9)

    def wake(self, task_id: str, seconds: float) -> None:
        """Post `Woken` of a task run after its pause."""
        self._later(seconds, Woken(task_id), task_id)

    def woken(self, task_id: str) -> None:
        """Make a task run READY that has waited for a timer and still does."""
        self._timers.pop(task_id, None)
        task = self._recorder.snapshot.tasks[task_id]
        if task.state is not TaskState.WAITING:
            return
        message = _WOKEN.get(task.reason_code)
        if message is not None:
            self._recorder.change(task_id, TaskState.READY, task.reason_code, message)

    def starve(self, seconds: float, starved: Starved) -> None:
        """Post that a step has been held back for as long as it may be."""
        self._later(seconds, starved, f"(held) {starved.task_id}")

    def poll_slots(self) -> None:
        """Post `SlotsTight` soon, unless that is under way."""
        if _SLOTS not in self._timers:
            self._later(SLOT_POLL_SECONDS, SlotsTight(), _SLOTS)

    def slots_polled(self) -> None:
        """Let `poll_slots` start another timer."""
        self._timers.pop(_SLOTS, None)

    def start_deadline(self, seconds: float | None) -> None:
        """Let the mission's deadline count from its start, whoever ran it and whether anybody did.

        One that has passed is posted at once, so that it is taken in before anything starts.
        """
        if seconds is None:
            return
        started_at = self._recorder.snapshot.current.started_at
        used = 0.0 if started_at is None else max(0, self._clock.now() - started_at) / 1e9
        if used < seconds:
            self._later(seconds - used, DeadlinePassed(), _DEADLINE)
        else:
            self._post(DeadlinePassed())

    def close(self) -> None:
        """Cancel all timers."""
        for timer in self._timers.values():
            timer.cancel()

    def _later(self, seconds: float, happening: Happening, key: str) -> None:
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(seconds, self._post, happening)
