"""Make an ordered execution durable and hand it to a detached runner."""

import asyncio
from collections.abc import Mapping

from core.clock import SystemClock
from core.launch import Order, launch
from tui.cli.home import Paths
from tui.cli.session import open_session
from tui.cli.spawn import spawn_runner


def start_detached(paths: Paths, order: Order, environ: Mapping[str, str]) -> str:
    """Create the execution, start its runner and return its id once it runs."""
    execution_id = asyncio.run(_create(paths, order))
    spawn_runner(paths, execution_id, environ)
    return execution_id


async def _create(paths: Paths, order: Order) -> str:
    clock = SystemClock()
    async with open_session(paths, clock) as store:
        snapshot, _ = await launch(order, clock, store.journal)
        return snapshot.current.execution_id
