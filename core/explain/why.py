"""Why a step, or an execution, is where it is: its records told as a chain of causes.

Pure and total: every state with every reason code has an explanation. It reads records only, so it
says the same of a live execution, of one that ended a year ago, and of one whose runner is gone.
"""

from collections.abc import Iterator

from core.domain.item_label import quoted_title
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.state_word import counted, state_word
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.domain.tally import tally_of, tally_words
from core.explain.cause import NAMED, behind, cause_line, word_of
from core.explain.execution_facts import (
    Scene,
    failures,
    is_obstacle,
    items,
    root_failure,
    unfinished_upstream,
    upstream,
)
from core.explain.reason_text import phrase_of

LONGEST_CHAIN = 8
"""Causes told one by one; of a longer chain the middle is counted."""


def explain(task_id: str, scene: Scene) -> list[str]:
    """Return why a task run is in its state: the first line is its own, then cause behind cause.

    Raises KeyError for a step the execution does not have.
    """
    task = scene.tasks[task_id]
    lines = [f"{word_of(task)}: {cause_line(task, scene)}", *_circumstances(task, scene)]
    chain = list(_causes(task, scene))
    middle = len(chain) - LONGEST_CHAIN
    told = chain if middle <= 0 else chain[: LONGEST_CHAIN - 1]
    lines += [_told(one, scene) for one in told]
    if middle > 0:
        lines += [f"… {counted(middle, 'more step')} in between …", _told(chain[-1], scene)]
    return lines


def explain_execution(scene: Scene) -> list[str]:
    """Return why an execution is in its state, then the causes among its steps."""
    execution = scene.execution
    lines = [f"{state_word(execution.state)}: {_execution_cause(scene)}"]
    lines += _circumstances_of_execution(scene)
    for task in _culprits(scene)[:NAMED]:
        lines.append(_told(task, scene))
    return lines


def _told(task: TaskRun, scene: Scene) -> str:
    return f"{quoted_title(task)} {word_of(task)}: {cause_line(task, scene)}"


def _circumstances(task: TaskRun, scene: Scene) -> list[str]:
    return [] if is_terminal(task.state) else _circumstances_of_execution(scene)


def _circumstances_of_execution(scene: Scene) -> list[str]:
    execution = scene.execution
    if is_terminal(execution.state):
        return []
    lines: list[str] = []
    lost = execution.reason_code is Reason.RUNNER_LOST
    if lost or not scene.is_owned:
        whole = scene.resumed_with
        how = "`mission resume`" if whole is None else f"`mission resume {whole}`, as a part of it"
        lines.append(f"no runner drives this execution: it goes on with {how}")
    if execution.cancel_requested_at is not None:
        lines.append(f"cancel was requested by {execution.cancel_requested_by or 'somebody'}")
    if execution.state is ExecutionState.PAUSED and not lost:
        lines.append("the execution is paused: no step is started")
    return lines


def _execution_cause(scene: Scene) -> str:
    execution = scene.execution
    if execution.state is ExecutionState.RUNNING:
        return tally_words(tally_of(scene.tasks.values())) or phrase_of(execution.reason_code)
    if execution.reason_code is Reason.USER_CANCELLED and execution.cancel_requested_by:
        return behind(f"cancelled by {execution.cancel_requested_by}", execution.message)
    return behind(phrase_of(execution.reason_code), execution.message)


def _culprits(scene: Scene) -> list[TaskRun]:
    """Return the steps an execution's state comes from: failures, or what it is busy with."""
    if scene.execution.state in {ExecutionState.FAILED, ExecutionState.SUCCESS}:
        return failures(scene.tasks, scene.mission)
    if is_terminal(scene.execution.state):
        return []
    busy = {TaskState.RUNNING, TaskState.WAITING}
    return [task for task in scene.tasks.values() if task.state in busy]


def _causes(task: TaskRun, scene: Scene) -> Iterator[TaskRun]:
    seen = {task.task_id}
    cause = _cause_of(task, scene)
    while cause is not None and cause.task_id not in seen:
        seen.add(cause.task_id)
        yield cause
        cause = _cause_of(cause, scene)


def _cause_of(task: TaskRun, scene: Scene) -> TaskRun | None:
    """Return the task run whose state explains this one's, or None at the root."""
    if task.state is TaskState.PENDING:
        if task.parent_task_id is not None:
            return None
        return next(iter(unfinished_upstream(task, scene)), None)
    if task.reason_code in {Reason.UPSTREAM_FAILED, Reason.UPSTREAM_SKIPPED, Reason.TRIGGER_RULE}:
        return next((one for one in upstream(task, scene) if is_obstacle(one)), None)
    if task.reason_code is Reason.FAIL_FAST:
        root = root_failure(scene.tasks, scene.mission)
        return None if root is None or root.task_id == task.task_id else root
    if task.reason_code is Reason.ITEM_FAILED:
        return next((o for o in items(task, scene) if o.state is TaskState.FAILED), None)
    return None
