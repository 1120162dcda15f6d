"""The texts of one execution in the list of home. Pure: computed from records."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.domain.approval_question import may_answer
from core.domain.item_label import item_label, step_title
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.state_word import state_word
from core.domain.states import Coverage, ExecutionState, is_terminal
from core.domain.tally import tally_of_execution
from core.operations.queue import QueuePlace
from core.value.timestamp import SECOND_NS
from tui.look.styled_text import Line
from tui.search.home_page import Group, HomeRow, Need
from tui.words.cause import cause_of
from tui.words.numbers import bar, percent, rough
from tui.words.run_label import SUBSET
from tui.words.safe_text import clean_line
from tui.words.state_counts import count_signs

BAR_CELLS = 11
GROUP_STYLES = {Group.NEEDS_YOU: "warn", Group.RUNNING: "state:RUNNING", Group.ENDED: "muted"}
"""The styles of the headings."""


def word_of(row: HomeRow) -> tuple[str, str]:
    """Return the word for the state of an execution, and its style."""
    execution = row.execution
    if row.need is Need.APPROVAL:
        return "approval", "warn"
    if row.need is Need.LOST:
        return "lost", "state:LOST"
    if execution.coverage is Coverage.SUBSET and execution.state is ExecutionState.SUCCESS:
        return SUBSET, "warn"
    word = state_word(execution.state, execution.reason_code)
    return word, f"state:{execution.state.value}"


def told(row: HomeRow, actor: str, now: int) -> Line:
    """Return what is to be said of an execution: its question, its failure, or its progress."""
    execution = row.execution
    if row.questions and row.need is Need.APPROVAL:
        return [(question_text(row.questions, actor, now), "text")]
    if execution.reason_code is Reason.QUEUED:
        return [(queue_text(row.place), "text")]
    parts: list[tuple[str, str]] = []
    if is_terminal(execution.state) or execution.state is ExecutionState.PAUSED:
        cause = cause_of(execution.reason_code.value, execution.message)
        if cause.sentence and execution.state is not ExecutionState.SUCCESS:
            parts.append((clean_line(cause.sentence), "text"))
            if cause.code:
                parts.append((f"  {cause.code}", "faint"))
            return parts
    elif execution.state is not ExecutionState.PENDING:
        if is_being_cancelled(execution):
            parts.append(("cancelling  ", "warn"))
        parts += progress(execution)
    parts += counts(execution)
    if execution.state is ExecutionState.SUCCESS and execution.message:  # it ended early
        sentence = cause_of(execution.reason_code.value, execution.message).sentence
        parts.append((f" {clean_line(sentence)}", "muted"))
    return parts


def is_being_cancelled(execution: Execution) -> bool:
    """Return whether somebody has cancelled an execution that has not ended yet."""
    return execution.cancel_requested_at is not None and not is_terminal(execution.state)


def progress(execution: Execution) -> Line:
    """Return the share of steps that have ended, as a bar and a number."""
    share = tally_of_execution(execution).share_done
    filled, rest = bar(share, BAR_CELLS)
    return [
        (filled, f"state:{execution.state.value}"),
        (rest, "faint"),
        (f" {percent(share)}  ", "text"),
    ]


def counts(execution: Execution) -> Line:
    """Return how many steps are in which state."""
    steps = tally_of_execution(execution).steps
    return [(f"{text} ", f"state:{state.value}") for state, text in count_signs(steps)]


def question_text(questions: Sequence[TaskRun], actor: str, now: int) -> str:
    """Return which step waits for an approval, who may give it, and how long it has waited."""
    first = min(questions, key=lambda task: task.updated_at)
    step = clean_line(step_title(first))
    waited = rough((now - first.updated_at) / SECOND_NS)
    more = f"; {len(questions) - 1:,} more" if len(questions) > 1 else ""
    return f"{step}: {_who_may(first, actor)}, waits {waited}{more}"


def queue_text(place: QueuePlace | None) -> str:
    """Return who is before an execution in its concurrency group; None is a place not known."""
    if place is None:
        return "waits for its turn in its concurrency group"
    group = f"the group `{clean_line(place.group)}`"
    if place.is_held:
        return f"on hold in {group}"
    if not place.ahead:
        return f"next in {group}"
    first, more = place.ahead[0], len(place.ahead) - 1
    who_is = clean_line(first.label or first.execution_id)
    if more:
        return f"{who_is} and {more:,} more of {group} are before it"
    return f"{who_is} of {group} is before it"


def _who_may(task: TaskRun, actor: str) -> str:
    named = (task.inputs or {}).get("approvers") or ()
    approvers = tuple(map(str, named)) if isinstance(named, list | tuple) else ()
    if not approvers:
        return "anybody may answer"
    if may_answer(actor, approvers):
        return "you may answer"
    return f"{', '.join(map(clean_line, approvers))} may answer"


def kin(row: HomeRow) -> str:
    """Return the number of an execution's sub-missions, or whose sub-mission it is."""
    if row.children:
        failed = row.children.get(ExecutionState.FAILED, 0)
        fold = "▾" if row.is_expanded else "▸"
        return f" {fold}{sum(row.children.values()):,}" + (f" {failed:,}✗" if failed else "")
    return f" of {clean_line(row.parent)}" if row.parent else ""


def who(actor: str, own: str) -> str:
    """Return an actor (`user@host`) without the host if that is the user's own."""
    name, _, host = actor.partition("@")
    return clean_line(name if host == own.partition("@")[2] else actor)


def given_params(
    execution: Execution, defaults: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Return the parameters of a run that differ from the mission's defaults."""
    known = defaults or EMPTY
    return {
        name: value
        for name, value in execution.params.items()
        if name not in known or known[name] != value
    }


def labels_text(labels: Mapping[str, str]) -> str:
    """Return all labels in one line, as they are given on the command line."""
    return clean_line(" ".join(item_label({name: value}) for name, value in labels.items()))


def params_text(params: Mapping[str, Any]) -> str:
    """Return parameters in one short line: `tag=v2 loud=true`."""
    return clean_line(item_label(params)) if params else ""
