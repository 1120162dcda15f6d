"""The texts of the confirmation dialogs: the scope of an action, in sentences. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.approval_question import OpenQuestion, may_answer
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.state_word import counted, state_word
from core.domain.states import TaskState, is_terminal
from core.planning.cancel_scope import cancel_scope, cancel_step_scope
from core.value.duration import duration_text
from core.value.timestamp import SECOND_NS
from tui.live.board import Board
from tui.words.cancel_text import KILL_STEP_TEXT, KILL_TEXT, cancel_text, stop_text
from tui.words.numbers import moment
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line, clean_lines

MAX_NAMED_STEPS = 8
REST_UNKNOWN = (
    "A new linked run; what the other steps did is reused where they succeeded, "
    "and those that did not are left out."
)
"""How many downstream steps of a retry are named; the others are counted."""


def cancel_run_lines(board: Board, label: str) -> list[str]:
    """Describe what cancelling the run would stop, or that it has ended."""
    if not board.is_live:
        return [f"Run {label} has ended: there is nothing left to cancel."]
    is_repeated = board.execution.cancel_requested_at is not None
    scope = cancel_scope(board.tasks.values(), board.mission, is_repeated=is_repeated)
    effect = clean_line(cancel_text(scope, board.tasks, board.mission))
    return [f"Cancel run {label}: {effect}", "This cannot be undone."]


def kill_run_lines(board: Board, label: str) -> list[str]:
    """Describe what killing the run would do, or that it has ended."""
    if not board.is_live:
        return [f"Run {label} has ended: there is nothing left to cancel."]
    return [f"Kill run {label}: {KILL_TEXT}", "This cannot be undone."]


def cancel_step_lines(board: Board, task_id: str) -> list[str]:
    """Describe what cancelling a step would stop, or that it has ended."""
    name = clean_line(board.title(task_id))
    if is_terminal(board.tasks[task_id].state):
        return [f"{name} has ended: there is nothing left to cancel."]
    scope = cancel_step_scope(task_id, board.tasks.values())
    effect = stop_text(scope, board.tasks, board.mission)
    after = count_text(len(board.downstream([task_id])), "downstream")
    return [f"Cancel step {name}: {effect}; {after} may be skipped."]


def kill_step_lines(board: Board, task_id: str) -> list[str]:
    """Describe what killing a step does that is being cancelled, or that it has ended."""
    name = clean_line(board.title(task_id))
    if is_terminal(board.tasks[task_id].state):
        return [f"{name} has ended: there is nothing left to kill."]
    return [f"{name} is being cancelled. Kill it now: {KILL_STEP_TEXT}"]


def approval_lines(
    board: Board, task_id: str, question: OpenQuestion, actor: str, now: int
) -> list[str]:
    """Describe the question of a step, what depends on the answer, who may give it, until when."""
    task, name = board.tasks[task_id], clean_line(board.title(task_id))
    if not awaits(task):
        return [f"{name} no longer waits: it is {state_word(task.state, task.reason_code)}."]
    after = len(board.downstream([task_id]))
    verb = "depends" if after < 2 else "depend"
    dependents = f"{count_text(after, 'downstream')} {verb} on it."
    return [
        *(clean_lines(question.prompt) if question.prompt else [f"{name} waits for an approval."]),
        dependents if board.mission is not None else "Its downstream steps are being read.",
        "",
        *question_lines(question, actor, now),
    ]


def question_lines(question: OpenQuestion, actor: str, now: int) -> list[str]:
    """Describe who may answer, whether the user may, and until when."""
    if question.approvers:
        who = ", ".join(map(clean_line, question.approvers))
        may = "you are one of them" if may_answer(actor, question.approvers) else "you may not"
        lines = [f"Who may answer: {who}. You are {clean_line(actor)}: {may}."]
    else:
        lines = [f"Anybody may answer; you answer as {clean_line(actor)}."]
    if question.until is None:
        return [*lines, "It waits until somebody answers."]
    left = (question.until - now) / SECOND_NS
    if left <= 0:
        return [*lines, "The time to answer is over."]
    return [*lines, f"Until {moment(question.until)}, {duration_text(left)} from now."]


@dataclass(frozen=True, slots=True)
class RetryScope:
    """The effect of a retry. `skipped` counts downstream steps that were skipped."""

    title: str
    lines: Sequence[str]
    step_id: str
    skipped: int


def named_in_run(board: Board, task_id: str) -> str:
    """Return the title of a step; in a sub-mission with the run, as several may be in sight."""
    name, execution = board.title(task_id), board.execution
    is_part = execution.parent_task_id is not None
    return clean_line(f"{name} of {run_name(execution)}" if is_part else name)


def retry_scope(board: Board, task_id: str, *, downstream: bool) -> RetryScope:
    """Describe what runs again, and in which execution."""
    task, name = board.tasks[task_id], clean_line(board.title(task_id))
    step_id = task.parent_task_id or task_id
    after = board.downstream([step_id]) if downstream else []
    also = f" and {count_text(len(after), 'downstream')}:" if after else "."
    is_known = not downstream or board.mission is not None
    if not is_known:
        also = " and every downstream step. The mission is not read, so they cannot be named."
    lines = [f"Runs again: {name}{_items_to_repeat(board, task)}{also}"]
    lines += [f"  {clean_line(other)}" for other in after[:MAX_NAMED_STEPS]]
    if len(after) > MAX_NAMED_STEPS:
        lines.append(f"  … and {len(after) - MAX_NAMED_STEPS:,} more")
    if board.is_live:
        lines.append("This run goes on; the new attempt is numbered after the last.")
    else:
        steps = [one for one in board.tasks.values() if one.parent_task_id is None]
        if board.mission is None:
            lines.append(REST_UNKNOWN)
        else:
            handlers = {one.id for one in board.mission.handlers.all}
            again = {step_id, *after, *handlers}
            lines.append(_rest_of([one for one in steps if one.task_id not in again]))
    skipped = [] if downstream or not board.is_live else board.skipped_for(step_id)
    if skipped:
        were = "was" if len(skipped) == 1 else "were"
        run = "runs" if len(skipped) == 1 else "run"
        lines.append(
            f"{counted(len(skipped), 'downstream step')} {were} skipped, "
            f"and {run} only if retried as well."
        )
    title = f"Retry {named_in_run(board, task_id)}" + (" and downstream?" if downstream else "?")
    return RetryScope(title, lines, step_id, len(skipped))


def _rest_of(others: Sequence[TaskRun]) -> str:
    """Describe what becomes of the steps that are not retried; handlers run as they are needed."""
    reused = sum(one.state is TaskState.SUCCESS for one in others)
    parts = ["A new linked run"]
    if reused:
        are = "is" if reused == 1 else "are"
        parts.append(f"what {count_text(reused, 'other')} did {are} reused")
    if left_out := len(others) - reused:
        are = "is" if left_out == 1 else "are"
        parts.append(f"{count_text(left_out, '')} that did not succeed {are} left out")
    return f"{'; '.join(parts)}."


def awaits(task: TaskRun) -> bool:
    """Tell whether a task run waits for an approval."""
    return task.state is TaskState.WAITING and task.reason_code is Reason.AWAITING_APPROVAL


def count_text(number: int, kind: str) -> str:
    """Return `no downstream step`, `1 downstream step`, `7 downstream steps`."""
    noun = f"{kind} step" if kind else "step"
    return f"no {noun}" if number == 0 else counted(number, noun)


def _items_to_repeat(board: Board, task: TaskRun) -> str:
    """Describe how many items of a fan-out step run again: those that did not succeed."""
    items = [one for one in board.tasks.values() if one.parent_task_id == task.task_id]
    again = [one for one in items if one.state is not TaskState.SUCCESS]
    if not again or task.state is TaskState.SUCCESS:
        return ""
    return f" ({len(again):,} of {counted(len(items), 'item')})"
