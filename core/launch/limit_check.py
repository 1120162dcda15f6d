"""Checks whether this system can enforce the limits that a mission sets on its processes."""

from core.domain.mission import Mission
from core.domain.process_policy import NO_LIMITS, limits_over
from core.errors import UnavailableError
from core.step_type.registry import PROCESS_TYPES


def refuse_limits(mission: Mission) -> None:
    """Raise `UnavailableError` for the first step whose limits cannot be enforced here."""
    default = mission.config.limits
    if default == NO_LIMITS and all(step.limits == NO_LIMITS for step in mission.all_steps):
        return
    from core.executors.process_limits import unenforceable  # rarely needed at start-up

    for step in mission.all_steps:
        if step.step_type not in PROCESS_TYPES and step.limits == NO_LIMITS:
            continue
        reason = unenforceable(limits_over(step.limits, default))
        if reason is not None:
            raise UnavailableError(
                f"the limits of step `{step.id}` cannot be enforced here: {reason}",
                hint="remove them, or run the mission where they can be",
            )
