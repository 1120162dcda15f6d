"""Runs an engine beside its heartbeat, which renews the lease, and its mailbox for requests."""

import asyncio
from contextlib import suppress

from core.engine.loop import Engine
from core.errors import UnavailableError
from core.planning.ending import Ending
from core.ports.control import LEASE_SECONDS, Control, Lease
from core.ports.executor import Executor

WORKERS_SECONDS = 3.0
"""How often the load of the workers of a cluster is stored."""

RENEW_SECONDS = LEASE_SECONDS / 3
REQUEST_POLL_SECONDS = 0.2


async def run_engine(engine: Engine, control: Control, lease: Lease, executor: Executor) -> Ending:
    """Run the engine to its end; a heartbeat or mailbox that fails ends the engine with it.

    The load of the workers that `executor` has, if any, is stored all the while.

    Raises what the engine raises, `LeaseHeldError` when the lease is lost, and what `control`
    raises when the database cannot be used.
    """
    main = asyncio.create_task(engine.run(), name="engine")
    aides = [
        asyncio.create_task(_heartbeat(control, lease), name="heartbeat"),
        asyncio.create_task(_mailbox(control, engine, lease), name="mailbox"),
    ]
    watching = asyncio.create_task(_watch_workers(control, executor, lease), name="workers")
    try:
        await asyncio.wait({main, *aides}, return_when=asyncio.FIRST_COMPLETED)
        for aide in aides:
            if aide.done():
                main.cancel()
                await asyncio.gather(main, return_exceptions=True)
                await aide  # raises what ended it
        return await main
    finally:
        for aide in (*aides, watching):
            aide.cancel()
        await asyncio.gather(*aides, watching, return_exceptions=True)


async def _heartbeat(control: Control, lease: Lease) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        lease = await control.renew(lease)


async def _watch_workers(control: Control, executor: Executor, lease: Lease) -> None:
    """Store what the workers of a cluster do, if there is one; it may be out of reach at times."""
    while True:
        with suppress(UnavailableError):
            workers = await executor.workers()
            if workers is None:
                return
            await control.note_workers(lease, workers)
        await asyncio.sleep(WORKERS_SECONDS)


async def _mailbox(control: Control, engine: Engine, lease: Lease) -> None:
    while True:
        for request in await control.take_requests(lease):
            engine.request(request)
        await asyncio.sleep(REQUEST_POLL_SECONDS)
