"""The artifacts of executions: which files were kept of which attempts."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from core.domain.records import TaskRun
from core.ports.reader import Reader


class Artifact(Struct, frozen=True, kw_only=True):
    """A file that was kept of an attempt; its content is in the store by its SHA-256 (hex)."""

    execution_id: str
    task_id: str
    attempt: int
    path: str
    """In the working folder of the step, with slashes."""
    bytes: int
    sha256: str


def artifacts_of(
    reader: Reader, execution_id: str, task_id: str | None = None
) -> Iterator[Artifact]:
    """Yield what was kept of the attempts of an execution, or of one step or item of it, in order.

    What a step has left that was not run again but reused is with the execution that ran it.
    """
    for attempt in reader.attempts(execution_id, task_id):
        for path, facts in sorted((attempt.artifacts or {}).items()):
            yield Artifact(
                execution_id=execution_id,
                task_id=attempt.task_id,
                attempt=attempt.attempt,
                path=path,
                bytes=int(facts["bytes"]),
                sha256=str(facts["sha256"]),
            )


def reused_artifacts_of(
    reader: Reader, execution_id: str, task_id: str | None = None
) -> Iterator[Artifact]:
    """Yield what the steps have left whose success an execution has taken over from an earlier.

    These are the steps that a retry has not run again, and those that were up to date.
    """
    for task, source in _sources(reader, execution_id, task_id):
        if source is not task:
            for one in artifacts_of(reader, source.execution_id, source.task_id):
                yield replace(one, task_id=task.task_id)


def all_artifacts_of(
    reader: Reader, execution_id: str, task_id: str | None = None
) -> Iterator[Artifact]:
    """Yield what was kept of an execution, of what it has taken over, and of its sub-missions.

    A step of a sub-mission is named behind the step that ran it last: `STEP/STEP`.
    """
    yield from artifacts_of(reader, execution_id, task_id)
    yield from reused_artifacts_of(reader, execution_id, task_id)
    children = lru_cache(maxsize=4)(reader.children)
    for task, source in _sources(reader, execution_id, task_id):
        runs = [
            one for one in children(source.execution_id) if one.parent_task_id == source.task_id
        ]
        if runs:
            last = max(runs, key=lambda one: (one.parent_attempt or 0, one.created_at))
            for found in all_artifacts_of(reader, last.execution_id):
                yield replace(found, task_id=f"{task.task_id}/{found.task_id}")


def _sources(
    reader: Reader, execution_id: str, task_id: str | None
) -> Iterator[tuple[TaskRun, TaskRun]]:
    """Yield each task run, or those of one step, with the one whose success it has taken over.

    That is itself if it has taken over none.
    """
    task_runs = lru_cache(maxsize=4)(reader.task_runs)
    for task in task_runs(execution_id):
        if task_id not in (None, task.task_id, task.parent_task_id):
            continue
        source: TaskRun | None = task
        while source is not None and source.reused_from is not None:
            source = _same(task_runs(source.reused_from), source)
        if source is not None:
            yield task, source


def _same(task_runs: Sequence[TaskRun], wanted: TaskRun) -> TaskRun | None:
    """Return the task run of another execution that is `wanted` there; None when it has gone.

    An item of a fan-out is known by its value: its number may have changed.
    """
    found = [one for one in task_runs if one.task_id == wanted.task_id]
    if wanted.parent_task_id is not None:
        family = [one for one in task_runs if one.parent_task_id == wanted.parent_task_id]
        found = [one for one in [*found, *family] if one.item == wanted.item]
    return found[0] if found else None
