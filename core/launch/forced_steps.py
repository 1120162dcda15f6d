"""Which steps run though nothing may have changed for them, in a mission and in those it runs."""

from collections.abc import Sequence

from core.launch.order import ALL_STEPS, Order
from core.launch.step_path import names_within, require_step_path


def forced_steps(order: Order, names: Sequence[str]) -> tuple[str, ...]:
    """Return the steps that a launch forces, `STEP/STEP` in a sub-mission, `*` for all of them.

    Raises `NotFoundError` for a step that does not exist.
    """
    for name in names:
        if name != ALL_STEPS:
            require_step_path(order.mission, name, order.folder)
    return (ALL_STEPS,) if ALL_STEPS in names else tuple(dict.fromkeys(names))


def forced_within(forced: Sequence[str] | None, step_id: str) -> tuple[str, ...] | None:
    """Return what is forced of the sub-mission of a step: all of it with the step itself."""
    if forced is not None and (ALL_STEPS in forced or step_id in forced):
        return (ALL_STEPS,)
    return names_within(forced, step_id) or None
