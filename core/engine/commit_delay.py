"""Group commit: how long to delay a commit so that attempts about to end share it.

A commit costs about the same for one step as for four. Short attempts that were started together
end together, so the first of them waits briefly for the others, as PostgreSQL's `commit_delay`
does. When every attempt lasts longer than the delay, no commit is delayed.
"""

MAX_DELAY_SECONDS = 0.005
"""The longest wait for another end, and the duration below which an attempt counts as short."""


class CommitDelay:
    """Tracks the start of each running attempt. Times are the event loop's, in seconds."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}  # in the order of starting
        self._has_short_end = False
        self._first_end: float | None = None

    def attempt_started(self, task_id: str, now: float) -> None:
        """Record the start of an attempt."""
        self._started[task_id] = now

    def attempt_ended(self, task_id: str, now: float) -> float | None:
        """Record the end of an attempt; return how long it took, None if its start is unknown."""
        if self._first_end is None:
            self._first_end = now
        started = self._started.pop(task_id, None)
        if started is None:
            return None
        if now - started < MAX_DELAY_SECONDS:
            self._has_short_end = True
        return now - started

    def deadline(self, now: float) -> float | None:
        """Return until when to delay the commit; None to commit at once."""
        if not self._has_short_end or not self._started:
            return None
        until = next(reversed(self._started.values())) + MAX_DELAY_SECONDS
        return until if until > now else None

    def deadline_while_starts_go_on(self, now: float) -> float | None:
        """Return until when to delay the commit although no slot waits for it; None to commit."""
        if self._first_end is None:
            return None
        until = self._first_end + MAX_DELAY_SECONDS
        return until if until > now else None

    def reset(self) -> None:
        """Forget the attempts that ended: the commit that follows contains them."""
        self._has_short_end = False
        self._first_end = None
