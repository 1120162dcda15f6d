"""How urgently a step needs attention. Plain data; knows no widgets."""

from enum import IntEnum

from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState


class Bucket(IntEnum):
    """How urgently a step needs attention, the most urgent first."""

    NEEDS_YOU = 0
    """It waits for an approval."""
    FAILED = 1
    RUNNING = 2
    RETRYING = 3
    WAITING = 4
    QUEUED = 5
    PENDING = 6
    CANCELLED = 7
    SKIPPED = 8
    DONE = 9

    @property
    def word(self) -> str:
        """The name as it is written in a filter."""
        return self.name.lower().replace("_", "-")


ENDED = (Bucket.CANCELLED, Bucket.SKIPPED, Bucket.DONE)
"""The buckets of what has ended and asks for nothing."""
FOLDED = (Bucket.QUEUED, Bucket.PENDING, *ENDED)
"""The buckets that a list folds into one row each when there are many steps in them."""

_BUCKETS = {
    TaskState.FAILED: Bucket.FAILED,
    TaskState.RUNNING: Bucket.RUNNING,
    TaskState.WAITING: Bucket.WAITING,
    TaskState.READY: Bucket.QUEUED,
    TaskState.PENDING: Bucket.PENDING,
    TaskState.CANCELLED: Bucket.CANCELLED,
    TaskState.SKIPPED: Bucket.SKIPPED,
    TaskState.SUCCESS: Bucket.DONE,
}
_WAITING = {Reason.BACKOFF: Bucket.RETRYING, Reason.AWAITING_APPROVAL: Bucket.NEEDS_YOU}


def bucket_of(task: TaskRun) -> Bucket:
    """Return the bucket of a task run."""
    if task.state is TaskState.WAITING:
        return _WAITING.get(task.reason_code, Bucket.WAITING)
    return _BUCKETS[task.state]
