"""The parents and sub-missions of an execution, and which of them is resumed for it."""

from collections.abc import Iterator

from msgspec.structs import replace

from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import ExecutionState, is_terminal
from core.explain.cause import behind
from core.launch.run_label import full_argument
from core.launch.step_path import SEPARATOR
from core.machine.ownership import is_owned
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader

MAX_DEPTH = 8
"""Missions inside missions."""
MAX_LIVE = 10_000
"""No execution runs more sub-missions at once."""
LIVE = frozenset(state for state in ExecutionState if not is_terminal(state))
STOPPED = frozenset({Reason.USER_PAUSED, Reason.BREAKPOINT})
"""Why an execution stands still until somebody resumes it, while its runner lives."""


def ancestors(reader: Reader, execution: Execution) -> Iterator[Execution]:
    """Yield the executions an execution is a sub-mission of, its parent first."""
    for _ in range(MAX_DEPTH + 1):
        if execution.parent_execution_id is None:
            return
        execution = reader.find_execution(execution.parent_execution_id)
        yield execution


def descendants(reader: Reader, execution_id: str, *, live: bool = False) -> Iterator[Execution]:
    """Yield the sub-missions of an execution and those below; with `live` those not ended."""
    children = _live_children(reader, execution_id) if live else reader.children(execution_id)
    for child in children:
        yield child
        yield from descendants(reader, child.execution_id, live=live)


def _live_children(reader: Reader, execution_id: str) -> list[Execution]:
    """Return the sub-missions that have not ended, the oldest first: a fan-out has ended many."""
    query = ExecutionQuery(parent=execution_id, states=LIVE, reverse=True, limit=MAX_LIVE)
    return reader.executions(query)


def standing_below(reader: Reader, execution: Execution, now: int) -> list[str]:
    """Return what stands still below an execution that a runner drives, one sentence each."""
    if is_terminal(execution.state) or not is_owned(reader.lease(execution.execution_id), now):
        return []
    return [
        sentence
        for child in descendants(reader, execution.execution_id, live=True)
        if (sentence := _standing(child)) is not None
    ]


def _standing(execution: Execution) -> str | None:
    label = f"{full_argument(execution)}, a sub-mission of it,"
    if execution.reason_code is Reason.QUEUED:
        return behind(f"{label} waits for its turn", execution.message)
    if execution.reason_code in STOPPED:
        how = execution.message or "paused"
        return f"{label} is {how}: `mission resume {full_argument(execution)}` goes on with it"
    return None


def with_breakpoints_ahead(reader: Reader, execution: Execution) -> Execution:
    """Return an execution with those of its breakpoints that it or a sub-mission has not reached.

    A breakpoint within a sub-mission is used up there; the execution that names it keeps it.
    """
    names = execution.breakpoints or ()
    if is_terminal(execution.state) or not any(SEPARATOR in name for name in names):
        return execution
    _cursor, tasks = reader.task_states(execution.execution_id)
    runs = {one.parent_task_id: one for one in reader.children(execution.execution_id)}
    fanned_out = {task.parent_task_id for task in tasks}
    waiting = [
        task for task in tasks if task.task_id not in fanned_out and not is_terminal(task.state)
    ]

    def is_ahead(name: str) -> bool:
        step_id, _separator, rest = name.partition(SEPARATOR)
        return any(
            _is_before(reader, runs.get(task.task_id), rest)
            for task in waiting
            if step_id in (task.task_id, task.parent_task_id)
        )

    ahead = tuple(name for name in names if SEPARATOR not in name or is_ahead(name))
    return replace(execution, breakpoints=ahead or None)


def _is_before(reader: Reader, run: Execution | None, name: str) -> bool:
    """Tell whether a sub-mission has still to come to a breakpoint, also one that is to start."""
    if run is None or is_terminal(run.state):
        return True
    return name in (with_breakpoints_ahead(reader, run).breakpoints or ())


def to_resume(reader: Reader, execution: Execution, now: int) -> Execution:
    """Return what a user resumes to let an execution go on: itself while a runner drives it."""
    is_driven = is_owned(reader.lease(execution.execution_id), now)
    return execution if is_driven else resumed_with(reader, execution)


def resumed_with(reader: Reader, execution: Execution) -> Execution:
    """Return the execution that is to be resumed so that this one goes on.

    Of a sub-mission it is the outermost execution above that has not ended: the end of a
    sub-mission belongs to the step that asked for it. A sub-mission that names no step, as older
    versions made them, goes on by itself, like any other execution.
    """
    found = execution
    for parent in ancestors(reader, execution):
        if found.parent_task_id is None or is_terminal(parent.state):
            break
        found = parent
    return found
