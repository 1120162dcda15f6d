"""Reads when a step succeeded last, how long it usually takes, and what changed since then."""

from collections.abc import Callable
from statistics import median

from msgspec import Struct

from core.domain.mission import Mission
from core.domain.records import Execution, TaskRun
from core.domain.states import TaskState
from core.explain.change import CAUSES, Change
from core.explain.execution_changes import StepFacts, environment_of, step_changes
from core.operations.history.upstream_changes import upstream_changes
from core.operations.recorded_mission import mission_of
from core.ports.reader import Reader

MAX_SUCCESSES = 10
"""From how many successes the usual duration is taken, the newest ones."""
_START_EVENTS = 8
"""Among so many first events of an execution is that of the start of its engine."""


class LastSuccess(Struct, frozen=True, kw_only=True):
    """The last success of a step before an execution, and what differs since."""

    execution: Execution
    task: TaskRun
    usual_seconds: float | None
    """The median duration of its newest successes; None where none was measured."""
    success_count: int
    """Of how many successes that is the median, `MAX_SUCCESSES` at most."""
    changes: tuple[Change, ...]
    upstream: tuple[str, ...] = ()
    """What has changed for steps before it, one phrase each."""

    @property
    def causes(self) -> list[Change]:
        """The changes that can explain another outcome."""
        return [change for change in self.changes if change.aspect in CAUSES]


def last_success(
    reader: Reader,
    execution: Execution,
    task: TaskRun,
    mission: Mission | None,
    *,
    read_mission: Callable[[Reader, Execution], Mission | None] = mission_of,
) -> LastSuccess | None:
    """Return the last success of the step of `task` in an earlier execution, None without one.

    `mission` is that of `execution`; of the earlier execution it is read if the file has changed.
    """
    found = reader.earlier_task_runs(
        execution.execution_id, task.task_id, states=(TaskState.SUCCESS,), limit=MAX_SUCCESSES
    )
    if not found:
        return None
    earlier = reader.find_execution(found[0].execution_id)
    same_file = earlier.mission_digest == execution.mission_digest
    before = step_facts(
        reader, earlier, found[0], mission if same_file else read_mission(reader, earlier)
    )
    after = step_facts(reader, execution, task, mission)
    took = [spent / 1000 for one in found if (spent := one.worked_ms) is not None]
    return LastSuccess(
        execution=earlier,
        task=found[0],
        usual_seconds=median(took) if took else None,
        success_count=len(took),
        changes=tuple(step_changes(before, after)),
        upstream=upstream_changes(reader, execution, task, mission),
    )


def step_facts(
    reader: Reader, execution: Execution, task: TaskRun, mission: Mission | None
) -> StepFacts:
    """Return what is recorded of a step for the comparison with another execution of it."""
    execution_id = execution.execution_id
    attempts = reader.attempts(execution_id, task.task_id)
    started = reader.audit_events(execution_id=execution_id, limit=_START_EVENTS)
    events = [*started, *reader.step_events(execution_id, task.task_id)]
    origins, files = environment_of(mission, task, events)
    return StepFacts(
        execution=execution,
        task=task,
        mission=mission,
        attempt=attempts[-1] if attempts else None,
        environment=origins,
        env_files=files,
    )
