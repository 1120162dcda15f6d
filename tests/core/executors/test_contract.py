"""What every executor must do, whatever runs the jobs."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.executors.local import LocalExecutor
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.ports.executor import Executor, Job, Outcome, OutcomeKind
from tests.support.dask_cluster import LEASE_SECONDS, dask_cluster
from tests.support.fake_executor import Act, FakeExecutor, RecordingSink, as_argv

EXITED = OutcomeKind.EXITED


class Bench:
    """One executor, and jobs for it that play acts."""

    def __init__(self, make: Callable[[Callable[[Job], Act]], Executor], folder: Path) -> None:
        self.acts: dict[str, Act] = {}
        self.executor = make(lambda job: self.acts[job.key])
        self.folder = folder
        self.sink = RecordingSink()

    def job(self, act: Act, **fields: Any) -> Job:
        key = f"execution-{os.getpid()}/step-{len(self.acts)}/1"  # no other run ends it
        self.acts[key] = act
        defaults: dict[str, Any] = {
            "key": key,
            "argv": as_argv(act, self.folder),
            "env": dict(os.environ),
            "cwd": str(self.folder),
            "grace_seconds": 0.2,
        }
        return Job(**{**defaults, **fields})

    async def run(self, act: Act, **fields: Any) -> Outcome:
        return await self.executor.run(self.job(act, **fields), self.sink)

    async def start(self, act: Act, **fields: Any) -> "asyncio.Task[Outcome]":
        """Start an act that writes something, and wait until it has."""
        task = asyncio.create_task(self.run(act, **fields))
        await self.sink.first_write.wait()
        return task


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with dask_cluster() as address:
        yield address


def dask_executor(address: str) -> Executor:
    from core.executors.dask.cluster_address import parse_cluster_address
    from core.executors.dask.dask_executor import DaskExecutor

    local = SupervisedExecutor()
    return DaskExecutor(parse_cluster_address(address), local, lease_seconds=LEASE_SECONDS)


@pytest.fixture(
    params=[
        "supervised",
        "local",
        "portable",
        "fake",
        pytest.param("dask", marks=pytest.mark.slow),
    ]
)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    makers: dict[str, Callable[[Callable[[Job], Act]], Executor]] = {
        "supervised": lambda _: SupervisedExecutor(),
        "local": lambda _: LocalExecutor(),
        "portable": lambda _: LocalExecutor(portable=True),
        "fake": FakeExecutor,
        "dask": lambda _: dask_executor(request.getfixturevalue("cluster")),
    }
    bench = Bench(makers[request.param], tmp_path)
    yield bench
    await bench.executor.close()


async def test_output_of_both_streams_and_the_exit_code_arrive(bench: Bench) -> None:
    outcome = await bench.run(Act(out=b"hello\n", err=b"oh\n", exit_code=3))

    assert (outcome.kind, outcome.exit_code, outcome.message) == (EXITED, 3, None)
    assert (bytes(bench.sink.out), bytes(bench.sink.err)) == (b"hello\n", b"oh\n")
    assert bench.sink.censuses == []


async def test_bytes_arrive_as_they_are(bench: Bench) -> None:
    every = bytes(range(256)) * 40

    await bench.run(Act(out=every))

    assert bytes(bench.sink.out) == every


async def test_output_of_many_megabytes_is_complete(bench: Bench) -> None:
    large = os.urandom(1 << 20) * 8

    await bench.run(Act(out=large))

    assert bench.sink.out == large


async def test_a_silent_job_ends(bench: Bench) -> None:
    assert (await bench.run(Act())).exit_code == 0
    assert bench.sink.writes == 0


async def test_death_by_a_signal_is_a_negative_exit_code(bench: Bench) -> None:
    assert (await bench.run(Act(exit_code=-9))).exit_code == -9


async def test_stdin_reaches_the_job(bench: Bench) -> None:
    data = os.urandom(300_000)

    await bench.run(Act(copies_stdin=True), stdin=data)

    assert bench.sink.out == data


async def test_a_job_that_does_not_read_its_stdin_is_not_disturbed(bench: Bench) -> None:
    outcome = await bench.run(Act(out=b"done"), stdin=bytes(20_000_000))

    assert outcome.exit_code == 0
    assert bench.sink.out == b"done"


async def test_without_stdin_a_reader_finds_the_end_at_once(bench: Bench) -> None:
    assert (await bench.run(Act(copies_stdin=True))).exit_code == 0
    assert bench.sink.out == b""


async def test_cancelling_ends_the_job_and_keeps_its_output(bench: Bench) -> None:
    task = await bench.start(Act(out=b"begun\n", seconds=600))

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert bench.sink.out == b"begun\n"
    [(processes, survivors)] = bench.sink.censuses
    assert processes >= 1
    assert survivors == 0


async def test_cancelling_returns_only_after_the_grace_of_a_job_that_ignores_it(
    bench: Bench,
) -> None:
    task = await bench.start(
        Act(out=b"begun\n", seconds=600, ignores_term=True), grace_seconds=0.15
    )
    begin = time.monotonic()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert time.monotonic() - begin >= 0.14
    assert [survivors for _, survivors in bench.sink.censuses] == [0]


async def test_hurrying_ends_the_grace_of_a_cancelled_job(bench: Bench) -> None:
    task = await bench.start(
        Act(out=b"begun\n", seconds=600, ignores_term=True), grace_seconds=600.0
    )

    task.cancel()
    while not task.done():  # the ladder starts in a task of its own
        await asyncio.sleep(0.01)
        bench.executor.hurry()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [survivors for _, survivors in bench.sink.censuses] == [0]


async def test_hurrying_leaves_a_job_alone_that_nobody_cancelled(bench: Bench) -> None:
    task = await bench.start(Act(out=b"begun\n", seconds=0.05, exit_code=3))

    bench.executor.hurry()

    assert (await task).exit_code == 3


async def test_a_second_cancellation_does_not_cut_the_grace_short(bench: Bench) -> None:
    task = await bench.start(
        Act(out=b"begun\n", seconds=600, ignores_term=True), grace_seconds=0.15
    )
    begin = time.monotonic()

    task.cancel()
    for _ in range(3):
        await asyncio.sleep(0.01)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert time.monotonic() - begin >= 0.14
    assert len(bench.sink.censuses) == 1


async def test_a_deadline_of_the_caller_ends_the_job(bench: Bench) -> None:
    job = bench.job(Act(out=b"begun\n", seconds=600))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await bench.executor.run(job, bench.sink)

    assert [survivors for _, survivors in bench.sink.censuses] == [0]


async def test_a_sink_that_is_full_is_drained_before_the_next_write(bench: Bench) -> None:
    bench.sink.is_full = True
    task = await bench.start(Act(out=b"x" * 3_000_000, err=b"y" * 100))
    await asyncio.sleep(0.05)
    writes = bench.sink.writes

    assert bench.sink.drains == 1
    bench.sink.room()
    outcome = await task

    assert writes <= 2
    assert outcome.exit_code == 0
    assert len(bench.sink.out) == 3_000_000
    assert len(bench.sink.err) == 100


async def test_cancelling_does_not_wait_for_a_sink_that_stays_full(bench: Bench) -> None:
    bench.sink.is_full = True
    task = await bench.start(Act(out=b"x" * 3_000_000, seconds=600))

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [survivors for _, survivors in bench.sink.censuses] == [0]


async def test_many_jobs_at_once_do_not_mix_their_output(bench: Bench) -> None:
    sinks = [RecordingSink() for _ in range(40)]

    outcomes = await asyncio.gather(
        *(
            bench.executor.run(bench.job(Act(out=b"%d\n" % n, exit_code=n)), sink)
            for n, sink in enumerate(sinks)
        )
    )

    assert [outcome.exit_code for outcome in outcomes] == list(range(40))
    assert [bytes(sink.out) for sink in sinks] == [b"%d\n" % n for n in range(40)]


async def test_closing_ends_what_runs_and_starts_nothing_more(bench: Bench) -> None:
    task = await bench.start(Act(out=b"begun\n", seconds=600))

    await bench.executor.close()
    await bench.executor.close()
    ended = await task
    late = await bench.run(Act())

    assert (ended.kind, ended.exit_code) == (EXITED, -15)
    assert late.kind is OutcomeKind.UNSTARTABLE
