"""Compares two recorded executions of a mission: what they were given, did, and wrote."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from core.domain.mission import EMPTY, Mission
from core.domain.records import Execution, TaskRun
from core.domain.states import Coverage, ExecutionState, TaskState, is_terminal
from core.explain.change import Aspect, Change, differences
from core.explain.execution_changes import RunFacts, run_changes
from core.explain.line_differences import LineDifferences, line_differences
from core.operations.history.upstream_changes import reasons_to_run
from core.operations.recorded_mission import mission_of
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import LogQuery, Reader

MAX_LOG_LINES = 2_000
"""The last lines of a step's log that are compared."""
MAX_LOGS = 20
"""The logs of so many steps are compared: of those that ended otherwise, then of the others."""

ReadMission = Callable[[Reader, Execution], Mission | None]


class StepPair(Struct, frozen=True, kw_only=True):
    """A step in both executions; None where one of them does not have it."""

    task_id: str
    before: TaskRun | None = None
    after: TaskRun | None = None

    @property
    def has_other_end(self) -> bool:
        """Whether both have ended, in different states."""
        one, other = self.before, self.after
        if one is None or other is None or one.state is other.state:
            return False
        return is_terminal(one.state) and is_terminal(other.state)

    @property
    def seconds(self) -> tuple[float | None, float | None]:
        """How long it worked in each."""
        return _seconds(self.before), _seconds(self.after)


class Comparison(Struct, frozen=True, kw_only=True):
    """What differs between two executions, from their definition to their output."""

    before: Execution
    after: Execution
    changes: tuple[Change, ...]
    steps: tuple[StepPair, ...]
    """All steps of the later execution, then those that only the earlier one has."""
    logs: Mapping[str, LineDifferences] = EMPTY
    """By step, where the compared lines differ."""
    compared_logs: int = 0
    """Of how many steps the logs were compared."""
    reasons: tuple[str, ...] = ()
    """What made steps of the later execution run that declare their files, one phrase each."""

    def of(self, *aspects: Aspect) -> list[Change]:
        """Return the changes of some aspects."""
        return [change for change in self.changes if change.aspect in aspects]


def baseline_of(reader: Reader, execution: Execution) -> Execution | None:
    """Return the last full run of the mission that succeeded before this one, None without one."""
    found = reader.executions(
        ExecutionQuery(
            mission_name=execution.mission_name,
            states=frozenset({ExecutionState.SUCCESS}),
            coverage=Coverage.FULL,
            include_children=True,
            created_until=execution.created_at,
            limit=2,
        )
    )
    return next((one for one in found if one.execution_id != execution.execution_id), None)


def compare_executions(
    reader: Reader,
    before: Execution,
    after: Execution,
    *,
    read_mission: ReadMission = mission_of,
    with_logs: bool = True,
) -> Comparison:
    """Read two executions and return what differs, from `before` to `after`."""
    old, new = _facts(reader, before, read_mission), _facts(reader, after, read_mission)
    pairs = [
        StepPair(task_id=task_id, before=old.tasks.get(task_id), after=task)
        for task_id, task in new.tasks.items()
    ]
    pairs += [
        StepPair(task_id=task_id, before=task)
        for task_id, task in old.tasks.items()
        if task_id not in new.tasks
    ]
    changes = run_changes(old, new)
    for pair in pairs:
        one, other = pair.before, pair.after
        if one is None or other is None or {one.state, other.state} != {TaskState.SUCCESS}:
            continue  # a step that failed has no outputs
        changes += differences(
            Aspect.OUTPUT, one.outputs or EMPTY, other.outputs or EMPTY, task_id=pair.task_id
        )
    logged = _logged(pairs) if with_logs else []
    logs = {pair.task_id: _line_differences(reader, pair) for pair in logged}
    return Comparison(
        before=before,
        after=after,
        changes=tuple(changes),
        steps=tuple(pairs),
        logs={task_id: found for task_id, found in logs.items() if found},
        compared_logs=len(logged),
        reasons=reasons_to_run(reader, new.tasks.values(), new.mission),
    )


def _facts(reader: Reader, execution: Execution, read_mission: ReadMission) -> RunFacts:
    return RunFacts(
        execution=execution,
        mission=read_mission(reader, execution),
        tasks={task.task_id: task for task in reader.task_runs(execution.execution_id)},
    )


def _logged(pairs: Sequence[StepPair]) -> list[StepPair]:
    """Return the steps whose logs are compared: those that ran in both, other ends first."""
    ran = [
        pair
        for pair in pairs
        if pair.before is not None
        and pair.after is not None
        and pair.before.attempt
        and pair.after.attempt
    ]
    return sorted(ran, key=lambda pair: not pair.has_other_end)[:MAX_LOGS]


def _line_differences(reader: Reader, pair: StepPair) -> LineDifferences:
    return line_differences(_lines(reader, pair.before), _lines(reader, pair.after))


def _lines(reader: Reader, task: TaskRun | None) -> list[str]:
    if task is None:
        return []
    query = LogQuery(
        execution_id=task.execution_id,
        task_id=task.task_id,
        attempt=task.attempt,
        tail=MAX_LOG_LINES,
    )
    return [entry.message for _chunk, entry in reader.logs(query)]


def _seconds(task: TaskRun | None) -> float | None:
    spent = None if task is None or task.reused_from is not None else task.worked_ms
    return None if spent is None else spent / 1000
