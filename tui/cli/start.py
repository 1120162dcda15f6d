"""Make an ordered execution durable and hand it to a detached runner."""

import asyncio
from collections.abc import Mapping

from core.clock import SystemClock
from core.launch import Order, launch
from core.model import Execution
from tui.cli.home import Paths
from tui.cli.session import open_session
from tui.cli.spawn import spawn_runner


def start_detached(paths: Paths, order: Order, environ: Mapping[str, str]) -> Execution:
    """Create the execution, start its runner and return its first record once it runs."""
    execution = asyncio.run(_create(paths, order))
    spawn_runner(paths, execution.execution_id, environ)
    return execution


async def _create(paths: Paths, order: Order) -> Execution:
    clock = SystemClock()
    async with open_session(paths, clock) as store:
        snapshot, _ = await launch(order, clock, store.journal)
        return snapshot.current
