"""Whether an end is about to have company: one commit can then carry several.

A commit costs the same for one step as for four. Where attempts last shorter than that, those that
were started together end together, and the first of them waits a moment for the others. The idea
is that of PostgreSQL's `commit_delay`. Where all attempts last longer nobody waits.
"""

SPAN_SECONDS = 0.005
"""How long an attempt may have lasted to count as short; no commit waits longer for another end."""


class Company:
    """Knows when the running attempts began. Times are the event loop's, in seconds."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}  # in the order of beginning
        self._had_short_end = False

    def began(self, task_id: str, now: float) -> None:
        """Remember that an attempt began."""
        self._began[task_id] = now

    def ended(self, task_id: str, now: float) -> None:
        """Take note of its end."""
        began = self._began.pop(task_id, None)
        if began is not None and now - began < SPAN_SECONDS:
            self._had_short_end = True

    def expected_until(self, now: float) -> float | None:
        """Return until when another end is worth waiting for, None when there is none to come."""
        if not self._had_short_end or not self._began:
            return None
        until = next(reversed(self._began.values())) + SPAN_SECONDS
        return until if until > now else None

    def leave(self) -> None:
        """Forget what has ended: it goes into the next commit."""
        self._had_short_end = False
