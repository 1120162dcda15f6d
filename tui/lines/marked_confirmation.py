"""The texts of the dialogs about several executions at once: their scope, run by run. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.domain.records import Execution
from core.domain.state_word import counted
from core.domain.states import TaskState, is_terminal
from core.domain.tally import tally_of_execution
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line

MAX_NAMED_RUNS = 8
"""How many runs are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an action on several executions would do; `chosen` are those that it fits."""

    title: str
    lines: Sequence[str]
    chosen: Sequence[Execution]


def cancel_scope_of(executions: Sequence[Execution]) -> Scope:
    """Describe what cancelling these executions would stop."""
    live = [one for one in executions if not is_terminal(one.state)]
    ended = [one for one in executions if is_terminal(one.state)]
    lines = ["Running steps get SIGTERM, and steps that have not started are skipped:"]
    lines += _named(live, under_way)
    lines += _left_out(ended, "has ended", "have ended")
    return Scope(_title("Cancel", live, "run"), [*lines, "This cannot be undone."], live)


def rerun_scope_of(executions: Sequence[Execution]) -> Scope:
    """Describe what running these executions again would start."""
    ended = [one for one in executions if is_terminal(one.state)]
    live = [one for one in executions if not is_terminal(one.state)]
    lines = ["A new run of each with the same parameters, linked to it:"]
    lines += _named(ended, _size)
    lines += _left_out(live, "has not ended", "have not ended")
    return Scope(_title("Run", ended, "run", " again"), lines, ended)


def retry_scope_of(executions: Sequence[Execution]) -> Scope:
    """Describe what retrying all that failed in these executions would run again."""
    failed = [one for one in executions if is_terminal(one.state) and _failed(one)]
    others = [one for one in executions if one not in failed]
    lines = ["A new linked run of each; what succeeded is reused:"]
    lines += _named(failed, _failed_and_needing)
    lines += _left_out(others, "has nothing to retry", "have nothing to retry")
    return Scope(_title("Retry what failed in", failed, "run"), lines, failed)


def _failed_and_needing(execution: Execution) -> str:
    failed = _failed(execution)
    return f"{counted(failed, 'failed step')} and what needs {'it' if failed == 1 else 'them'}"


def report_of(done: int, verb: str, problems: Sequence[str]) -> str:
    """Return what came of an action on several executions."""
    told = f"{counted(done, 'run')} {verb}"
    if not problems:
        return told
    return f"{told}; {counted(len(problems), 'refusal')}: {problems[0]}"


def _title(verb: str, executions: Sequence[Execution], noun: str, after: str = "") -> str:
    if len(executions) == 1:
        return f"{verb} {clean_line(run_name(executions[0]))}{after}?"
    return f"{verb} {counted(len(executions), noun)}{after}?"


def _named(executions: Sequence[Execution], tell: Callable[[Execution], str]) -> list[str]:
    lines = [f"  {clean_line(run_name(one))}: {tell(one)}" for one in executions[:MAX_NAMED_RUNS]]
    if len(executions) > MAX_NAMED_RUNS:
        lines.append(f"  … and {len(executions) - MAX_NAMED_RUNS:,} more")
    return lines


def _left_out(executions: Sequence[Execution], one: str, several: str) -> list[str]:
    if not executions:
        return []
    verb = one if len(executions) == 1 else several
    names = ", ".join(clean_line(run_name(each)) for each in executions[:MAX_NAMED_RUNS])
    more = ", …" if len(executions) > MAX_NAMED_RUNS else ""
    return [f"Left alone: {names}{more} {verb}"]


def under_way(execution: Execution) -> str:
    """Return how many steps of an execution run, and how many are to come."""
    steps = tally_of_execution(execution).steps
    running = steps.get(TaskState.RUNNING, 0)
    to_come = sum(steps.get(state, 0) for state in _TO_COME)
    return f"{counted(running, 'running step')}, {to_come:,} to come"


_TO_COME = (TaskState.PENDING, TaskState.READY, TaskState.WAITING)


def _size(execution: Execution) -> str:
    return counted(sum(tally_of_execution(execution).steps.values()), "step")


def _failed(execution: Execution) -> int:
    return tally_of_execution(execution).steps.get(TaskState.FAILED, 0)
