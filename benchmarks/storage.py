"""The cost of storage: durable records of steps, creation of executions, output, reading.

    python -m benchmarks.storage [FOLDER]

Prints µs of CPU of the whole process (event loop and writer thread) and wall time; FOLDER decides
which disk is measured, a temporary folder by default. Use CPU figures on a busy machine.
"""

import asyncio
import hashlib
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    TaskStateChanged,
)
from core.domain.fold import Snapshot, apply
from core.domain.joined_events import join
from core.domain.reasons import Reason
from core.domain.records import LogLevel, LogStream
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.launch.uuid7 import uuid7
from core.machine.system_clock import SystemClock
from core.ports.journal import Batch, LogChunk, LogSegment
from core.ports.reader import LogQuery
from storage.read.reader import open_reader
from storage.write.store import Store, open_store


class BenchSigner:
    """An Ed25519 key in memory."""

    key_name = "bench"

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature."""
        return self._key.sign(message)


class Bench:
    """One execution whose events are made and folded before anything is measured."""

    def __init__(self, store: Store, clock: SystemClock, steps: int) -> None:
        self.store = store
        self.clock = clock
        self.execution_id = str(uuid7(clock))
        self.snapshot = Snapshot()
        self.steps = tuple(f"step-{number:06d}" for number in range(steps))

    def batch(self, events: list[Event], *, finalize: bool = False) -> Batch:
        """Fold events into a batch."""
        for event in events:
            apply(self.snapshot, event)
        return Batch(
            execution_id=self.execution_id,
            events=join(events),
            changes=self.snapshot.take_changes(),
            finalize=finalize,
        )

    def creation(self) -> Batch:
        """Return the batch that creates and starts the execution."""
        at, key = self.clock.now(), self.execution_id
        return self.batch(
            [
                ExecutionCreated(
                    at=at, execution_id=key, workflow_id="w", mission_name="bench",
                    mission_digest="0" * 64, step_ids=self.steps,
                ),
                ExecutionStateChanged(
                    at=self.clock.now(), execution_id=key, from_state=ExecutionState.PENDING,
                    to_state=ExecutionState.RUNNING, reason_code=Reason.STARTED,
                ),
            ]
        )  # fmt: skip

    def starts(self, steps: tuple[str, ...]) -> list[Event]:
        """Return the events with which steps start."""
        found: list[Event] = []
        for step in steps:
            found.append(self._moved(step, TaskState.PENDING, TaskState.READY, Reason.DEPS_MET))
            found.append(
                AttemptStarted(
                    at=self.clock.now(), execution_id=self.execution_id, task_id=step, attempt=1,
                    inputs={"command": "true"},
                )
            )  # fmt: skip
        return found

    def ends(self, steps: tuple[str, ...]) -> list[Event]:
        """Return the events with which steps end."""
        found: list[Event] = []
        for step in steps:
            found.append(
                AttemptEnded(
                    at=self.clock.now(), execution_id=self.execution_id, task_id=step, attempt=1,
                    to_state=AttemptState.SUCCESS, reason_code=Reason.EXIT_ZERO, exit_code=0,
                    outputs={"exit_code": 0},
                )
            )  # fmt: skip
            found.append(self._moved(step, TaskState.RUNNING, TaskState.SUCCESS, Reason.EXIT_ZERO))
        return found

    def _moved(self, step: str, old: TaskState, new: TaskState, reason: Reason) -> Event:
        return TaskStateChanged(
            at=self.clock.now(), execution_id=self.execution_id, task_id=step, from_state=old,
            to_state=new, reason_code=reason,
        )  # fmt: skip

    def chunk(self, number: int, data: bytes, lines: int) -> LogChunk:
        """Return a chunk of whole lines of the first step."""
        segment = LogSegment(
            self.clock.now(), LogStream.STDOUT, LogLevel.INFO, "process", len(data), lines
        )
        return LogChunk(
            execution_id=self.execution_id, task_id=self.steps[0], attempt=1, chunk=number,
            first_seq=number * lines + 1, segments=(segment,), data=data,
        )  # fmt: skip


class Timer:
    """Wall and CPU time of a block."""

    def __enter__(self) -> "Timer":
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self.wall
        self.cpu = time.process_time() - self.cpu


async def measure_steps(bench: Bench, group: int) -> None:
    """Commit the ends of a group of steps with the starts of the next, as an engine does."""
    await bench.store.journal.submit(bench.creation())
    steps = bench.steps
    groups = [steps[start : start + group] for start in range(0, len(steps), group)]
    batches = [bench.batch(bench.starts(groups[0]))]
    for old, new in pairwise(groups):
        batches.append(bench.batch(bench.ends(old) + bench.starts(new)))
    batches.append(bench.batch(bench.ends(groups[-1])))
    with Timer() as timer:
        for batch in batches:
            await bench.store.journal.submit(batch)
    per = 1e6 / len(steps)
    print(
        f"record of a step, {group:4} a commit: {timer.cpu * per:7.1f} µs CPU, "
        f"{timer.wall * per:7.1f} µs wall"
    )


async def measure_creation(bench: Bench) -> None:
    batch = bench.creation()
    with Timer() as timer:
        await bench.store.journal.submit(batch)
    count = len(bench.steps)
    print(f"creation with {count:6} steps: {timer.cpu:7.3f} s CPU, {timer.wall:7.3f} s wall")


async def measure_logs(bench: Bench, size: int) -> None:
    """Append output as the capture does: 64 KiB chunks, waiting above 8 MiB of backlog."""
    journal = bench.store.journal
    await journal.submit(bench.creation())
    await journal.submit(bench.batch(bench.starts(bench.steps[:1])))
    line = b"2026-01-01T00:00:00.000Z INFO worker 0000007 processed record ok in 12 ms, queue 7\n"
    lines = 65536 // len(line)
    data = line * lines
    digest = hashlib.sha256()
    with Timer() as timer:
        for number in range(size // len(data)):
            digest.update(data)
            journal.append_log(bench.chunk(number, data, lines))
            if journal.backlog > 8 << 20:
                await journal.flush()
        await journal.flush()
    megabytes = size / 1e6
    print(
        f"output, {megabytes:.0f} MB sealed and durable: {megabytes / timer.wall:6.0f} MB/s wall, "
        f"{megabytes / timer.cpu:6.0f} MB/s CPU"
    )


def measure_reading(path: Path, execution_id: str, logged_id: str) -> None:
    reader = open_reader(path)

    def timed(name: str, function: Callable[[], object]) -> None:
        with Timer() as timer:
            function()
        print(f"read {name:45} {timer.wall * 1e3:8.2f} ms")

    newest, tasks = reader.task_states(execution_id)
    timed(f"task_states of {len(tasks)}", lambda: reader.task_states(execution_id))
    for back in (100, 4000):
        timed(
            f"task_states, last {back} events",
            partial(reader.task_states, execution_id, after_seq=newest - back),
        )
    timed("one step", lambda: reader.task_run(execution_id, tasks[-1].task_id))
    timed("history of one step", lambda: reader.state_changes(execution_id, tasks[-1].task_id))
    timed("attempts", lambda: reader.attempts(execution_id))
    timed("data_version", reader.data_version)
    everything = LogQuery(execution_id=logged_id)
    tail, search = replace(everything, tail=100), replace(everything, search="zzz")
    timed("log tail 100", lambda: list(reader.logs(tail)))
    timed("log search without a hit (30 MB)", lambda: list(reader.logs(search)))
    timed("log, all lines (30 MB)", lambda: deque(reader.logs(everything), maxlen=0))
    reader.close()


async def main(folder: Path) -> None:
    clock = SystemClock()
    path = folder / "bench.db"
    store = await open_store(path, BenchSigner(), clock=clock)
    for group, steps in ((1, 1000), (8, 4000), (64, 8000), (256, 8000)):
        bench = Bench(store, clock, steps)
        await measure_steps(bench, group)
    big = Bench(store, clock, 100_000)
    await measure_creation(big)
    logged = Bench(store, clock, 1)
    await measure_logs(logged, 300_000_000)
    small = Bench(store, clock, 1)
    await measure_logs(small, 30_000_000)
    await store.close()
    measure_reading(path, bench.execution_id, small.execution_id)
    print(f"file: {path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        asyncio.run(main(Path(name)))
