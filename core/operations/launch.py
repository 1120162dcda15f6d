"""Creates an execution and starts a detached runner for it."""

from core.domain.records import Execution
from core.errors import MissionDeckError
from core.launch.order import Order, launch
from core.operations.admission.policy_check import admit, policies_of
from core.operations.executor.executor_check import with_slots
from core.operations.executor.recorded_executor import site_of_earlier
from core.operations.mission_secret_check import require_secrets
from core.operations.queue import require_turn
from core.operations.site import Site


async def launch_detached(site: Site, order: Order) -> Execution:
    """Create the execution, start its runner and return its first record once it runs.

    Until the runner has it, the lease is this process's: should it die before, the execution counts
    as one whose runner is lost, and is resumed like one.

    Raises `UsageError` for parameters the mission does not take, `SecretMissingError` for secrets
    that nobody stored, `PolicyViolationError` and `PolicyFileError` as `admit` does, and what
    `Site.start_runner` raises.
    """
    policies = policies_of(site, order)
    require_secrets(site, order, site.environ)
    require_turn(site, order)
    site = site_of_earlier(site, order.retry_of or order.rerun_of)
    order = await with_slots(site, order)
    async with site.open_store() as store:
        order = await admit(site, policies, order, store=store)
        snapshot, _ = await launch(order, site.clock, store.journal)
        execution = snapshot.current
        lease = await store.control.acquire(execution.execution_id)
    try:
        await site.start_runner(execution.execution_id, is_launch=True)
    except MissionDeckError:
        async with site.open_store() as store:
            await store.control.release(lease)
        raise
    return execution
