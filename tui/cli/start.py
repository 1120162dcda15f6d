"""Make an ordered execution durable and hand it to a detached runner."""

import asyncio
from collections.abc import Mapping

from core.domain.records import Execution
from core.errors import MissionDeckError
from core.launch.order import Order, launch
from core.machine.clock import SystemClock
from core.ports.control import Lease
from tui.host.places import Paths
from tui.host.session import open_session
from tui.host.spawn import spawn_runner


def start_detached(paths: Paths, order: Order, environ: Mapping[str, str]) -> Execution:
    """Create the execution, start its runner and return its first record once it runs.

    Until the runner has it, the lease is this process's: should it die before, the execution counts
    as one whose runner is lost, and is resumed like one.
    """
    execution, lease = asyncio.run(_create(paths, order))
    try:
        spawn_runner(paths, execution.execution_id, environ, is_launch=True)
    except MissionDeckError:
        asyncio.run(_give_up(paths, lease))
        raise
    return execution


async def _create(paths: Paths, order: Order) -> tuple[Execution, Lease]:
    clock = SystemClock()
    async with open_session(paths, clock) as store:
        snapshot, _ = await launch(order, clock, store.journal)
        lease = await store.control.acquire(snapshot.current.execution_id)
        return snapshot.current, lease


async def _give_up(paths: Paths, lease: Lease) -> None:
    async with open_session(paths, SystemClock()) as store:
        await store.control.release(lease)
