"""Prints what 1,000 workers, say, cost a runner that has one attempt on each, by simulation.

python -m benchmarks.probe_many_workers WORKERS SECONDS

The workers are simulated in this process and have nothing to tell: each answers a question after as
long as a real one would wait. Nothing is sent over a network, and the cost of a message there is
not in the figure: CPU seconds of the runner per second.
"""

import asyncio
import json
import sys
import time
from typing import Any

from benchmarks.probe_spawn import Nowhere
from core.executors.dask.dask_executor import LEASE_SECONDS
from core.executors.dask.message import (
    PROTOCOL,
    Answer,
    Placed,
    Poll,
    decode_answer,
    decode_request,
    encode,
)
from core.executors.dask.remote_attempt import RemoteAttempt
from core.executors.dask.worker_link import WorkerLink
from core.ports.executor import Job


class SimulatedCluster:
    """Workers that are asked and have nothing to tell."""

    session = "simulated"

    def __init__(self) -> None:
        self.questions = 0

    async def call(self, worker: str, request: Poll, _seconds: float) -> Answer:
        """Encode and decode as a real call does, and wait."""
        self.questions += 1
        decode_request(encode(request))
        await asyncio.sleep(request.wait_seconds)
        return decode_answer(encode(Answer(at=time.monotonic(), instance=worker.encode())))


async def main(workers: int, seconds: float) -> None:
    """Follow the workers for some seconds."""
    cluster: Any = SimulatedCluster()
    links = []
    for number in range(workers):
        address = f"tls://node{number}:4711"
        placed = Placed(
            key=f"bench/s{number}/1",
            worker=address,
            host=f"node{number}",
            protocol=PROTOCOL,
            version="",
            public_key=address.encode(),
            at=0.0,
        )
        job = Job(key=placed.key, argv=("true",), env={}, cwd="/")
        link = WorkerLink(cluster, placed, LEASE_SECONDS, lambda _attempt, _batch: None)
        link.add(RemoteAttempt(job, Nowhere()))
        links.append(link)
    await asyncio.sleep(1.5)
    begin, asked = time.process_time(), cluster.questions
    await asyncio.sleep(seconds)
    cpu = (time.process_time() - begin) / seconds
    print(json.dumps({"cpu": cpu, "questions": (cluster.questions - asked) / seconds}))
    for link in links:
        link.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
