"""The label of an execution in messages, and the argument by which a user names it.

Results are not yet made safe for a terminal: names come from mission files.
"""

import shlex
from typing import Protocol

from core.domain.records import Execution
from core.launch.run_number import run_reference

_LONGEST = 80
"""Characters of a reference that is offered for typing; for a longer one the short id is."""


class Run(Protocol):
    """An execution, or its result."""

    @property
    def mission_name(self) -> str:
        """The name of its mission."""

    @property
    def run_number(self) -> int | None:
        """Which run of the mission it is."""


def run_name(run: Run) -> str:
    """Return `NAME#7`, or the mission's name alone where that is no reference."""
    return run_reference(run.mission_name, run.run_number) or run.mission_name


def run_label(run: Run, short: str) -> str:
    """Return the name of a run beside the shortest unique prefix of its id: `deploy#7 0193c0de`."""
    return f"{run_name(run)} {short}"


def run_argument(run: Run, short: str) -> str:
    """Return what names this run for good in a command, quoted for a shell; `short` if need be."""
    reference = run_reference(run.mission_name, run.run_number)
    if reference is None or not reference.isprintable() or len(reference) > _LONGEST:
        return short
    if reference.startswith(("-", "@")):
        return short
    name = run.mission_name
    return reference if shlex.quote(name) == name else shlex.quote(reference)


def full_label(execution: Execution) -> str:
    """Return the name of an execution beside its whole id."""
    return run_label(execution, execution.execution_id)


def full_argument(execution: Execution) -> str:
    """Return what names an execution for good in a command: `NAME#7`, or its whole id."""
    return run_argument(execution, execution.execution_id)
