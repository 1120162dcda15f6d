"""What a running job uses now, as another process reads it: real processes, a clock by hand."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from core.executors.job_usage import JobUsageReader
from core.executors.spawn import JOB_VARIABLE
from core.executors.tree import has_process_table
from core.machine.runner_identity import identity

pytestmark = pytest.mark.skipif(not has_process_table(), reason="needs /proc")

KEY = f"job-usage-{os.getpid()}/step/1"
BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint('up', flush=True)\ninput()"


@contextmanager
def job(*argv: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a session of its own that carries the name of a job, once it has written."""
    child = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, JOB_VARIABLE: KEY},
    )
    with child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"up\n"
            yield child
        finally:
            child.kill()


class HandClock:
    """Monotonic seconds that a test puts forward."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_processes_of_the_job_are_counted_whatever_environment_they_have() -> None:
    text = (
        "env -i sleep 60 & until grep -q sleep /proc/$!/comm; do :; done; echo up; read x; kill $!"
    )
    with job("bash", "-c", text) as child:
        usage = JobUsageReader().read(identity(), KEY)
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.wait(20)

    assert usage is not None
    assert usage.processes == 2
    assert 0 < usage.memory_bytes < 200 << 20
    assert usage.cpu_share is None


def test_the_share_of_the_processor_is_that_since_the_reading_before() -> None:
    clock = HandClock()
    reader = JobUsageReader(clock)
    with job(sys.executable, "-c", "print('up', flush=True); input()\n" + BUSY) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        first = reader.read(identity(), KEY)
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"up\n"
        clock.at += 1
        second = reader.read(identity(), KEY)
        clock.at += 1
        third = reader.read(identity(), KEY)

    assert first is not None
    assert second is not None
    assert third is not None
    assert first.cpu_share is None
    assert second.cpu_share is not None
    assert 0.1 < second.cpu_share < 0.5
    assert third.cpu_share == 0


def test_nothing_is_said_of_a_job_that_is_not_there() -> None:
    assert JobUsageReader().read(identity(), KEY) is None


def test_nothing_is_told_of_a_runner_that_is_gone_or_elsewhere() -> None:
    with job("sh", "-c", "echo up; read x"):
        assert JobUsageReader().read(identity(), KEY) is not None
        assert JobUsageReader().read(replace(identity(), host="another"), KEY) is None
        assert JobUsageReader().read(replace(identity(), start_time=1), KEY) is None
