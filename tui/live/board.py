"""The screen's model of one execution: its task runs by urgency, failures, dependencies.

Plain data for the event loop's thread; knows no widgets and does no I/O.
"""

from collections.abc import Iterable, Mapping, Sequence

from core.domain.item_label import step_title
from core.domain.mission import Mission, MissionStep
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.domain.tally import slot_limit, tally_of
from core.explain.execution_facts import is_outdated
from core.ports.control import Lease
from tui.live.steps.bucket import Bucket, bucket_of
from tui.live.steps.buckets import Buckets
from tui.live.steps.fan_out import FanOut
from tui.search.step_filter import Filter


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
        self.fan_outs: dict[str, FanOut] = {}
        """The steps that have fanned out, with their items."""
        self._every = Buckets()
        self._rows = Buckets()
        """Steps without items, a fan-out where the most urgent of its items belongs."""
        for place, task in enumerate(self.tasks.values()):
            self._every.append(place, task.task_id, bucket_of(task))
        self._sort_rows(self.tasks, {})

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
        before: dict[str, TaskRun] = {}
        for task_id, task in changed.items():
            was = self.tasks.get(task_id)
            if was is None:
                self.positions[task_id] = len(self.order)
                self.order.append(task_id)
            else:
                before[task_id] = was
                self.tally.remove(was)
            self.tally.add(task)
            self.tasks[task_id] = task
        places = self.positions
        found = {places[task_id]: bucket_of(task) for task_id, task in changed.items()}
        moved = self._every.move(found, self.order)
        self._sort_rows(changed, before)
        return moved

    def _sort_rows(self, changed: Mapping[str, TaskRun], before: Mapping[str, TaskRun]) -> None:
        """Sort changed steps and items into rows and fan-outs."""
        places = self.positions
        steps: dict[str, None] = {}
        items: dict[str, dict[int, TaskRun]] = {}
        for task_id, task in changed.items():
            parent = task.parent_task_id
            if parent is None or parent not in self.tasks:
                steps[task_id] = None
            else:
                steps[parent] = None
                items.setdefault(parent, {})[places[task_id]] = task
        for parent, of_parent in items.items():
            known = {
                place: was
                for place in of_parent
                if (was := before.get(self.order[place])) is not None
            }
            self.fan_outs.setdefault(parent, FanOut()).apply(of_parent, known, self.order)
        rows: dict[int, Bucket] = {}
        for step_id in steps:
            bucket = bucket_of(self.tasks[step_id])
            fan_out = self.fan_outs.get(step_id)
            rows[places[step_id]] = bucket if fan_out is None else fan_out.urgency(bucket)
        self._rows.move(rows, self.order)

    def size_of(self, bucket: Bucket) -> int:
        """Return how many steps and items are in a bucket."""
        return self._every.size_of(bucket)

    def members(self, bucket: Bucket) -> Sequence[str]:
        """Return the steps and items of a bucket in file order; valid until the next `apply`."""
        return self._every.members(bucket)

    def bucket(self, task_id: str) -> Bucket:
        """Return the bucket of a step or an item."""
        return self._every.of(self.positions[task_id])

    @property
    def row_total(self) -> int:
        """How many steps there are, without items."""
        return len(self._rows)

    def row_members(self, bucket: Bucket) -> Sequence[str]:
        """Return the steps of a bucket without items; see `row_bucket`."""
        return self._rows.members(bucket)

    def row_bucket(self, task_id: str) -> Bucket:
        """Return where a step belongs in a list: a fan-out where the most urgent item does."""
        return self._rows.of(self.positions[task_id])

    cancels: Mapping[str, int] = {}
    """The steps and items whose cancel is under way, and since when."""

    usual_seconds: Mapping[str, float] = {}
    """How long steps and items took in earlier runs, by task id."""
    usual_word = "usually"
    """How to say so: what took so long once does not yet do so usually."""
    processes: Mapping[str, int] = {}
    """How many processes running steps have now, of those that were looked at, by task id."""

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
        """Return the failed steps and items in the order of the list."""
        if not self.fan_outs:
            return self.members(Bucket.FAILED)
        found: list[str] = []
        for bucket in (Bucket.NEEDS_YOU, Bucket.FAILED):
            for task_id in self.row_members(bucket):
                if self.tasks[task_id].state is TaskState.FAILED:
                    found.append(task_id)
                fan_out = self.fan_outs.get(task_id)
                for alike in () if fan_out is None else fan_out.failures():
                    found.extend(alike.task_ids)
        return found

    def attention(self) -> str | None:
        """Return the most urgent step: the first fatal failure, an active step, or the first."""
        failures = sorted(self.failures(), key=lambda task_id: self.tasks[task_id].ended_at or 0)
        if failures:
            steps = self.steps
            fatal = (f for f in failures if f not in steps or not steps[f].continue_on_error)
            return next(fatal, failures[0])
        for bucket in (
            Bucket.NEEDS_YOU,
            Bucket.RUNNING,
            Bucket.RETRYING,
            Bucket.WAITING,
            Bucket.QUEUED,
        ):
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
            if condition.accepts(self.tasks[task_id], self.step(task_id), bucket.word, now)
        ]
