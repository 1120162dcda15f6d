"""Whether a cluster can run missions: who answers, in which versions, and how it is set up."""

import asyncio

from msgspec import Struct

from core.executors.dask.cluster import CallError, Cluster
from core.executors.dask.cluster_address import ClusterAddress
from core.executors.dask.dask_executor import LEASE_SECONDS
from core.executors.dask.message import PROTOCOL, Hello, Placed

Finding = tuple[str, str | None]
"""What is wrong, and what to do about it."""


class ClusterState(Struct, frozen=True, kw_only=True):
    """What was found of a cluster. `threads` are the slots of all workers together."""

    workers: int
    threads: int
    problems: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def check_cluster(address: ClusterAddress, version: str) -> ClusterState:
    """Connect to a cluster and ask all of its workers; `version` is that of this program.

    Raises `UnavailableError` when it cannot be reached.
    """
    return asyncio.run(_check(address, version))


async def _check(address: ClusterAddress, version: str) -> ClusterState:
    cluster = await Cluster.connect(address, _pass_over)
    problems: list[Finding] = []
    warnings: list[Finding] = []
    threads = 0
    try:
        workers = await cluster.workers()
        for worker in workers:
            threads += worker.threads
            try:
                answer = await cluster.call(worker.address, Hello())
            except CallError as error:
                told = f"worker {worker.name} on {worker.host} does not answer: {error}"
                problems.append((told, "start it by `mission worker`"))
                continue
            if answer.protocol != PROTOCOL:
                told = f"worker {worker.name} on {answer.host} has missiondeck {answer.version}"
                problems.append((told, f"install {version} there, as here"))
            elif answer.version != version:
                told = f"worker {worker.name} on {answer.host} has missiondeck {answer.version}"
                warnings.append((told, f"here it is {version}"))
        if not workers:
            warnings.append(("the cluster has no workers", "start them by `mission worker`"))
        ttl = await cluster.worker_ttl()
        if ttl is None or ttl > 2 * LEASE_SECONDS:
            told = "the scheduler keeps silent workers for long"
            hint = "set `distributed.scheduler.worker-ttl: 30s` where it runs"
            warnings.append((told, hint))
    except CallError as error:
        problems.append((str(error), None))
        workers = []
    finally:
        await cluster.close()
    return ClusterState(
        workers=len(workers),
        threads=threads,
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def _pass_over(_placed: Placed) -> None:
    """Take no slot: nothing is run."""
