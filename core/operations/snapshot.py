"""Loads the snapshot of an execution from committed records."""

from core.domain.fold import Snapshot
from core.ports.reader import Reader


def load_snapshot(reader: Reader, execution_id: str) -> Snapshot:
    """Return the snapshot of an execution as its committed records tell it."""
    execution = reader.find_execution(execution_id)
    snapshot = Snapshot(execution=execution)
    for task in reader.task_runs(execution.execution_id):
        snapshot.tasks[task.task_id] = task
        state = task.state.value
        counted = [snapshot.counts]
        if task.parent_task_id is not None:
            counted.append(snapshot.item_counts)
        for counts in counted:
            counts[state] = counts.get(state, 0) + 1
    for attempt in reader.attempts(execution.execution_id):
        tries = snapshot.attempts.get(attempt.task_id, ())
        snapshot.attempts[attempt.task_id] = (*tries, attempt)
    return snapshot
