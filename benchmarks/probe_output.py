"""Prints what it costs to capture, store and seal BYTES of one process's lines.

python -m benchmarks.probe_output BYTES [SECRETS]

With SECRETS the output is masked as that of a step that reads so many secrets; one line in a
thousand has one.
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
from core.engine.masked_executor import MaskedExecutor
from core.executors.local import LocalExecutor
from core.machine.system_clock import SystemClock
from core.output.capture import Capture
from core.output.masker import MASK, Masker
from core.ports.executor import Job
from storage.write.store import open_store

TICK_SECONDS = 0.001


async def main(size: int, secrets: int, folder: Path) -> None:
    """Run a process that writes so much, and wait until all of it is durable."""
    clock = SystemClock()
    store = await open_store(folder / "output.db", BenchSigner(), clock=clock)
    bench = Bench(store, clock, 1)
    await store.journal.submit(bench.creation())
    await store.journal.submit(bench.batch(bench.starts(bench.steps)))
    local = LocalExecutor()
    values = [f"a-secret-of-the-benchmark-{number:03}" for number in range(secrets)]
    masker = Masker({f"SECRET_{value[-3:]}": value.encode() for value in values})
    capture = Capture(
        execution_id=bench.execution_id, task_id=bench.steps[0], attempt=1,
        emit=store.journal.append_log, clock=clock, limit_bytes=1 << 40,
        backlog=lambda: store.journal.backlog, masker=masker,
    )  # fmt: skip
    executor = (
        MaskedExecutor(local, masker, count=capture.redacted, passed=capture.passed)
        if secrets
        else local
    )
    data = folder / "lines.txt"
    line = LINE.encode() + b"\n"
    told = values[0].encode().ljust(len(line) - 1, b".") + b"\n" if secrets else line
    data.write_bytes((line * 999 + told) * (size // (1000 * len(line))))
    size = data.stat().st_size
    job = Job(key="x/y/1", argv=("cat", str(data)), env=dict(os.environ), cwd=str(folder))
    ticker = asyncio.create_task(_longest_stall())
    start, used = time.perf_counter(), _cpu()
    await executor.run(job, capture)
    seal = capture.close()
    await store.journal.submit(bench.batch(bench.ends(bench.steps)))
    wall, cpu = time.perf_counter() - start, _cpu() - used
    ticker.cancel()
    await local.close()
    await store.close()
    shorter = sum(seal.redactions.values()) * (len(values[0]) - len(MASK)) if secrets else 0
    assert seal.bytes == size - shorter, (seal.bytes, size, shorter)
    assert not secrets or sum(seal.redactions.values()) == size // (1000 * len(line))
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
        asyncio.run(main(int(sys.argv[1]), int((*sys.argv, "0")[2]), Path(name)))
