"""Prints the wall and CPU seconds of running `true` COUNT times through an executor.

python -m benchmarks.probe_spawn direct|supervised COUNT CONCURRENCY

The CPU time is that of this process, of the supervisor and of the processes that were run.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable

from benchmarks.workload import TRUE
from core.domain.records import LogStream
from core.executors.local import LocalExecutor
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.ports.executor import Census, Job, Placement


class Nowhere:
    """A sink that keeps nothing."""

    def write(self, _stream: LogStream, _data: bytes) -> bool:
        """Take bytes."""
        return True

    async def drain(self) -> None:
        """Return at once."""

    def placed(self, where: Placement) -> None:
        """Take no note."""

    def census(self, census: Census) -> None:
        """Take no note."""


EXECUTORS: dict[str, Callable[[], LocalExecutor]] = {
    "direct": LocalExecutor,
    "supervised": SupervisedExecutor,
}


async def main(name: str, count: int, at_once: int) -> None:
    """Run them, so many at a time."""
    executor = EXECUTORS[name]()
    env, cwd = dict(os.environ), os.getcwd()  # noqa: PTH109 - as the executor compares it
    numbers = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            job = Job(key=f"x/{number}/1", argv=(TRUE,), env=env, cwd=cwd)
            outcome = await executor.run(job, Nowhere())
            assert outcome.exit_code == 0

    start, used = time.perf_counter(), cpu_seconds()
    await asyncio.gather(*(lane() for _ in range(at_once)))
    wall = time.perf_counter() - start
    await executor.close()  # only then a supervisor is among the children that were waited for
    print(json.dumps({"wall": wall, "cpu": cpu_seconds() - used}))


def cpu_seconds() -> float:
    """Return the processor time of this process and of all children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
