"""The command to suggest after an execution has ended: one that will not fail the same way."""

from collections.abc import Iterable
from shlex import quote

from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, TaskState
from tui.words.run_label import full_argument
from tui.words.safe_text import safe_line


def again(one: Execution, tasks: Iterable[TaskRun], *, named: str | None = None) -> str:
    """Return the command, with a word in front of it where more is to be done.

    `named` is what names the execution in a command. `retry` takes what failed from the mission as
    it was stored, which is no help when a mistake in the file made a step fail: then it is the
    mended file that is to be run.
    """
    name = named or safe_line(full_argument(one))
    if one.state is ExecutionState.SUCCESS:
        return f"mission rerun {name}"
    failed = [task for task in tasks if task.state is TaskState.FAILED]
    first = min(failed, key=lambda task: task.ended_at or task.updated_at, default=None)
    if first is None or first.reason_code is not Reason.INVALID_PARAMETERS:
        return f"mission retry {name}"
    if one.parent_execution_id is not None:
        file = "its file" if one.source_path is None else safe_line(one.source_path)
        return f"mend {file}, then run again what it is part of, {one.parent_execution_id}"
    if one.source_path is None:
        return f"mend the mission, then: mission run - --resume-from {_step(first)}"
    command = f"mission run {safe_line(quote(one.source_path))} --resume-from {_step(first)}"
    given = ", with the same -p" if one.params else ""
    return f"mend the file, then: {command}{given}"


def _step(task: TaskRun) -> str:
    """Return the step; of an item, the step that fanned out."""
    return safe_line(quote(task.parent_task_id or task.task_id))
