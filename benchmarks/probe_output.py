"""Prints what it costs to capture, store and seal BYTES of one process's lines.

python -m benchmarks.probe_output BYTES
"""

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.output_capture import LINE
from benchmarks.storage import Bench, BenchSigner
from core.executors.local import LocalExecutor
from core.machine.system_clock import SystemClock
from core.output.capture import Capture
from core.ports.executor import Job
from storage.write.store import open_store

TICK_SECONDS = 0.001


async def main(size: int, folder: Path) -> None:
    """Run a process that writes so much, and wait until all of it is durable."""
    clock = SystemClock()
    store = await open_store(folder / "output.db", BenchSigner(), clock=clock)
    bench = Bench(store, clock, 1)
    await store.journal.submit(bench.creation())
    await store.journal.submit(bench.batch(bench.starts(bench.steps)))
    executor = LocalExecutor()
    capture = Capture(
        execution_id=bench.execution_id, task_id=bench.steps[0], attempt=1,
        emit=store.journal.append_log, clock=clock, limit_bytes=1 << 40,
        backlog=lambda: store.journal.backlog,
    )  # fmt: skip
    data = folder / "lines.txt"
    line = LINE.encode() + b"\n"
    data.write_bytes(line * (size // len(line)))
    job = Job(key="x/y/1", argv=("cat", str(data)), env=dict(os.environ), cwd=str(folder))
    ticker = asyncio.create_task(_longest_stall())
    start, used = time.perf_counter(), _cpu()
    await executor.run(job, capture)
    seal = capture.close()
    await store.journal.submit(bench.batch(bench.ends(bench.steps)))
    wall, cpu = time.perf_counter() - start, _cpu() - used
    ticker.cancel()
    await executor.close()
    await store.close()
    assert seal.bytes == size // len(line) * len(line)
    print(json.dumps({"wall": wall, "cpu": cpu, "lines": seal.entries, "stall": STALLS[-1]}))


STALLS = [0.0]


async def _longest_stall() -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        late = time.perf_counter() - before - TICK_SECONDS
        if late > STALLS[-1]:
            STALLS.append(late)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=os.environ.get("MISSION_HOME")) as name:
        asyncio.run(main(int(sys.argv[1]), Path(name)))
