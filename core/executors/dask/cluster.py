"""The connection of one runner to a Dask cluster: slots, calls to workers, and who they are.

The only module of the runner's side that speaks Dask. Knows nothing of attempts.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import cloudpickle  # type: ignore[import-untyped] # it has no annotations
from distributed import Client, Security
from msgspec import Struct

from core.errors import UnavailableError
from core.executors.dask import slot_ticket
from core.executors.dask.cluster_address import ClusterAddress
from core.executors.dask.message import (
    HANDLER,
    Answer,
    Placed,
    Request,
    decode_answer,
    decode_placed,
    encode,
)
from core.executors.dask.worker_plugin import MissionPlugin
from core.ports.executor import WorkerLoad

CONNECT_SECONDS = 10.0
CALL_SECONDS = 5.0
_PROBE_SECONDS = 2.0


_Client: Any = Client  # most of what it has is not annotated
_Security: Any = Security


class CallError(Exception):
    """Raised when a worker did not answer."""


class WorkerGoneError(CallError):
    """Raised when the process of a worker is gone: its machine says that nothing listens there."""


class WorkerFacts(Struct, frozen=True, kw_only=True):
    """A worker as the scheduler knows it."""

    address: str
    name: str
    host: str
    threads: int
    resources: Mapping[str, float]
    load: WorkerLoad


class _ByValue:
    """A function that travels as its code, so that the scheduler need not have its module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__name__ = function.__name__
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        return cloudpickle.loads, (cloudpickle.dumps(self._function),)


cloudpickle.register_pickle_by_value(slot_ticket)


class Cluster:
    """One open connection. `session` names the runner to the workers."""

    def __init__(self, client: Any, on_placed: Callable[[Placed], None]) -> None:
        self.session = uuid.uuid4().hex
        self._client = client
        self._on_placed = on_placed
        self._topic = f"{HANDLER}-{self.session}"
        self._ticket = _ByValue(slot_ticket.hold_slot)
        self._tickets = 0

    @classmethod
    async def connect(
        cls, address: ClusterAddress, on_placed: Callable[[Placed], None]
    ) -> "Cluster":
        """Connect to a scheduler and see to it that its workers have the plugin.

        Raises `UnavailableError` when it cannot be reached or used.
        """
        try:
            client = await _Client(
                address.url,
                asynchronous=True,
                set_as_default=False,
                timeout=CONNECT_SECONDS,
                security=_Security(require_encryption=True) if address.scheme == "tls" else None,
                name="mission",
            )
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            reason = str(error).strip() or type(error).__name__
            raise UnavailableError(
                f"the cluster at {address.url} cannot be reached: {reason}",
                hint="`mission doctor --executor dask=ADDRESS` checks it",
            ) from error
        cluster = cls(client, on_placed)
        try:
            client.subscribe_topic(cluster._topic, cluster._on_event)
            await client.register_plugin(MissionPlugin(), name=HANDLER)
        except Exception as error:
            await cluster.close()
            raise UnavailableError(
                f"the workers at {address.url} cannot run missions: {error}",
                hint="they need the same version of missiondeck: start them by `mission worker`",
            ) from error
        return cluster

    @property
    def is_lost(self) -> bool:
        """Whether the scheduler is gone."""
        comm = self._client.scheduler_comm
        return self._client.status != "running" or comm is None or comm.comm.closed()

    def take_slot(self, key: str, needs: Mapping[str, float]) -> Any:
        """Ask for a slot on a worker that has what is needed; `on_placed` tells when there is one.

        Dask never repeats it by itself as far as a job is concerned: a job is sent to one slot.
        """
        self._tickets += 1
        return self._client.submit(
            self._ticket,
            self.session,
            key,
            self._topic,
            key=f"{key}-{self.session}-{self._tickets}",
            pure=False,
            retries=0,
            resources=dict(needs) or None,
        )

    async def give_up(self, slot: Any) -> None:
        """Withdraw a request for a slot."""
        with suppress(Exception):
            await self._client.cancel([slot], reason="mission", msg="it is not wanted any more")

    async def workers(self) -> list[WorkerFacts]:
        """Return the workers of the cluster now; raise `CallError` when the scheduler is gone."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                found = await self._client.scheduler.identity(n_workers=-1)
        except Exception as error:
            raise CallError(f"the scheduler does not answer: {error}") from error
        return [_facts_of(address, facts) for address, facts in found["workers"].items()]

    async def worker_ttl(self) -> float | None:
        """Return the seconds after which the scheduler gives up a silent worker, None for never."""
        found: float | None = await self._client.run_on_scheduler(
            lambda dask_scheduler: dask_scheduler.worker_ttl
        )
        return found

    async def call(self, worker: str, request: Request, seconds: float = CALL_SECONDS) -> Answer:
        """Ask a worker directly, or else through the scheduler.

        Raises `CallError` without an answer, `WorkerGoneError` where there cannot be one.
        A request may reach the worker twice.
        """
        message = encode(request)
        try:
            async with asyncio.timeout(seconds):
                direct = getattr(self._client.rpc(worker), HANDLER)
                return decode_answer(await direct(message=message))
        except Exception as error:  # of whatever kind, there was no answer
            if await refuses_connections(worker):
                raise WorkerGoneError(f"nothing listens at {worker} any more") from error
            if self.is_lost:
                raise CallError(str(error)) from error
        try:
            async with asyncio.timeout(seconds):
                proxied = self._client.scheduler.proxy(
                    msg={"op": HANDLER, "message": message}, worker=worker
                )
                return decode_answer(await proxied)
        except Exception as error:
            raise CallError(f"{type(error).__name__}: {error}") from error

    async def call_all(self, request: Request) -> list[Answer]:
        """Ask all workers through the scheduler; return the answers that came."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                found = await self._client.scheduler.broadcast(
                    msg={"op": HANDLER, "message": encode(request)}, on_error="ignore"
                )
        except Exception as error:
            raise CallError(f"the scheduler does not answer: {error}") from error
        return [decode_answer(one) for one in found.values() if isinstance(one, bytes)]

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        with suppress(Exception):
            await self._client.close()

    def _on_event(self, event: tuple[float, bytes]) -> None:
        self._on_placed(decode_placed(event[1]))


def _facts_of(address: str, facts: Mapping[str, Any]) -> WorkerFacts:
    """Return what the scheduler says of a worker (`SchedulerState.identity` of distributed)."""
    name, host = str(facts.get("name", address)), str(facts.get("host", ""))
    threads = int(facts.get("nthreads", 0))
    metrics = facts.get("metrics", {})
    return WorkerFacts(
        address=address,
        name=name,
        host=host,
        threads=threads,
        resources=facts.get("resources", {}),
        load=WorkerLoad(
            worker=address,
            name=name,
            host=host,
            slots=threads,
            running=int(metrics.get("task_counts", {}).get("executing", 0)),
            cpu_percent=float(metrics.get("cpu", 0.0)),
            memory_bytes=int(metrics.get("memory", 0)),
            memory_limit_bytes=int(facts.get("memory_limit") or 0),
        ),
    )


async def refuses_connections(worker: str) -> bool:
    """Tell whether the machine of a worker says that no process listens there any more."""
    parts = urlsplit(worker)
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError, ValueError):
        return False
    writer.close()
    return False
