"""When a step succeeded last, how long it usually takes and what has changed since, in lines."""

from core.domain.records import TaskRun
from core.domain.state_word import counted
from core.domain.states import TaskState
from core.explain.change import Aspect, Change, change_text
from core.operations.history.last_success import LastSuccess
from core.value.duration import duration_text
from tui.words.numbers import ago
from tui.words.run_label import run_name

MAX_CHANGES = 12
"""Changes that are told one by one; the rest is counted."""

NO_SUCCESS = "no success of it is recorded in the earlier runs of this mission"
NO_CHANGE = "nothing that is recorded has changed since then"


def last_success_text(earlier: LastSuccess | None, task: TaskRun, now: int) -> str:
    """Return in which run it succeeded last and how long it usually takes, in one line."""
    if earlier is None:
        return NO_SUCCESS
    before = "succeeded before" if task.state is TaskState.SUCCESS else "last succeeded"
    at = earlier.task.ended_at or earlier.task.updated_at
    text = f"{before} in {run_name(earlier.execution)}, {ago(at, now)}"
    return f"{text}; {usual}" if (usual := usual_text(earlier)) else text


def usual_text(earlier: LastSuccess) -> str:
    """Return how long a step usually takes; empty where no success was measured."""
    if earlier.usual_seconds is None:
        return ""
    count = earlier.success_count
    basis = "" if count == 1 else f" (median of {counted(count, 'success', 'successes')})"
    word = "took" if count == 1 else "usually takes"
    return f"{word} {duration_text(earlier.usual_seconds)}{basis}"


def change_lines(earlier: LastSuccess, *, most: int = MAX_CHANGES) -> list[str]:
    """Return what has changed since the last success, one change per line, causes alone.

    Exit code and duration are part of the outcome, which is told elsewhere. That the file is
    another one is told where nothing in it that applies to the step is.
    """
    causes = earlier.causes
    told = list(earlier.upstream[:most])
    if len(earlier.upstream) > most:
        told.append(f"and {counted(len(earlier.upstream) - most, 'more change')} before it")
    if not causes:
        return told or [NO_CHANGE]
    if any(change.aspect is Aspect.DEFINITION for change in causes):
        causes = [change for change in causes if change.aspect is not Aspect.FILE]
    lines = [f"changed: {change_text(change)}" for change in causes[:most]]
    if len(causes) > most:
        lines.append(f"and {counted(len(causes) - most, 'more change')}")
    if _only_elsewhere(causes):
        lines.append("the definition of this step is the same in both files")
    return lines + told


def last_success_lines(earlier: LastSuccess | None, task: TaskRun, now: int) -> list[str]:
    """Return all of that as the command line tells it."""
    told = [last_success_text(earlier, task, now)]
    if earlier is not None:
        told += [f"  {line}" for line in change_lines(earlier)]
    return told


def _only_elsewhere(causes: list[Change]) -> bool:
    """Tell whether the file has changed, but nothing that applies to the step."""
    aspects = {change.aspect for change in causes}
    return Aspect.FILE in aspects and Aspect.DEFINITION not in aspects
