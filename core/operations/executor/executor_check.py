"""What a mission is to run on, asked before anything is recorded: is it there, has it slots."""

from msgspec.structs import replace

from core.domain.mission import ExecutorKind
from core.launch.order import Order
from core.operations.site import Site


async def with_slots(site: Site, order: Order) -> Order:
    """Return the order with the slots of its cluster as limit, where nobody says another one.

    Nothing is started. Raises what `Site.new_executor` and `Executor.slots` raise.
    """
    config = order.mission.config
    if config.executor is ExecutorKind.LOCAL:
        return order
    executor = site.new_executor(config)
    try:
        slots = await executor.slots()
    finally:
        await executor.close()
    if slots is None or order.parallel_limit is not None or config.has_own_parallel_limit:
        return order
    return replace(order, parallel_limit=slots)
