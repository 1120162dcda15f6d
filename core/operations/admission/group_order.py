"""What is known of the steps of a group before it starts, as an order of their own."""

from core.domain.mission import MissionStep
from core.launch.order import Order
from core.launch.step_path import SEPARATOR
from core.mission_file.inner_mission import GROUP, inner_mission


def order_of_group(order: Order, step: MissionStep) -> Order | None:
    """Return the order of the steps of a group; None for another step, or if they are not known."""
    mission = inner_mission(step) if step.step_type == GROUP else None
    if mission is None:
        return None
    return Order(
        mission=mission,
        source=order.source,
        actor=order.actor,
        source_path=order.source_path,
        working_dir=order.working_dir,
    )


def inner_name(group: MissionStep, name: str) -> str:
    """Return the name of a step of a group in the mission around it."""
    return group.id + SEPARATOR + name
