"""The status of a step for the graph, tree and Gantt: state, attempts and their times."""

from dataclasses import dataclass

from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState
from tui.words.numbers import elapsed


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A step's state as the canvases draw it. Instants in nanoseconds since the epoch."""

    state: TaskState = TaskState.PENDING
    attempt: int = 0
    max_attempts: int = 1
    reason: Reason | None = None
    started_at: int | None = None
    ended_at: int | None = None
    resume_at: int | None = None
    took_us: int | None = None
    """The duration by the monotonic clock in microseconds, if it was measured."""

    def seconds(self, now: int) -> float | None:
        """Return the duration so far, in seconds; None before the start."""
        return elapsed(self.started_at, self.ended_at, now, self.took_us)


IDLE = NodeStatus()


def status_of(run: TaskRun, max_attempts: int = 1) -> NodeStatus:
    """Build the status of a task run."""
    return NodeStatus(
        run.state,
        run.attempt,
        max_attempts,
        run.reason_code,
        run.worked_from,
        run.worked_until,
        run.resume_at,
        run.worked_us,
    )


def as_status(value: TaskState | NodeStatus) -> NodeStatus:
    """Convert a bare state to a status; return a status unchanged."""
    return value if isinstance(value, NodeStatus) else NodeStatus(value)
