"""The plugin of a Dask worker: starts the host of attempts, and ends everything with the worker."""

import asyncio
from functools import partial
from importlib.metadata import version

from distributed import Worker, WorkerPlugin

from core.executors.dask.attempt_host import AttemptHost
from core.executors.dask.message import HANDLER, PROTOCOL, Placed, encode


class MissionPlugin(WorkerPlugin):
    """Gives a worker its host of attempts; many runners may register it, the first one counts."""

    name = HANDLER
    idempotent = True

    def __init__(self) -> None:
        self._host: AttemptHost | None = None
        self._worker: Worker | None = None

    def __getstate__(self) -> dict[str, None]:
        """Travel as a plugin that has not been set up."""
        return {"_host": None, "_worker": None}

    def setup(self, worker: Worker) -> None:
        """Start the host of attempts and answer runners."""
        self._worker = worker
        self._host = AttemptHost(version("missiondeck"), adopts=True)
        self._host.start()
        worker.handlers[HANDLER] = self._answer

    async def teardown(self, worker: Worker) -> None:
        """End everything that runs here."""
        worker.handlers.pop(HANDLER, None)
        host, self._host = self._host, None
        if host is not None:
            await asyncio.wrap_future(host.close())

    def hold_slot(self, session: str, key: str, topic: str) -> str:
        """Hold the slot of the calling task for an attempt, and tell its runner so on `topic`."""
        host, worker = self._host, self._worker
        if host is None or worker is None:
            return "closed"
        placed = Placed(
            key=key,
            worker=worker.address,
            host=host.host,
            protocol=PROTOCOL,
            version=version("missiondeck"),
            public_key=host.public_key,
            at=host.now(),
        )
        tell = partial(worker.log_event, topic, encode(placed))
        return host.hold_slot(session, key, lambda: worker.loop.add_callback(tell))

    async def _answer(self, message: bytes) -> bytes:
        host = self._host
        if host is None:
            raise RuntimeError("the worker is closing")
        return await asyncio.wrap_future(host.answer(message))
