"""Explains why a step or an execution is in its state, as a chain of causes.

Pure and total: every state with every reason code has an explanation. It reads records only, so it
works for a live execution, for one that ended a year ago, and for one whose runner is gone.
"""

from collections.abc import Iterator

from core.domain.breaker_state import BreakerState
from core.domain.item_label import quoted_title
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.state_word import counted, state_word
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.domain.tally import tally_of, tally_words
from core.explain.attempt_place import place_of
from core.explain.cause import MAX_NAMED_STEPS, behind, breaker_text, cause_line, word_of
from core.explain.execution_facts import (
    ExecutionFacts,
    failures,
    is_obstacle,
    items,
    root_failure,
    unfinished_upstream,
    upstream,
)
from core.explain.process_text import census_text, left_text
from core.explain.reason_text import phrase_of

_NOT_BEGUN = {TaskState.PENDING.text, TaskState.SKIPPED.text}

MAX_CAUSES = 8
"""Causes shown one by one; of a longer chain the middle is only counted."""


def explain(task_id: str, facts: ExecutionFacts) -> list[str]:
    """Return why a task run is in its state: its own line first, then one line per cause.

    Raises KeyError for a step the execution does not have.
    """
    task = facts.tasks[task_id]
    lines = [f"{word_of(task)}: {cause_line(task, facts)}", *_circumstances(task, facts)]
    lines += _place(task, facts)
    lines += _leftovers(task, facts)
    lines += [f"it ran because of this: {change}" for change in facts.outdated]
    chain = list(_causes(task, facts))
    middle = len(chain) - MAX_CAUSES
    told = chain if middle <= 0 else chain[: MAX_CAUSES - 1]
    lines += [_told(one, facts) for one in told]
    if middle > 0:
        lines += [f"… {counted(middle, 'more step')} in between …", _told(chain[-1], facts)]
    return lines


def explain_execution(facts: ExecutionFacts) -> list[str]:
    """Return why an execution is in its state, then the causes among its steps."""
    execution = facts.execution
    lines = [f"{state_word(execution.state, execution.reason_code)}: {_execution_cause(facts)}"]
    lines += _circumstances_of_execution(facts)
    for task in _culprits(facts)[:MAX_NAMED_STEPS]:
        lines.append(_told(task, facts))
    return lines


def _place(task: TaskRun, facts: ExecutionFacts) -> list[str]:
    """Return where the newest attempt runs or ran, if that is a worker of a cluster."""
    attempts = facts.attempts.get(task.task_id, ())
    where = place_of(attempts[-1].placement) if attempts else None
    if where is None:
        return []
    verb = "ran" if is_terminal(attempts[-1].state) else "runs"
    return [f"attempt {attempts[-1].attempt} {verb} {where}"]


def _leftovers(task: TaskRun, facts: ExecutionFacts) -> list[str]:
    """Return what the newest attempt left running, if it has ended and left something."""
    attempts = facts.attempts.get(task.task_id, ())
    census = attempts[-1].census if attempts else None
    if left_text(census) is None:
        return []
    told = census_text(census, facts.leftovers(task.task_id))
    return [] if told is None else [told]


def _told(task: TaskRun, facts: ExecutionFacts) -> str:
    return f"{quoted_title(task)} {word_of(task)}: {cause_line(task, facts)}"


def _circumstances(task: TaskRun, facts: ExecutionFacts) -> list[str]:
    if is_terminal(task.state):
        return []
    lines = _circumstances_of_execution(facts)
    if task.task_id in (facts.execution.breakpoints or ()):
        lines.append("it has a breakpoint: the execution pauses before it")
    if facts.execution.reason_code is Reason.QUEUED:
        message = facts.execution.message
        lines.append(behind("the execution waits for its turn", message))
    return lines


def _circumstances_of_execution(facts: ExecutionFacts) -> list[str]:
    execution = facts.execution
    if is_terminal(execution.state):
        return []
    lines: list[str] = []
    lost = execution.reason_code is Reason.RUNNER_LOST
    if lost or not facts.is_owned:
        whole = facts.resumed_with
        how = "`mission resume`" if whole is None else f"`mission resume {whole}`, its parent,"
        lines.append(f"no runner drives this execution; {how} continues it")
    if execution.cancel_requested_at is not None:
        lines.append(f"cancel was requested by {execution.cancel_requested_by or 'somebody'}")
    is_queued = execution.reason_code is Reason.QUEUED  # it says that itself
    if execution.reason_code is Reason.BREAKPOINT and execution.message:
        lines.append(f"the execution is {execution.message}: `mission resume` goes on with it")
    elif execution.state is ExecutionState.PAUSED and not (lost or is_queued):
        lines.append("the execution is paused: no step is started")
    if _checks_preconditions(facts):
        lines.append("no step is started before the preconditions of the mission are checked")
    if execution.breaker is not BreakerState.CLOSED:
        lines.append(breaker_text(execution))
    return [*lines, *facts.standing_below]


def _checks_preconditions(facts: ExecutionFacts) -> bool:
    """Tell whether an execution runs but has started nothing because of its preconditions."""
    if facts.mission is None or not facts.mission.preconditions:
        return False
    execution = facts.execution
    begun = {state for state, number in execution.counts.items() if number} - _NOT_BEGUN
    return execution.state is ExecutionState.RUNNING and not begun


def _execution_cause(facts: ExecutionFacts) -> str:
    execution = facts.execution
    if execution.state is ExecutionState.RUNNING:
        return tally_words(tally_of(facts.tasks.values())) or phrase_of(execution.reason_code)
    if execution.reason_code is Reason.USER_CANCELLED and execution.cancel_requested_by:
        return behind(f"cancelled by {execution.cancel_requested_by}", execution.message)
    if execution.reason_code is Reason.BREAKPOINT:
        return phrase_of(execution.reason_code)  # before which step is said as a circumstance
    return behind(phrase_of(execution.reason_code), execution.message)


def _culprits(facts: ExecutionFacts) -> list[TaskRun]:
    """Return the steps an execution's state comes from: failures, or what it is busy with."""
    if facts.execution.state in {ExecutionState.FAILED, ExecutionState.SUCCESS}:
        return failures(facts.tasks, facts.mission)
    if is_terminal(facts.execution.state):
        return []
    busy = {TaskState.RUNNING, TaskState.WAITING}
    return [task for task in facts.tasks.values() if task.state in busy]


def _causes(task: TaskRun, facts: ExecutionFacts) -> Iterator[TaskRun]:
    seen = {task.task_id}
    cause = _cause_of(task, facts)
    while cause is not None and cause.task_id not in seen:
        seen.add(cause.task_id)
        yield cause
        cause = _cause_of(cause, facts)


def _cause_of(task: TaskRun, facts: ExecutionFacts) -> TaskRun | None:
    """Return the task run whose state explains this one's, or None at the root."""
    if task.state is TaskState.PENDING:
        if task.parent_task_id is not None:
            return None
        return next(iter(unfinished_upstream(task, facts)), None)
    if task.reason_code in {Reason.UPSTREAM_FAILED, Reason.UPSTREAM_SKIPPED, Reason.TRIGGER_RULE}:
        return next((one for one in upstream(task, facts) if is_obstacle(one)), None)
    if task.reason_code is Reason.FAIL_FAST:
        root = root_failure(facts.tasks, facts.mission)
        return None if root is None or root.task_id == task.task_id else root
    if task.reason_code is Reason.ITEM_FAILED:
        return next((o for o in items(task, facts) if o.state is TaskState.FAILED), None)
    return None
