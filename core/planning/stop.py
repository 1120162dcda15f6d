"""Stopping an execution's steps: the strongest reason for it, and the sweep over what is unsettled.

A sweep visits every task run of the steps once; attempts under way are cancelled by the engine.
"""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from core.domain.reasons import VIOLATIONS, Reason

HALTING = VIOLATIONS
"""Failures that stop the execution whatever `fail_fast` and `continue_on_error` say."""

_GENTLE = frozenset({Reason.FINISHED})
"""Stops after which what has started goes on to its end, with its retries and items."""

BEFORE_THE_STEPS = frozenset({Reason.PRECONDITION_UNMET, Reason.PRECONDITION_ERROR})
"""Stops by the preconditions of the mission: no step has started."""

WITHOUT_HANDLERS = HALTING | {Reason.PRECONDITION_UNMET}
"""Ends after which no handler runs."""

_STRENGTH = {
    Reason.FINISHED: -1,
    Reason.FAIL_FAST: 0,
    Reason.MISSION_TIMEOUT: 1,
    Reason.GROUP_TAKEN: 1,
    Reason.PRECONDITION_UNMET: 1,
    Reason.PRECONDITION_ERROR: 1,
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
        self._begun: dict[Reason, Stop] = {}
        self._ended_for: set[Reason] = set()

    @property
    def is_done(self) -> bool:
        """Tell whether no task run is left to be visited."""
        return not self._unswept

    @property
    def is_gentle(self) -> bool:
        """Tell whether the stop in force leaves alone what has started."""
        return self.stop is not None and self.stop.reason in _GENTLE

    @property
    def effective(self) -> Stop | None:
        """The strongest stop that at least one task run ended for; None if all ended by themselves.

        That need not be the stop in force: a person may cancel what a deadline is already ending.
        """
        ended = (self._begun[reason] for reason in self._ended_for)
        return max(ended, key=lambda stop: _STRENGTH[stop.reason], default=None)

    def begin(self, reason: Reason, message: str, task_ids: Iterable[str]) -> None:
        """Stop for `reason` and visit `task_ids`, unless a stop at least as strong is in force."""
        stop = self._begun.setdefault(reason, Stop(reason, message))
        if self.stop is None or _STRENGTH[reason] > _STRENGTH[self.stop.reason]:
            self.stop = stop
            self._unswept = deque(task_ids)

    def end(self) -> None:
        """Lift the stop: the steps have ended and the handlers run."""
        self.stop = None
        self._unswept.clear()
        self._begun.clear()
        self._ended_for.clear()

    def pop(self) -> str | None:
        """Return the next task run to visit, None when there is none left."""
        return self._unswept.popleft() if self._unswept else None

    def note_end(self, reason: Reason) -> None:
        """Record the reason for which a task run ended."""
        if reason in self._begun:
            self._ended_for.add(reason)
