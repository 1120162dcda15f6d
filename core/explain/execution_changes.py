"""What changed between two recorded executions of a step, or of a whole mission. Pure.

Knows records alone; which earlier execution is compared is the reader's choice.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET, Struct

from core.domain.mission import EMPTY, Mission, MissionStep
from core.domain.records import Attempt, AuditEvent, Execution, TaskRun
from core.explain.change import Aspect, Change, difference, differences
from core.explain.definition_changes import (
    all_definition_changes,
    mission_definition_changes,
    step_definition_changes,
)

NOTABLE_RATIO = 1.5
NOTABLE_SECONDS = 1.0
"""A duration has changed when it differs by this factor and by this much."""


class RunFacts(Struct, frozen=True, kw_only=True):
    """The records of one execution. `mission` is None if its file can no longer be read."""

    execution: Execution
    mission: Mission | None = None
    tasks: Mapping[str, TaskRun] = EMPTY


class StepFacts(Struct, frozen=True, kw_only=True):
    """The records of one step in one execution."""

    execution: Execution
    task: TaskRun
    mission: Mission | None = None
    attempt: Attempt | None = None
    """The latest attempt; None before the first, and for a step that fanned out."""
    environment: Mapping[str, str] = EMPTY
    """The origin of each variable by its name, see `environment_of`."""
    env_files: Mapping[str, str] = EMPTY
    """The SHA-256 of each environment file by its path."""

    @property
    def step(self) -> MissionStep | None:
        """Return the step as authored; of an item of a fan-out, the step that fanned out."""
        steps = () if self.mission is None else self.mission.all_steps
        name = self.task.parent_task_id or self.task.task_id
        return next((step for step in steps if step.id == name), None)


def step_changes(before: StepFacts, after: StepFacts) -> list[Change]:
    """Return what differs between two executions of the same step, causes first.

    What the later one has not got to yet (inputs, exit code, duration) is no difference.
    """
    found = _file_changes(before.execution, after.execution)
    old, new = before.step, after.step
    if old is not None and new is not None:
        found += step_definition_changes(old, new)
    if before.mission is not None and after.mission is not None:
        found += mission_definition_changes(before.mission, after.mission)
    found += differences(Aspect.PARAMETER, before.execution.params, after.execution.params)
    if after.attempt is not None:
        defined = {change.name for change in found if change.aspect is Aspect.DEFINITION}
        variables = differences(Aspect.ENVIRONMENT, before.environment, after.environment)
        found += [one for one in variables if f"env.{one.name}" not in defined]
        found += differences(Aspect.ENVIRONMENT, before.env_files, after.env_files)
        found += _place_changes(before, after)
        found += differences(Aspect.INPUT, _inputs(before), _inputs(after))
        if after.attempt.ended_at is not None and before.attempt is not None:
            codes = before.attempt.exit_code, after.attempt.exit_code
            if None not in codes:
                found += difference(Aspect.EXIT, "", *codes)
    return found + _duration_change(before.task.worked_ms, after.task.worked_ms)


def run_changes(before: RunFacts, after: RunFacts) -> list[Change]:
    """Return what differs between two executions of a mission, causes first.

    Outcomes and durations of steps are compared where both executions have them.
    """
    found = _file_changes(before.execution, after.execution)
    if before.mission is not None and after.mission is not None:
        found += all_definition_changes(before.mission, after.mission)
    found += differences(Aspect.PARAMETER, before.execution.params, after.execution.params)
    found += difference(
        Aspect.PLACE, "working_dir", before.execution.working_dir, after.execution.working_dir
    )
    states = before.execution.state.value, after.execution.state.value
    found += difference(Aspect.OUTCOME, "", *states)
    found += _duration_change(before.execution.duration_ms, after.execution.duration_ms)
    for task_id, new in after.tasks.items():
        old = before.tasks.get(task_id)
        if old is None:
            continue
        found += difference(Aspect.OUTCOME, "", old.state.value, new.state.value, task_id)
        if old.reused_from is None and new.reused_from is None:
            found += _duration_change(old.worked_ms, new.worked_ms, task_id)
    return found


def environment_of(
    mission: Mission | None, task: TaskRun, events: Iterable[AuditEvent] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the origin of each variable that a step was given, by name, and its files' SHA-256.

    Values are never told: an origin is "mission", "step", a file, or "secret". `events` are the
    step's own, in order, and may be preceded by those of its execution's start.
    """
    origins: dict[str, str] = {}
    files: dict[str, str] = {}
    steps = () if mission is None else mission.all_steps
    name = task.parent_task_id or task.task_id
    step = next((one for one in steps if one.id == name), None)
    notes = list(events)
    for event in notes:
        if event.event_type == "engine.started":
            _add_files(event.details.get("env_files"), origins, files)
    if mission is not None:
        origins.update(dict.fromkeys(mission.env, "mission"))
    for event in notes:
        if event.event_type == "env.read":
            _add_files(event.details.get("files"), origins, files)
    if step is not None:
        origins.update(dict.fromkeys(step.env, "step"))
        origins.update(dict.fromkeys((*step.secrets, *step.secret_files), "secret"))
    return origins, files


def _add_files(value: object, origins: dict[str, str], files: dict[str, str]) -> None:
    """Add what a note tells of environment files; of one that is malformed nothing."""
    for file in value if isinstance(value, list | tuple) else ():
        path, digest = file.get("path"), file.get("sha256")
        if isinstance(path, str) and isinstance(digest, str):
            files[path] = digest
            origins.update((str(name), path) for name in file.get("names") or ())


def _file_changes(before: Execution, after: Execution) -> list[Change]:
    return difference(Aspect.FILE, "", before.mission_digest, after.mission_digest)


def _place_changes(before: StepFacts, after: StepFacts) -> list[Change]:
    found = difference(
        Aspect.PLACE, "working_dir", before.execution.working_dir, after.execution.working_dir
    )
    return found + difference(Aspect.PLACE, "host", _host(before), _host(after))


def _host(facts: StepFacts) -> Any:
    placement = None if facts.attempt is None else facts.attempt.placement
    return (placement or {}).get("host", UNSET)


def _inputs(facts: StepFacts) -> Mapping[str, Any]:
    """Return what was recorded at the start of the attempt."""
    attempt = facts.attempt
    return EMPTY if attempt is None or attempt.inputs is None else attempt.inputs


def _duration_change(
    before: float | None, after: float | None, task_id: str | None = None
) -> list[Change]:
    """Return the change from one duration in milliseconds to another, if it is a notable one."""
    if before is None or after is None:
        return []
    short, long = sorted((before / 1000, after / 1000))
    if long - short < NOTABLE_SECONDS or long < short * NOTABLE_RATIO:
        return []
    return difference(Aspect.DURATION, "", before / 1000, after / 1000, task_id)
