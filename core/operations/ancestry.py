"""The parents and sub-missions of an execution, and which of them is resumed for it."""

from collections.abc import Iterator

from core.domain.records import Execution
from core.domain.states import is_terminal
from core.ports.reader import Reader

MAX_DEPTH = 8
"""Missions inside missions."""


def ancestors(reader: Reader, execution: Execution) -> Iterator[Execution]:
    """Yield the executions an execution is a sub-mission of, its parent first."""
    for _ in range(MAX_DEPTH + 1):
        if execution.parent_execution_id is None:
            return
        execution = reader.find_execution(execution.parent_execution_id)
        yield execution


def descendants(reader: Reader, execution_id: str, *, live: bool = False) -> Iterator[Execution]:
    """Yield the sub-missions of an execution and those below; with `live` those not ended."""
    for child in reader.children(execution_id):
        if not (live and is_terminal(child.state)):
            yield child
            yield from descendants(reader, child.execution_id, live=live)


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
