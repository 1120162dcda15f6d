"""What is ended of an execution whose runner and supervisor are dead, and what is spared."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.executors.abandoned import end_abandoned, runner_mark
from core.executors.local import HAS_LINUX_WAYS
from core.executors.spawn import JOB_VARIABLE, KEPT_VARIABLE, RUNNER_VARIABLE
from core.executors.tree import read_process
from core.machine.runner_identity import identity
from core.ports.control import RunnerIdentity
from core.ports.executor import NOTHING_ABANDONED, Abandoned

pytestmark = pytest.mark.skipif(not HAS_LINUX_WAYS, reason="looks at /proc")

EXECUTION = f"abandoned-{os.getpid()}"

Process = subprocess.Popen[bytes]


class Starter:
    """Starts processes that look like those of jobs, and kills what is left of them."""

    def __init__(self) -> None:
        self.started: list[Process] = []

    def job(self, key: str, script: str = "sleep 600; true", **env: str) -> Process:
        return self.start(script, **{JOB_VARIABLE: key}, **env)

    def start(self, script: str, **env: str) -> Process:
        """Start a shell script; return once it is under way."""
        process = subprocess.Popen(
            ["bash", "-c", f"echo up; exec >&-; {script}"],
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **env},
            start_new_session=True,
        )
        self.started.append(process)
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.read() == b"up\n"
        return process

    def stop(self) -> None:
        for process in self.started:
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
            process.wait()


@pytest.fixture
def starter() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    starter.stop()


async def end(
    running: frozenset[str] = frozenset({"build"}),
    runner: RunnerIdentity | None = None,
    grace_seconds: float = 5.0,
) -> Abandoned:
    return await end_abandoned(
        EXECUTION,
        newest={"build": 2, "serve": 1},
        running=running,
        runner=runner,
        grace_seconds=grace_seconds,
    )


def is_alive(process: Process) -> bool:
    return read_process(process.pid) is not None


async def test_all_attempts_of_the_execution_are_ended_and_named(starter: Starter) -> None:
    jobs = [starter.job(f"{EXECUTION}/build/{n}") for n in (1, 2)]
    other = starter.job(f"{EXECUTION}-not/build/1")

    found = await end()

    assert not any(map(is_alive, jobs))
    assert is_alive(other)
    assert found.survivors == 0
    assert {job.pid for job in jobs} <= {one.pid for one in found.found}
    assert any(one.command == "sleep 600" for one in found.found)


async def test_what_ignores_term_is_killed_and_what_is_stopped_is_ended(starter: Starter) -> None:
    stubborn = starter.job(f"{EXECUTION}/build/2", "trap '' TERM; while :; do sleep 600; done")
    stopped = starter.job(f"{EXECUTION}/build/2", "kill -STOP $$")

    await end(grace_seconds=0.2)

    assert not is_alive(stubborn)
    assert not is_alive(stopped)


async def test_what_is_below_a_job_belongs_to_it_whatever_its_environment(
    starter: Starter, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    script = f"env -i setsid bash -c 'echo $$ >{file}; exec sleep 600' & wait"
    starter.job(f"{EXECUTION}/build/2", script)
    async with asyncio.timeout(30):
        while not file.exists() or not file.read_text():  # noqa: ASYNC110 - a stranger's file
            await asyncio.sleep(0.01)

    await end()

    assert read_process(int(file.read_text())) is None


async def test_what_was_seen_to_outlive_its_step_is_known_by_pid_and_start(
    starter: Starter,
) -> None:
    escaped, other = starter.start("sleep 600"), starter.start("sleep 600")
    known, reused = read_process(escaped.pid), read_process(other.pid)
    assert known is not None
    assert reused is not None
    dead = replace(identity(), start_time=1)

    found = await end_abandoned(
        EXECUTION,
        newest={},
        running=(),
        runner=dead,
        left={(known.pid, known.start), (reused.pid, reused.start - 1)},
    )

    assert escaped.pid in {one.pid for one in found.found}
    assert not is_alive(escaped)
    assert is_alive(other)


async def test_attempts_that_a_later_runner_started_are_not_touched(starter: Starter) -> None:
    later = starter.job(f"{EXECUTION}/build/3")
    unknown = starter.job(f"{EXECUTION}/test/1")

    assert await end() == NOTHING_ABANDONED

    assert is_alive(later)
    assert is_alive(unknown)


async def test_what_was_left_on_purpose_is_spared_unless_its_attempt_was_under_way(
    starter: Starter,
) -> None:
    kept = starter.job(f"{EXECUTION}/serve/1", **{KEPT_VARIABLE: "1"})

    assert await end() == NOTHING_ABANDONED
    assert is_alive(kept)

    found = await end(running=frozenset({"serve"}))
    assert kept.pid in {one.pid for one in found.found}
    assert not is_alive(kept)


async def test_a_command_that_runs_within_the_execution_does_not_end_itself(
    starter: Starter, tmp_path: Path
) -> None:
    program = f"""
import asyncio, sys
sys.path.insert(0, {str(Path.cwd())!r})
from core.executors.abandoned import end_abandoned
newest = {{"build": 2}}
asyncio.run(end_abandoned({EXECUTION!r}, newest=newest, running=newest, runner=None))
open({str(tmp_path / "done")!r}, "w").close()
"""
    (tmp_path / "program.py").write_text(program)
    script = f"{sys.executable} {tmp_path / 'program.py'}; exit 7"
    job = starter.job(f"{EXECUTION}/build/2", script)

    assert await asyncio.to_thread(job.wait, 30) == 7
    assert (tmp_path / "done").exists()


async def test_a_supervisor_that_outlives_its_runner_is_waited_for(starter: Starter) -> None:
    dead = starter.start("exit 0")
    dead.wait()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    boot = f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    host = os.uname().nodename
    runner = RunnerIdentity(pid=dead.pid, start_time=1, boot_id=boot, host=host)
    supervisor = starter.start("exec sleep 0.7", **{RUNNER_VARIABLE: runner_mark(runner)})

    await end(runner=runner)

    assert not is_alive(supervisor)
