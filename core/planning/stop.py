"""Stopping an execution's steps: the strongest reason for it, and the sweep over what is unsettled.

A sweep visits every task run of the steps once; attempts under way are cancelled by the engine.
"""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from core.domain.reasons import Reason

HALTING = frozenset({Reason.SECURITY_VIOLATION, Reason.POLICY_VIOLATION})
"""Failures that stop the execution whatever `fail_fast` and `continue_on_error` say."""

_STRENGTH = {
    Reason.FAIL_FAST: 0,
    Reason.MISSION_TIMEOUT: 1,
    Reason.USER_CANCELLED: 2,
    Reason.RESOURCE_EXHAUSTED: 3,
    Reason.POLICY_VIOLATION: 4,
    Reason.SECURITY_VIOLATION: 5,
}


class Stop(Struct, frozen=True):
    """Why nothing more is started. The strongest reason wins, see `StopSweep.begin`."""

    reason: Reason
    message: str


class StopSweep:
    """The stop in force, if any, and the task runs it has still to settle."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self._unswept: deque[str] = deque()
        self._has_ended_something = False

    @property
    def is_done(self) -> bool:
        """Tell whether no task run is left to be visited."""
        return not self._unswept

    @property
    def effective(self) -> Stop | None:
        """The stop that at least one task run ended for; None when everything ended by itself."""
        return self.stop if self._has_ended_something else None

    def begin(self, reason: Reason, message: str, task_ids: Iterable[str]) -> None:
        """Stop for `reason` and visit `task_ids`, unless a stop at least as strong is in force."""
        if self.stop is None or _STRENGTH[reason] > _STRENGTH[self.stop.reason]:
            self.stop = Stop(reason, message)
            self._unswept = deque(task_ids)

    def end(self) -> None:
        """Lift the stop: the steps have ended and the handlers run."""
        self.stop = None
        self._unswept.clear()

    def pop(self) -> str | None:
        """Return the next task run to visit, None when there is none left."""
        return self._unswept.popleft() if self._unswept else None

    def note_end(self, reason: Reason) -> None:
        """Record the reason for which a task run ended."""
        if self.stop is not None and reason is self.stop.reason:
            self._has_ended_something = True
