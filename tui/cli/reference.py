"""The arguments EXEC and STEP: declaration, lookup, and labels of executions."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

import click

from core.domain.records import Execution, TaskRun
from core.errors import NotFoundError
from core.ports.reader import Reader
from tui.cli.completion.completions import complete_execution, complete_step
from tui.cli.invocation import Invocation
from tui.words.run_label import run_label
from tui.words.safe_text import safe_line

F = TypeVar("F", bound=Callable[..., Any])

_STEPS_ABOVE = re.compile(r"\s*[/›]\s*")
_ITEM_VALUE = re.compile(r"\s.*")
"""What stands behind an id in output: the value of an item, as in `load[1] oslo`."""


def find_execution(invocation: Invocation, reader: Reader, reference: str) -> Execution:
    """Return the execution that a reference on the command line names.

    `@last` and `@last-failed` prefer missions of the current folder; a note on stderr says when
    that changes the result. Raises `NotFoundError`, `AmbiguousError`.
    """
    found = reader.find_execution(reference, folder=str(invocation.cwd))
    if reference.startswith("@"):
        newest = reader.find_execution(reference)
        if newest.execution_id != found.execution_id:
            labels = labels_of(reader, (found, newest))
            invocation.console.say(
                f"{reference} is {labels[found.execution_id]}, the newest in this folder; "
                f"the newest of all missions is {labels[newest.execution_id]}"
            )
    return found


def steps_of_path(path: str) -> list[str]:
    """Return the names in `quality/nulls` or `quality › nulls`, from the outermost step."""
    return [_ITEM_VALUE.sub("", name) for name in _STEPS_ABOVE.split(path.strip())]


def find_step(reader: Reader, execution: Execution, path: str) -> tuple[Execution, str]:
    """Return the id of a step and the execution that has it, of those below `execution`.

    A step of a sub-mission is named with those above it, `quality/nulls`, or as lines of output
    have it, `quality › nulls`; of several attempts the newest counts. Raises `NotFoundError`.
    """
    *above, step_id = steps_of_path(path)
    for name in above:
        task = reader.task_run(execution.execution_id, name)
        runs = [
            one
            for one in reader.children(execution.execution_id)
            if one.parent_task_id == task.task_id
        ]
        if not runs:
            raise NotFoundError(
                f"`{name}` of {label_of(reader, execution)} has run no mission",
                hint="its result may be that of another run: `mission show EXEC` tells it",
            )
        execution = max(runs, key=lambda one: (one.parent_attempt or 0, one.created_at))
    return execution, reader.task_run(execution.execution_id, step_id).task_id


def labels_of(reader: Reader, executions: Iterable[Execution]) -> dict[str, str]:
    """Return the label of each execution by id, safe for a terminal: `deploy#7 0193c0de`."""
    found = list(executions)
    short = reader.short_ids([one.execution_id for one in found])
    return {one.execution_id: safe_line(run_label(one, short[one.execution_id])) for one in found}


def label_of(reader: Reader, execution: Execution) -> str:
    """Return the label of one execution, see `labels_of`."""
    return labels_of(reader, (execution,))[execution.execution_id]


_MAX_SOURCES = 20
"""Executions that are read for their labels."""


def linked_labels(
    reader: Reader, execution: Execution, tasks: Iterable[TaskRun] = ()
) -> dict[str, str]:
    """Return the labels of the existing executions linked to one, by id.

    Those whose results its `tasks` have taken over are among them, a few of them at most.
    """
    found = []
    sources = dict.fromkeys(task.reused_from for task in tasks if task.reused_from is not None)
    linked = (execution.parent_execution_id, execution.retry_of, execution.rerun_of)
    for other in dict.fromkeys([*linked, *islice(sources, _MAX_SOURCES)]):
        if other is not None:
            with suppress(NotFoundError):
                found.append(reader.find_execution(other))
    return labels_of(reader, found)


def parent_labels(reader: Reader, executions: Iterable[Execution]) -> dict[str, str]:
    """Return the label of each sub-mission's parent, by the id of the sub-mission."""
    of = {
        one.execution_id: one.parent_execution_id
        for one in executions
        if one.parent_execution_id is not None
    }
    found = []
    for parent in dict.fromkeys(of.values()):
        with suppress(NotFoundError):
            found.append(reader.find_execution(parent))
    labels = labels_of(reader, found)
    return {child: labels[parent] for child, parent in of.items() if parent in labels}


def execution_argument(function: F) -> F:
    """Add the argument EXEC, passed as `execution`."""
    return click.argument("execution", metavar="EXEC", shell_complete=complete_execution)(function)


def step_argument(*, required: bool) -> Callable[[F], F]:
    """Add the argument STEP, passed as `step`."""
    return click.argument(
        "step",
        metavar="STEP" if required else "[STEP]",
        required=required,
        shell_complete=complete_step,
    )
