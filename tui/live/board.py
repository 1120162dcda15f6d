"""The screen's model of one execution: its task runs by urgency, failures, dependencies.

Plain data for the event loop's thread; knows no widgets and does no I/O.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence, Set
from enum import IntEnum
from itertools import compress

from core.domain.item_label import step_title
from core.domain.mission import Mission, MissionStep
from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.domain.tally import slot_limit, tally_of
from core.explain.execution_facts import is_outdated
from core.ports.control import Lease
from tui.search.step_filter import Filter


class Bucket(IntEnum):
    """How urgently a step needs attention, the most urgent first."""

    FAILED = 0
    RETRYING = 1
    RUNNING = 2
    WAITING = 3
    QUEUED = 4
    PENDING = 5
    CANCELLED = 6
    SKIPPED = 7
    DONE = 8


FOLDED = (Bucket.CANCELLED, Bucket.SKIPPED, Bucket.DONE)
"""The buckets that a list folds into one row each by default."""

MAX_INCREMENTAL_STEPS = 256
"""Up to this many steps are moved one by one; for more, the whole bucket is sorted again."""

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


def bucket_of(task: TaskRun) -> Bucket:
    """Return the bucket of a task run."""
    if task.state is TaskState.WAITING and task.reason_code is Reason.BACKOFF:
        return Bucket.RETRYING
    return _BUCKETS[task.state]


class _Members:
    """The steps of one bucket in file order: their positions and, in parallel, their ids."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.task_ids: list[str] = []

    def append(self, place: int, task_id: str) -> None:
        """Add a step after all others."""
        self.places.append(place)
        self.task_ids.append(task_id)

    def add(self, places: Set[int], order: Sequence[str]) -> None:
        """Add steps that are not in the bucket."""
        if len(places) > MAX_INCREMENTAL_STEPS:
            self.places = sorted([*self.places, *places])
            self.task_ids = [order[place] for place in self.places]
            return
        for place in places:
            at = bisect_left(self.places, place)
            self.places.insert(at, place)
            self.task_ids.insert(at, order[place])

    def remove(self, places: Set[int]) -> None:
        """Remove steps that are in the bucket."""
        if len(places) > MAX_INCREMENTAL_STEPS:
            kept = [place not in places for place in self.places]
            self.places = list(compress(self.places, kept))
            self.task_ids = list(compress(self.task_ids, kept))
            return
        for place in places:
            at = bisect_left(self.places, place)
            del self.places[at], self.task_ids[at]


class Board:
    """The task runs of one execution, kept sorted into buckets as changes arrive."""

    def __init__(self, execution: Execution, tasks: Iterable[TaskRun]) -> None:
        self.execution = execution
        self.mission: Mission | None = None
        self.lease: Lease | None = None
        self.lease_known = False
        self.steps: Mapping[str, MissionStep] = {}
        self.dependents: dict[str, list[str]] = {}
        self.tasks = {task.task_id: task for task in sorted(tasks, key=lambda t: t.position)}
        self.order = list(self.tasks)
        self.positions = {task_id: place for place, task_id in enumerate(self.order)}
        self.tally = tally_of(self.tasks.values())
        """Counts of steps and items by state, and the slots they occupy."""
        self._members = {bucket: _Members() for bucket in Bucket}
        self._bucket: dict[str, Bucket] = {}
        for place, task in enumerate(self.tasks.values()):
            bucket = self._bucket[task.task_id] = bucket_of(task)
            self._members[bucket].append(place, task.task_id)

    def learn(self, mission: Mission) -> None:
        """Set the mission, which has the names, dependencies and policies of the steps."""
        self.mission = mission
        self.steps = {step.id: step for step in mission.all_steps}
        self.dependents = {step.id: [] for step in mission.all_steps}
        for step in mission.all_steps:
            for parent in step.depends_on:
                self.dependents.setdefault(parent, []).append(step.id)

    def apply(self, changed: Mapping[str, TaskRun]) -> bool:
        """Apply newer task runs; tell whether any moved to another bucket."""
        gone: dict[Bucket, set[int]] = {}
        come: dict[Bucket, set[int]] = {}
        for task_id, task in changed.items():
            if task_id not in self.tasks:
                self.positions[task_id] = len(self.order)
                self.order.append(task_id)
            place = self.positions[task_id]
            was = self.tasks.get(task_id)
            if was is not None:
                self.tally.remove(was)
            self.tally.add(task)
            self.tasks[task_id] = task
            before, after = self._bucket.get(task_id), bucket_of(task)
            if before is not after:
                if before is not None:
                    gone.setdefault(before, set()).add(place)
                come.setdefault(after, set()).add(place)
                self._bucket[task_id] = after
        for bucket, places in gone.items():
            self._members[bucket].remove(places)
        for bucket, places in come.items():
            self._members[bucket].add(places, self.order)
        return bool(come)

    def size_of(self, bucket: Bucket) -> int:
        """Return how many steps are in a bucket."""
        return len(self._members[bucket].task_ids)

    def members(self, bucket: Bucket) -> Sequence[str]:
        """Return the steps of a bucket in file order; valid until the next `apply`."""
        return self._members[bucket].task_ids

    def bucket(self, task_id: str) -> Bucket:
        """Return the bucket of a step."""
        return self._bucket[task_id]

    is_unreadable = False
    """Whether reading the mission has failed."""

    @property
    def slot_limit(self) -> int | None:
        """How many attempts may run at once; None until the mission has been read."""
        return slot_limit(self.execution, self.mission)

    @property
    def is_live(self) -> bool:
        """Whether the execution has not ended."""
        return not is_terminal(self.execution.state)

    def is_orphaned(self, now: int) -> bool:
        """Tell whether the execution has not ended but no runner drives it any more."""
        if not self.is_live or not self.lease_known:
            return False
        if self.lease is None:
            return self.execution.state is not ExecutionState.PENDING
        return self.lease.expires_at <= now

    def failures(self) -> Sequence[str]:
        """Return the failed steps in the order of the list."""
        return self.members(Bucket.FAILED)

    def attention(self) -> str | None:
        """Return the most urgent step: the first fatal failure, an active step, or the first."""
        failures = sorted(self.failures(), key=lambda task_id: self.tasks[task_id].ended_at or 0)
        if failures:
            steps = self.steps
            fatal = (f for f in failures if f not in steps or not steps[f].continue_on_error)
            return next(fatal, failures[0])
        for bucket in (Bucket.RETRYING, Bucket.RUNNING, Bucket.WAITING, Bucket.QUEUED):
            if members := self.members(bucket):
                return members[0]
        return self.order[0] if self.order else None

    def title(self, task_id: str) -> str:
        """Return the id of a step; for an item, followed by its value."""
        task = self.tasks.get(task_id)
        return task_id if task is None else step_title(task)

    def step(self, task_id: str) -> MissionStep | None:
        """Return the step of the mission; for an item, the step that fanned out."""
        task = self.tasks.get(task_id)
        parent = None if task is None else task.parent_task_id
        return self.steps.get(parent or task_id)

    def max_attempts(self, task_id: str) -> int:
        """Return how many attempts a step may take; 1 until the mission has been read."""
        step = self.step(task_id)
        if step is None or self.mission is None:
            return 1
        return (step.retry or self.mission.config.retry).max_attempts

    def affected_by(self, changed: Mapping[str, TaskRun]) -> dict[str, TaskRun]:
        """Return the task runs to redraw after a change: the changed ones and skipped dependents.

        The reason why a dependent was skipped may be outdated by the change.
        """
        affected = dict(changed)
        for task_id in changed:
            for other in self.dependents.get(task_id, ()):
                task = self.tasks.get(other)
                if task is not None and task.state is TaskState.SKIPPED:
                    affected[other] = task
        return affected

    def is_outdated(self, task_id: str) -> bool:
        """Tell whether the failure that a step was skipped for has been resolved by a retry."""
        step = self.steps.get(task_id)
        return step is not None and is_outdated(self.tasks[task_id], step.depends_on, self.tasks)

    def skipped_for(self, task_id: str) -> list[str]:
        """Return the skipped downstream steps, which run only if they are retried as well."""
        return [
            other
            for other in self.downstream([task_id])
            if other in self.tasks and self.tasks[other].state is TaskState.SKIPPED
        ]

    def downstream(self, task_ids: Sequence[str]) -> list[str]:
        """Return all direct and indirect dependents of `task_ids`, in file order."""
        seen: set[str] = set()
        stack = list(task_ids)
        while stack:
            for child in self.dependents.get(stack.pop(), ()):
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
        return sorted(seen, key=lambda task_id: self.positions.get(task_id, 0))

    def matching(self, condition: Filter, now: int) -> list[str]:
        """Return the steps that pass a filter, by urgency."""
        return [
            task_id
            for bucket in Bucket
            for task_id in self.members(bucket)
            if condition.accepts(self.tasks[task_id], self.steps.get(task_id), bucket.name, now)
        ]
