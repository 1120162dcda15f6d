"""Checks the breakpoints that a launch asks for."""

from collections.abc import Sequence

from core.domain.mission import Mission
from core.errors import NotFoundError, UsageError
from core.launch.order import Order
from core.value.suggestion import did_you_mean


def breakpoints_of(order: Order, names: Sequence[str]) -> tuple[str, ...]:
    """Return the steps before which an execution is to pause, each once.

    Raises `NotFoundError` for a step that does not exist, `UsageError` for one that is not run.
    """
    for name in names:
        _require_known(order.mission, name)
        if name in order.unselected or name in order.reuse or name in order.set_by_hand:
            raise UsageError(
                f"there is nothing to pause before: `{name}` is not started in this run",
                hint="give --break a step that this run does not leave out",
            )
    return tuple(dict.fromkeys(names))


def _require_known(mission: Mission, name: str) -> None:
    if any(step.id == name for step in mission.handlers.all):
        raise UsageError(
            f"`{name}` is a handler: handlers have no breakpoints",
            hint="give --break the last step before it",
        )
    known = [step.id for step in mission.steps]
    if name not in known:
        raise NotFoundError(f"the mission has no step `{name}`", hint=did_you_mean(name, known))
