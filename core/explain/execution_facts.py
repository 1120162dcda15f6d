"""The records of one execution that explanations are made from, and how they relate."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import force_setattr

from core.domain.mission import Mission, MissionStep
from core.domain.process_policy import Leftovers
from core.domain.reasons import Reason
from core.domain.records import Attempt, Execution, TaskRun, has_succeeded
from core.domain.states import TaskState, is_terminal


class ExecutionFacts(Struct, frozen=True, kw_only=True):
    """The records of one execution at instant `now`, in nanoseconds since the epoch.

    `mission` is None if its file can no longer be read; limits and conditions are then left out.
    `is_owned` is False when no living runner drives the execution.
    """

    execution: Execution
    tasks: Mapping[str, TaskRun]
    now: int
    mission: Mission | None = None
    attempts: Mapping[str, Sequence[Attempt]] = field(default_factory=dict)
    is_owned: bool = True
    resumed_with: str | None = None
    """The execution to resume in order to continue this one, if that is another."""
    standing_below: Sequence[str] = ()
    """Which sub-missions stand still while this execution goes on, one sentence each."""
    outdated: Sequence[str] = ()
    """Why the step in question ran: what was not as its last success left it."""
    steps: Mapping[str, MissionStep] = field(default_factory=dict)
    """The steps and handlers of `mission` by id; not to be given."""

    def __post_init__(self) -> None:
        """Index the steps once, because a chain of causes may be as long as the mission."""
        steps = () if self.mission is None else self.mission.all_steps
        force_setattr(self, "steps", {step.id: step for step in steps})

    def step(self, task_id: str) -> MissionStep | None:
        """Return the step as authored; of an item of a fan-out, the step that fanned out."""
        task = self.tasks.get(task_id)
        parent = None if task is None else task.parent_task_id
        return self.steps.get(parent or task_id)

    def leftovers(self, task_id: str) -> Leftovers | None:
        """Return what becomes of processes that a step leaves; None if its file is not known."""
        step = self.step(task_id)
        if step is None or self.mission is None:
            return None
        return step.leftovers or self.mission.config.leftovers


def root_failure(tasks: Mapping[str, TaskRun], mission: Mission | None) -> TaskRun | None:
    """Return the root failure: the first that was not tolerated."""
    failed = failures(tasks, mission)
    return failed[0] if failed else None


def failures(tasks: Mapping[str, TaskRun], mission: Mission | None) -> list[TaskRun]:
    """Return the failed steps, untolerated failures first, each group in order of time."""
    tolerated = (
        {step.id for step in mission.all_steps if step.continue_on_error} if mission else set()
    )
    failed = [
        task
        for task in tasks.values()
        if task.state is TaskState.FAILED and task.parent_task_id is None
    ]
    return sorted(
        failed, key=lambda task: (task.task_id in tolerated, task.ended_at or task.updated_at)
    )


def upstream(task: TaskRun, facts: ExecutionFacts) -> list[TaskRun]:
    """Return what a step depends on, in the order of its file."""
    step = facts.step(task.task_id)
    if step is None:
        return []
    return [facts.tasks[name] for name in step.depends_on if name in facts.tasks]


def unfinished_upstream(task: TaskRun, facts: ExecutionFacts) -> list[TaskRun]:
    """Return what a step depends on and that has not ended."""
    return [one for one in upstream(task, facts) if not is_terminal(one.state)]


def items(task: TaskRun, facts: ExecutionFacts) -> list[TaskRun]:
    """Return the items of a fan-out step."""
    return [one for one in facts.tasks.values() if one.parent_task_id == task.task_id]


def is_obstacle(task: TaskRun) -> bool:
    """Tell whether a task run ended in another way than success."""
    return is_terminal(task.state) and not has_succeeded(task)


CAUSE_RESOLVED = "what it depends on has succeeded since then: a retry runs it"
"""Replaces the recorded message of a skipped step whose cause a retry has resolved since."""


def is_outdated(task: TaskRun, needs: Sequence[str], tasks: Mapping[str, TaskRun]) -> bool:
    """Tell whether a step was skipped for a cause that a user's retry has resolved since.

    `needs` are the steps it depends on.
    """
    if task.state is not TaskState.SKIPPED or task.reason_code not in _FOR_UPSTREAM:
        return False
    return all(has_succeeded(tasks[one]) for one in needs if one in tasks)


_FOR_UPSTREAM = frozenset({Reason.UPSTREAM_FAILED, Reason.UPSTREAM_SKIPPED})


def is_handler(task: TaskRun, facts: ExecutionFacts) -> bool:
    """Tell whether a task run is a handler's."""
    mission = facts.mission
    return mission is not None and any(step.id == task.task_id for step in mission.handlers.all)
