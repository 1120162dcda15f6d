"""Prints the wall and own CPU seconds of running `true` COUNT times through the local executor.

python -m benchmarks.probe_spawn COUNT CONCURRENCY
"""

import asyncio
import json
import os
import resource
import sys
import time

from core.domain.records import LogStream
from core.executors.local import LocalExecutor
from core.ports.executor import Census, Job


class Nowhere:
    """A sink that keeps nothing."""

    def write(self, _stream: LogStream, _data: bytes) -> bool:
        """Take bytes."""
        return True

    async def drain(self) -> None:
        """Return at once."""

    def census(self, census: Census) -> None:
        """Take no note."""


async def main(count: int, at_once: int) -> None:
    """Run them, so many at a time."""
    executor = LocalExecutor()
    env, cwd = dict(os.environ), os.getcwd()  # noqa: PTH109 - as the executor compares it
    numbers = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            job = Job(key=f"x/{number}/1", argv=("true",), env=env, cwd=cwd)
            outcome = await executor.run(job, Nowhere())
            assert outcome.exit_code == 0

    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*(lane() for _ in range(at_once)))
    wall, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    await executor.close()
    print(json.dumps({"wall": wall, "cpu": cpu}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
