"""Which breakpoints an execution takes: steps of its mission, and `STEP/STEP` of a sub-mission."""

from collections.abc import Sequence

from core.errors import UsageError
from core.launch.order import Order
from core.launch.step_path import SEPARATOR, names_within, require_step_path


def breakpoints_of(order: Order, names: Sequence[str]) -> tuple[str, ...]:
    """Return the breakpoints that a launch asks for, each once.

    Raises `NotFoundError` for a step that does not exist, `UsageError` for one that is not run or
    has none. Steps of a sub-mission whose file is known only at run time are not checked.
    """
    left_out = order.unselected | order.reuse.keys() | order.set_by_hand
    handlers = {step.id for step in order.mission.handlers.all}
    for name in names:
        step_id = name.partition(SEPARATOR)[0]
        if step_id in handlers:
            raise UsageError(
                f"`{step_id}` is a handler: handlers have no breakpoints",
                hint="give --break the last step before it",
            )
        require_step_path(order.mission, name, order.folder)
        if step_id in left_out:
            raise UsageError(
                f"there is nothing to pause before: `{step_id}` is not started in this run",
                hint="give --break a step that this run does not leave out",
            )
    return tuple(dict.fromkeys(names))


def breakpoints_within(breakpoints: Sequence[str] | None, step_id: str) -> tuple[str, ...] | None:
    """Return those of the breakpoints that are for the sub-mission of a step, None for none."""
    return names_within(breakpoints, step_id) or None
