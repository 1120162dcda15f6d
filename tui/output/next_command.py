"""The command suggested after an execution has ended: one that does not just fail again."""

from collections.abc import Iterable
from shlex import quote

from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, TaskState
from tui.words.run_label import full_argument
from tui.words.safe_text import safe_line

_WRONG_FILE = frozenset(
    {Reason.INVALID_PARAMETERS, Reason.SECURITY_VIOLATION, Reason.POLICY_VIOLATION}
)
"""Why a step fails again as long as the file, or what is allowed, stays as it is."""
_OUTSIDE_THE_STEPS = frozenset({Reason.HANDLER_FAILED, Reason.PRECONDITION_ERROR})
"""Ends for which no step is to be retried, or to be resumed from."""


def next_command(one: Execution, tasks: Iterable[TaskRun], *, named: str | None = None) -> str:
    """Return the command, preceded by anything to be done first.

    `named` is the execution's reference in a command. `retry` runs the recorded mission again,
    which does not help if an error in the file made the step fail: then the corrected file must be
    run.
    """
    name = named or safe_line(full_argument(one))
    if one.state is ExecutionState.SUCCESS:
        return f"mission rerun {name}"
    tasks = tuple(tasks)
    failed = [task for task in tasks if task.state is TaskState.FAILED]
    first = min(failed, key=lambda task: task.ended_at or task.updated_at, default=None)
    parameters = f" --params-from {name}" if one.params else ""
    if one.reason_code in _OUTSIDE_THE_STEPS:
        is_wrong = first is not None and first.reason_code in _WRONG_FILE
        if not is_wrong or one.source_path is None:
            return f"mission rerun {name}"
        return f"fix the file, then: mission run {safe_line(quote(one.source_path))}{parameters}"
    if first is None or first.reason_code not in _WRONG_FILE:
        return f"mission retry {name}"
    if one.parent_execution_id is not None:
        file = "its file" if one.source_path is None else safe_line(one.source_path)
        return f"fix {file}, then run its parent again, {one.parent_execution_id}"
    if one.source_path is None and tasks == (first,) and first.parent_task_id is None:
        # as `mission exec` makes it
        return "correct the command, then run it again"
    if one.source_path is None:
        return f"fix the mission, then: mission run - --resume-from {_step(first)}"
    command = f"mission run {safe_line(quote(one.source_path))} --resume-from {_step(first)}"
    return f"fix the file, then: {command}{parameters}"


def _step(task: TaskRun) -> str:
    """Return the step; of an item, the step that fanned out."""
    return safe_line(quote(task.parent_task_id or task.task_id))
