"""The artifacts of executions: which files were kept of which attempts."""

from collections.abc import Iterator

from msgspec import Struct

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
    """Yield what the steps have left whose success an execution has taken over from an earlier."""
    for task in reader.task_runs(execution_id):
        if task.reused_from is None or task_id not in (None, task.task_id, task.parent_task_id):
            continue
        source = task.reused_from
        while (earlier := reader.task_run(source, task.task_id).reused_from) is not None:
            source = earlier
        yield from artifacts_of(reader, source, task.task_id)
