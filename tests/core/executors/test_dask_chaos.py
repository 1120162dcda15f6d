"""A cluster of processes whose workers and scheduler are killed, stopped and taken apart."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.executors.tree import read_table
from core.ports.executor import Job, Outcome, OutcomeKind
from tests.support.fake_executor import RecordingSink

pytest.importorskip("distributed", reason="needs missiondeck[dask]")

from core.executors.dask.cluster_address import parse_cluster_address
from core.executors.dask.dask_executor import DaskExecutor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="a worker needs Linux"),
]

LEASE_SECONDS = 2.0
BIN = Path(sys.executable).parent


class Machines:
    """A scheduler and workers as processes, each in a session of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 18_000 + os.getpid() % 10_000
        self.started: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("dask", "scheduler", "--host=127.0.0.1", f"--port={self.port}")

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def worker(self, *options: str) -> "subprocess.Popen[bytes]":
        """Start a worker without a nanny, which would start it again."""
        return self._start("mission", "worker", self.url, "--no-nanny", "--nthreads=4", *options)

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{len(self.started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(BIN / command[0]), *command[1:], "--no-dashboard"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def close(self) -> None:
        for process in reversed(self.started):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait()


class Bench:
    """An executor on the machines, and jobs that write down where and that they ran."""

    def __init__(self, machines: Machines, folder: Path) -> None:
        self.machines = machines
        self.folder = folder
        self.executor = self.new_executor()
        self.numbers = 0

    def new_executor(self, *, lease_seconds: float = LEASE_SECONDS) -> DaskExecutor:
        address = parse_cluster_address(self.machines.url)
        return DaskExecutor(address, SupervisedExecutor(), lease_seconds=lease_seconds)

    def job(self, script: str, **fields: Any) -> Job:
        self.numbers += 1
        return Job(
            key=f"execution-{os.getpid()}/step-{self.numbers}/1",
            argv=("sh", "-c", script),
            env={**os.environ, "TEST": str(self.folder)},
            cwd=str(self.folder),
            grace_seconds=0.3,
            **fields,
        )

    async def start(self, script: str) -> tuple["asyncio.Task[Outcome]", RecordingSink, Job]:
        """Start a job that writes something, and wait until it has."""
        job, sink = self.job(script), RecordingSink()
        task = asyncio.create_task(self.executor.run(job, sink))
        async with asyncio.timeout(30):
            await sink.first_write.wait()
        return task, sink, job

    async def run(self, script: str) -> tuple[Outcome, bytes]:
        sink = RecordingSink()
        outcome = await self.executor.run(self.job(script), sink)
        return outcome, bytes(sink.out)

    async def until_workers(self, count: int) -> None:
        """Wait until the cluster has so many workers."""
        async with asyncio.timeout(30):
            while True:
                cluster = await self.executor._connected()
                if len(await cluster.workers()) == count:
                    return
                await asyncio.sleep(0.05)


def left_of(job: Job) -> int:
    """Return how many processes of a job there are on this machine."""
    return len(read_table().marked.get(job.key.encode(), ()))


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    machines = Machines(tmp_path)
    yield machines
    machines.close()


@pytest.fixture
async def bench(machines: Machines, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(machines, tmp_path)
    yield bench
    await bench.executor.close()


BEGUN = "echo begun; echo $$ >> $TEST/pids; setsid sleep 600 & sleep 600"


async def test_a_killed_worker_leaves_nothing_and_its_attempt_is_lost(bench: Bench) -> None:
    bench.executor = bench.new_executor(lease_seconds=600)
    worker = bench.machines.worker()
    await bench.until_workers(1)
    task, sink, job = await bench.start(BEGUN)

    worker.kill()
    outcome = await asyncio.wait_for(task, 60)  # nobody waits for its lease

    assert outcome.kind is OutcomeKind.LOST
    assert "is gone" in (outcome.message or "")
    assert left_of(job) == 0
    assert sink.out == b"begun\n"


async def test_the_next_attempt_runs_on_another_worker(bench: Bench) -> None:
    first = bench.machines.worker()
    await bench.until_workers(1)
    task, _, _ = await bench.start(BEGUN)
    bench.machines.worker()
    await bench.until_workers(2)

    first.kill()
    await asyncio.wait_for(task, 20)
    outcome, out = await asyncio.wait_for(bench.run("echo again"), 20)

    assert (outcome.kind, outcome.exit_code, out) == (OutcomeKind.EXITED, 0, b"again\n")


async def test_a_silent_worker_is_lost_and_its_late_end_is_told_and_refused(bench: Bench) -> None:
    worker = bench.machines.worker()
    await bench.until_workers(1)
    task, _, job = await bench.start(BEGUN)

    os.kill(worker.pid, signal.SIGSTOP)
    outcome = await asyncio.wait_for(task, 40)
    os.kill(worker.pid, signal.SIGCONT)

    assert outcome.kind is OutcomeKind.LOST
    assert "silent" in (outcome.message or "")
    async with asyncio.timeout(20):
        while not (late := bench.executor.late_ends(job.key.partition("/")[0])):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    assert [one.key for one in late] == [job.key]
    assert left_of(job) == 0


async def test_a_retired_worker_ends_what_runs_there(bench: Bench) -> None:
    worker = bench.machines.worker()
    await bench.until_workers(1)
    task, _, job = await bench.start(BEGUN)

    worker.terminate()
    outcome = await asyncio.wait_for(task, 40)

    assert outcome.kind is OutcomeKind.LOST
    assert left_of(job) == 0


async def test_without_its_scheduler_the_cluster_ends_everything_and_is_out_of_reach(
    bench: Bench,
) -> None:
    bench.machines.worker()
    await bench.until_workers(1)
    task, _, job = await bench.start(BEGUN)

    bench.machines.scheduler.kill()
    outcome = await asyncio.wait_for(task, 40)
    later, _ = await asyncio.wait_for(bench.run("echo never"), 40)

    assert outcome.kind is OutcomeKind.LOST
    assert left_of(job) == 0
    assert later.kind is OutcomeKind.UNREACHABLE


async def test_it_goes_on_with_a_new_scheduler(bench: Bench) -> None:
    bench.machines.worker()
    await bench.until_workers(1)
    assert (await bench.run("echo one"))[1] == b"one\n"

    bench.machines.scheduler.kill()
    bench.machines.scheduler.wait()
    bench.machines.scheduler = bench.machines._start(
        "dask", "scheduler", "--host=127.0.0.1", f"--port={bench.machines.port}"
    )
    bench.machines.worker()
    async with asyncio.timeout(40):
        while (found := await bench.run("echo two"))[0].kind is not OutcomeKind.EXITED:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.2)

    assert found[1] == b"two\n"


async def test_a_new_runner_ends_what_an_earlier_one_has_running(bench: Bench) -> None:
    bench.machines.worker()
    await bench.until_workers(1)
    task, _, job = await bench.start(BEGUN)
    other = bench.new_executor()

    try:
        sink = RecordingSink()
        again = await other.run(bench.job("echo second"), sink)
        outcome = await asyncio.wait_for(task, 20)
    finally:
        await other.close()

    assert (again.exit_code, bytes(sink.out)) == (0, b"second\n")
    assert outcome.kind is OutcomeKind.LOST
    assert left_of(job) == 0


async def test_what_no_worker_has_is_named(bench: Bench) -> None:
    bench.machines.worker("--resources", "gpu=1", "--tag", "tag=big")
    await bench.until_workers(1)
    sink = RecordingSink()

    missing = await bench.executor.run(bench.job("true", needs={"gpu": 2.0}), sink)
    held = await bench.executor.run(bench.job("true", needs={"gpu": 1.0, "tag:big": 1.0}), sink)

    assert missing.kind is OutcomeKind.UNPLACEABLE
    assert "gpu: 2" in (missing.message or "")
    assert held.exit_code == 0


async def test_hundreds_of_megabytes_arrive_whole(bench: Bench) -> None:
    bench.machines.worker()
    await bench.until_workers(1)
    size = 300_000_000
    job, sink = bench.job(f"head -c {size} /dev/zero"), RecordingSink()

    outcome = await bench.executor.run(job, sink)

    assert outcome.exit_code == 0
    assert len(sink.out) == size


async def test_a_worker_that_is_killed_while_many_start_runs_none_twice(bench: Bench) -> None:
    first = bench.machines.worker()
    bench.machines.worker()
    await bench.until_workers(2)

    async def to_the_end(number: int) -> int:
        """Repeat while it is lost, as the engine does; return the number of attempts."""
        for attempt in range(1, 6):
            job = bench.job(f"echo {number}.{attempt} >> $TEST/ran; sleep 0.2")
            outcome = await bench.executor.run(job, RecordingSink())
            if outcome.kind is OutcomeKind.EXITED:
                return attempt
            assert outcome.kind is OutcomeKind.LOST, outcome
        raise AssertionError("it was lost too often")

    work = [asyncio.create_task(to_the_end(number)) for number in range(60)]
    await asyncio.sleep(1.0)
    first.kill()
    attempts = await asyncio.wait_for(asyncio.gather(*work), 120)

    ran = (bench.folder / "ran").read_text().split()
    assert len(ran) == len(set(ran))
    assert {f"{number}.{last}" for number, last in enumerate(attempts)} <= set(ran)
    assert max(attempts) == 2


MISSION = """
version: '1.0'
name: there
secrets: [{TOKEN: "env:TEST_TOKEN"}]
steps:
  - id: a
    secrets: [TOKEN]
    secret_files: {TOKEN_FILE: TOKEN}
    run: |
      echo "it is $TOKEN"
      echo "and $(cat $TOKEN_FILE)"
      ls -l $TOKEN_FILE >&2
      echo "made=here" >> $MISSION_OUTPUT
  - id: b
    depends_on: [a]
    step_type: command
    parameters: {command: echo, args: ["{{ steps.a.output.values.made }}"]}
"""


async def test_a_mission_runs_there_says_where_and_keeps_its_secret(
    bench: Bench, tmp_path: Path
) -> None:
    bench.machines.worker()
    await bench.until_workers(1)
    (tmp_path / "m.yaml").write_text(MISSION)
    secret = "hunter2-hunter2-hunter2"
    environ = {**os.environ, "MISSION_HOME": str(tmp_path / "home"), "TEST_TOKEN": secret}

    async def mission(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            str(BIN / "mission"), *arguments, env=environ, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out
        return out.decode()

    where = f"dask={bench.machines.url}"
    result = await mission("run", "--json", "--executor", where, str(tmp_path / "m.yaml"))
    shown = json.loads(await mission("show", "@last", "a", "--json"))
    log = await mission("logs", "@last")
    checked = json.loads(await mission("doctor", "--executor", where, "--json"))

    assert json.loads(result)["overall_status"] == "Success"
    assert secret not in result + log + json.dumps(shown)
    assert log.count("***") == 2
    assert "here" in log
    assert re.search(r'"parallel_limit": ?4\b', await mission("audit", "show", "@last", "--json"))
    [attempt] = shown["attempts"]
    assert attempt["worker"].startswith("tcp://127.0.0.1:")
    assert attempt["host"] == os.uname().nodename
    found = [one for one in checked["checks"] if one["name"] == "cluster"]
    assert [one["status"] for one in found] == ["warning", "ok"]
    assert "worker-ttl" in found[0]["hint"]  # Dask's default is five minutes
    assert secret.encode() not in b"".join(log.read_bytes() for log in tmp_path.glob("*.log"))
