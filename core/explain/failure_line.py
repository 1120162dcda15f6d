"""A failure in one line, with the decisive line of output, through sub-missions. Pure.

"`boom`: exit 3: the real reason"; preceded by the steps that led to it where it happened in a
sub-mission: "`kid` › `boom`: exit 3: the real reason".
"""

from collections.abc import Mapping

from core.domain.item_label import quoted_title
from core.domain.mission import Mission
from core.domain.process_policy import LIMIT_EXCEEDED
from core.domain.reasons import Reason
from core.domain.records import TaskError, TaskRun
from core.domain.states import TaskState
from core.explain.error_line import error_line
from core.explain.execution_facts import root_failure

SUB_MISSION_FAILED = "SubMissionFailed"
"""The kind of the error of a step whose sub-mission failed; its message is that failure."""

MAX_CHARACTERS = 600
"""Characters of a line that are kept: the end, which has the cause."""


def failure_line(tasks: Mapping[str, TaskRun], mission: Mission | None) -> str | None:
    """Return the root failure, None if no step failed."""
    root = root_failure(tasks, mission)
    if root is None:
        return None
    if root.reason_code is Reason.ITEM_FAILED:
        items = (task for task in tasks.values() if task.parent_task_id == root.task_id)
        root = next((task for task in items if task.state is TaskState.FAILED), root)
    return step_failure(root)


def step_failure(task: TaskRun) -> str:
    """Return what failed and how: the step's name, then its failure."""
    sign = " ›" if is_sub_mission_failure(task) else ":"
    return clipped(f"{quoted_title(task)}{sign} {failure_of(task)}")


def failure_of(task: TaskRun) -> str:
    """Return how a step failed in one line, without its name."""
    return failure_text(task.reason_code, task.message, task.error)


def failure_text(reason: Reason, message: str | None, error: TaskError | None) -> str:
    """Return a failure in one line: what happened, then the decisive line of the output."""
    if error is None:
        return _first_line(message) or reason.value
    if error.kind == SUB_MISSION_FAILED:
        return clipped(_first_line(error.message))
    told = _first_line(message) or _first_line(error.message) or reason.value
    if error.kind == LIMIT_EXCEEDED:
        return _first_line(error.message)
    if reason is Reason.EXIT_NONZERO and error.exit_code is not None:
        told = f"exit {error.exit_code}" if error.exit_code >= 0 else told
    line = error_line(error.stack_trace)
    if reason is Reason.RETRIES_EXHAUSTED and error.exit_code is not None and message:
        tries = message.partition(";")[0]  # "2 of 2 attempts failed; last: …"
        told = f"exit {error.exit_code}"
        return clipped(f"{told} ({tries})" if line is None else f"{told}: {line} ({tries})")
    return clipped(told if line is None or line in told or told in line else f"{told}: {line}")


def is_sub_mission_failure(task: TaskRun) -> bool:
    """Tell whether a step failed because its sub-mission did."""
    return task.error is not None and task.error.kind == SUB_MISSION_FAILED


def clipped(text: str) -> str:
    """Return the end of `text` if it is longer than `MAX_CHARACTERS`."""
    return text if len(text) <= MAX_CHARACTERS else f"…{text[1 - MAX_CHARACTERS :]}"


def _first_line(text: str | None) -> str:
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")
