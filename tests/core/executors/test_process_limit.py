"""The limits of a job hold in its processes from their first instruction, and for nobody else."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.domain.process_policy import ProcessLimits, StopSignal
from core.executors.local import LocalExecutor
from core.executors.process_limits import unenforceable
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.ports.executor import Executor, Job, OutcomeKind
from tests.support.fake_executor import RecordingSink


@pytest.fixture(params=["local", "portable", "supervised"])
async def executor(request: pytest.FixtureRequest) -> AsyncIterator[Executor]:
    makers: dict[str, Callable[[], Executor]] = {
        "local": LocalExecutor,
        "portable": lambda: LocalExecutor(portable=True),
        "supervised": SupervisedExecutor,
    }
    executor = makers[request.param]()
    yield executor
    await executor.close()


def a_job(*argv: str, env: dict[str, str] | None = None, **fields: Any) -> Job:
    return Job(
        key=f"execution-{os.getpid()}/step/1",
        argv=argv,
        env=dict(os.environ) if env is None else env,
        cwd=str(Path.cwd()),
        **fields,
    )


async def output_of(executor: Executor, job: Job) -> str:
    sink = RecordingSink()
    outcome = await executor.run(job, sink)
    assert outcome.kind is OutcomeKind.EXITED, outcome
    return sink.out.decode(errors="surrogateescape").strip()


async def test_a_program_starts_with_its_limits(executor: Executor) -> None:
    limits = ProcessLimits(cpu_seconds=50, open_files=64, file_mb=3, nice=7)
    kinds = (resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)
    before = [resource.getrlimit(kind) for kind in kinds]

    shown = await output_of(
        executor,
        a_job(
            "bash",
            "-c",
            "ulimit -S -t; ulimit -H -t; ulimit -S -n; ulimit -H -n; ulimit -S -f; nice",
            limits=limits,
        ),
    )

    assert shown.split() == ["50", "55", "64", "64", "3072", str(os.nice(0) + 7)]
    assert [resource.getrlimit(kind) for kind in kinds] == before


async def test_without_limits_it_starts_with_those_of_the_runner(executor: Executor) -> None:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    assert await output_of(executor, a_job("bash", "-c", "ulimit -S -n")) == str(soft)


async def test_a_file_beyond_its_limit_ends_the_process(executor: Executor, tmp_path: Path) -> None:
    job = a_job(
        "dd",
        "if=/dev/zero",
        f"of={tmp_path / 'big'}",
        "bs=1M",
        "count=2",
        limits=ProcessLimits(file_mb=1),
    )

    outcome = await executor.run(job, RecordingSink())

    assert outcome.exit_code == -signal.SIGXFSZ
    assert (tmp_path / "big").stat().st_size == 1024 * 1024


async def test_processor_time_beyond_its_limit_ends_the_process(executor: Executor) -> None:
    job = a_job("bash", "-c", "while :; do :; done", limits=ProcessLimits(cpu_seconds=1))

    async with asyncio.timeout(30):
        outcome = await executor.run(job, RecordingSink())

    assert outcome.exit_code == -signal.SIGXCPU


async def test_limits_change_neither_environment_nor_arguments_nor_stdin(
    executor: Executor,
) -> None:
    env = {"PATH": os.environ["PATH"], "LANG": "C", "ODD": "a b\udcff"}
    script = 'env -0 | LC_ALL=C sort -z | tr "\\0" "\\n"; printf "%s|" "$0" "$@"; cat'
    argv = ("sh", "-c", script, "name", "-I", "{}", "")

    plain, limited = [
        await output_of(executor, a_job(*argv, env=env, stdin=b"in", limits=limits))
        for limits in (ProcessLimits(), ProcessLimits(open_files=64))
    ]

    assert limited == plain
    assert "name|-I|{}||in" in plain


@pytest.mark.parametrize("name", ["memory_mb", "processes"])
async def test_a_limit_that_cannot_be_enforced_is_refused_in_words(
    executor: Executor, name: str
) -> None:
    job = a_job("true", limits=ProcessLimits(**{name: 5}))

    outcome = await executor.run(job, RecordingSink())

    assert outcome.kind is OutcomeKind.IMPOSSIBLE
    assert f"`{name}` needs a delegated cgroup v2" in (outcome.message or "")


def test_a_limit_above_that_of_the_system_is_refused() -> None:
    limits = ProcessLimits(open_files=2000, file_mb=8)

    assert unenforceable(limits, hard_limit=lambda _: resource.RLIM_INFINITY) is None
    reason = unenforceable(limits, hard_limit=lambda _: 1500)
    assert reason == "`open_files` is above this system's limit of 1,500"


async def test_a_job_is_asked_to_stop_by_the_signal_it_wants(executor: Executor) -> None:
    sink = RecordingSink()
    script = (
        'trap "echo interrupted; exit 3" INT; trap "" TERM; echo up; while :; do sleep 0.01; done'
    )
    job = a_job("bash", "-c", script, stop_signal=StopSignal.INT, grace_seconds=20.0)
    task = asyncio.create_task(executor.run(job, sink))
    await sink.first_write.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert b"interrupted" in sink.out
