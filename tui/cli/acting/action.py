"""What one command does to each of many executions, and what it tells of each."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.errors import MissionDeckError
from core.ports.reader import Reader
from tui.output import json_shapes

Done = tuple[str, Mapping[str, Any]]
"""What was done, in words, and more of it for JSON."""


class Action(Struct, frozen=True, kw_only=True):
    """What is to be done to each execution.

    `plan` says what would be done and raises the error that stands against it; `act` does it, while
    others are acted on.
    """

    verb: str
    states: frozenset[ExecutionState]
    """Executions in other states are left alone."""
    is_unattended: bool = False
    """Whether those are left alone that another execution retries or runs again."""
    plan: Callable[[Reader, Execution], str]
    act: Callable[[Reader, Execution], Awaitable[Done]]
    ask: Callable[[Reader, Execution], None] | None = None
    """Asks the operator for what an execution needs, for each before the first is acted on."""
    note: str = ""
    """What holds of all of them, for the preview."""


class Planned(Struct, frozen=True):
    """An execution with what would be done to it, or the error that stands against it."""

    execution: Execution
    told: str
    error: MissionDeckError | None = None


def action_json(
    execution: Execution, outcome: str, told: str, error: MissionDeckError | None = None
) -> dict[str, Any]:
    """Return an execution and what becomes of it.

    `outcome` is `planned`, `refused`, `done`, `failed`, or after Ctrl-C `not_done` or `unknown`.
    """
    return {
        "execution_id": execution.execution_id,
        "reference": json_shapes.reference_of(execution),
        "outcome": outcome,
        "message": told,
        "error": None if error is None else json_shapes.failure(error)["error"],
    }


def planned_json(one: Planned) -> dict[str, Any]:
    """Return what would be done to an execution, or that it is refused."""
    outcome = "planned" if one.error is None else "refused"
    return action_json(one.execution, outcome, one.told, one.error)
