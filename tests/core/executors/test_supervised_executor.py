"""What the supervisor adds: nothing that a job starts escapes, whoever is killed."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from msgspec.structs import replace

from core.executors.local import HAS_LINUX_WAYS
from core.executors.supervised import supervisor_link
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.executors.tree import read_table
from core.ports.executor import Job, Leftovers, OutcomeKind
from tests.support.fake_executor import RecordingSink
from tests.support.shared import ROOT

pytestmark = pytest.mark.skipif(not HAS_LINUX_WAYS, reason="needs a child subreaper")

EXECUTION = f"supervised-{os.getpid()}"
QUIET = "</dev/null >/dev/null 2>&1"


@pytest.fixture
async def executor() -> AsyncIterator[SupervisedExecutor]:
    executor = SupervisedExecutor()
    yield executor
    await executor.close()


async def test_a_nul_character_is_named_with_its_place(executor: SupervisedExecutor) -> None:
    job = Job(key=f"{EXECUTION}/a/1", argv=("true",), env=dict(os.environ), cwd="/")
    for changed, told in (
        (replace(job, env={**job.env, "NAME": "a\0b"}), "the variable `NAME` has a NUL character"),
        (replace(job, argv=("true", "a\0b")), "argument 1 has a NUL character"),
    ):
        outcome = await executor.run(changed, RecordingSink())
        assert outcome.kind is OutcomeKind.IMPOSSIBLE
        assert told in (outcome.message or "")


@pytest.fixture
def seconds() -> Iterator[str]:
    """A duration for `sleep` by which its process is found; none is left behind."""
    wanted = f"{7000 + os.getpid()}.{id(object()) % 100_000}"
    yield wanted
    for pid in sleeping(wanted):
        os.kill(pid, signal.SIGKILL)


def sleeping(seconds: str) -> list[int]:
    """Return the processes that sleep for so long."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if command == f"sleep\0{seconds}\0".encode():
                found.append(int(entry.name))
    return found


async def until_gone(seconds: str) -> None:
    async with asyncio.timeout(20):
        while sleeping(seconds):  # noqa: ASYNC110 - nobody tells when another's process ends
            await asyncio.sleep(0.01)


def a_script(text: str, **fields: Any) -> Job:
    defaults: dict[str, Any] = {
        "key": f"{EXECUTION}/step/1",
        "env": dict(os.environ),
        "cwd": str(Path.cwd()),
        "grace_seconds": 0.2,
    }
    return Job(argv=("bash", "-c", text), **{**defaults, **fields})


ESCAPES = {
    "background": "sleep {} {quiet} &",
    "its own session": "setsid sleep {} {quiet} &",
    "session and environment": "setsid -f env -i sleep {} {quiet}",
}


@pytest.mark.parametrize("escape", ESCAPES)
async def test_what_a_job_leaves_is_named_and_ended_with_its_execution(
    executor: SupervisedExecutor, seconds: str, escape: str
) -> None:
    sink = RecordingSink()
    text = ESCAPES[escape].format(seconds, quiet=QUIET) + "\nsleep 0.05; exit 3"

    outcome = await executor.run(a_script(text), sink)

    assert (outcome.kind, outcome.exit_code) == (OutcomeKind.EXITED, 3)
    assert [process.command for process in sink.left] == [f"sleep {seconds}"]
    assert [process.pid for process in sink.left] == sleeping(seconds)
    assert (await executor.end_leftovers("another")).processes == 0
    assert sleeping(seconds)

    census = await executor.end_leftovers(EXECUTION)

    assert (census.processes, census.survivors) == (1, 0)
    assert sleeping(seconds) == []


@pytest.mark.parametrize("escape", ESCAPES)
async def test_a_cancelled_job_leaves_nothing_wherever_it_went(
    executor: SupervisedExecutor, seconds: str, escape: str
) -> None:
    sink = RecordingSink()
    text = ESCAPES[escape].format(seconds, quiet=QUIET) + "\necho up; sleep 600"
    task = asyncio.create_task(executor.run(a_script(text), sink))
    await sink.first_write.wait()
    async with asyncio.timeout(20):
        while not sleeping(seconds):  # noqa: ASYNC110 - it is being started
            await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert sleeping(seconds) == []
    [(processes, survivors)] = sink.censuses
    assert processes >= 2
    assert survivors == 0


async def test_leftovers_of_a_step_are_ended_at_once_if_that_is_wanted(
    executor: SupervisedExecutor, seconds: str
) -> None:
    sink = RecordingSink()
    text = ESCAPES["session and environment"].format(seconds, quiet=QUIET) + "\nsleep 0.05"

    outcome = await executor.run(a_script(text, leftovers=Leftovers.STEP), sink)

    assert outcome.exit_code == 0
    assert sink.censuses == [(1, 0)]
    assert sleeping(seconds) == []


async def test_what_another_job_left_is_not_taken_for_that_of_the_last_one(
    executor: SupervisedExecutor, seconds: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    last = RecordingSink()
    job = a_script(f"echo up; read <{gate}", leftovers=Leftovers.STEP, key=f"{EXECUTION}/last/1")
    running = asyncio.create_task(executor.run(job, last))
    await last.first_write.wait()
    escape = ESCAPES["session and environment"].format(seconds, quiet=QUIET)
    await executor.run(a_script(f"{escape}\nsleep 0.05"), RecordingSink())

    gate.write_text("\n")
    await running

    assert last.left == []
    assert last.censuses == []
    assert sleeping(seconds)


async def test_what_is_kept_outlives_the_executor(seconds: str) -> None:
    executor, sink = SupervisedExecutor(), RecordingSink()
    text = ESCAPES["its own session"].format(seconds, quiet=QUIET) + "\nsleep 0.05"

    await executor.run(a_script(text, leftovers=Leftovers.KEEP), sink)
    await executor.end_leftovers(EXECUTION)
    await executor.close()

    assert [process.pid for process in sink.left] == sleeping(seconds) != []


async def test_closing_ends_what_was_left(seconds: str) -> None:
    executor = SupervisedExecutor()
    text = ESCAPES["session and environment"].format(seconds, quiet=QUIET)
    await executor.run(a_script(text), RecordingSink())

    await executor.close()

    assert sleeping(seconds) == []


async def test_a_job_whose_supervisor_is_killed_is_lost_and_ended(
    executor: SupervisedExecutor, seconds: str
) -> None:
    sink = RecordingSink()
    task = asyncio.create_task(executor.run(a_script(f"echo up; sleep {seconds}"), sink))
    await sink.first_write.wait()
    supervisor = executor.supervisor_pid
    assert supervisor is not None

    os.kill(supervisor, signal.SIGKILL)
    outcome = await task

    assert outcome.kind is OutcomeKind.LOST
    assert "supervisor" in (outcome.message or "")
    await until_gone(seconds)
    assert (await executor.run(a_script("exit 5"), sink)).exit_code == 5
    assert executor.supervisor_pid != supervisor


async def test_resources_of_a_job_are_told(executor: SupervisedExecutor) -> None:
    text = "for n in {1..20000}; do :; done"

    outcome = await executor.run(a_script(text), RecordingSink())

    assert outcome.resources is not None
    assert outcome.resources.user_seconds > 0
    assert outcome.resources.peak_memory_bytes > 1024 * 1024


async def test_a_job_larger_than_a_packet_is_started(executor: SupervisedExecutor) -> None:
    sink = RecordingSink()
    env = {**os.environ, **{f"LARGE_{n}": "x" * 100_000 for n in range(5)}}

    await executor.run(a_script("echo ${#LARGE_4}", env=env), sink)

    assert bytes(sink.out) == b"100000\n"


RUNNER = """
import asyncio, os, signal, sys
sys.path.insert(0, {root!r})
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.ports.executor import Job, Leftovers
from tests.support.fake_executor import RecordingSink

def job(step, text, leftovers=Leftovers.EXECUTION):
    return Job(
        key="{execution}/" + step + "/1", argv=("bash", "-c", text), env=dict(os.environ), cwd="/",
        leftovers=leftovers,
    )

async def main():
    executor, sink = SupervisedExecutor(adopts=True), RecordingSink()
{body}

asyncio.run(main())
"""


def a_runner(folder: Path, body: str) -> Path:
    """Write the program of a runner, which must have no other children, and return its file."""
    program = folder / "runner.py"
    text = RUNNER.format(root=str(Path.cwd()), execution=EXECUTION, body=indent(body, "    "))
    program.write_text(text, "utf-8")
    return program


async def test_what_is_kept_outlives_a_killed_supervisor_unless_its_job_still_ran(
    tmp_path: Path, seconds: str
) -> None:
    running = f"{seconds}9"
    body = f"""
leave = "setsid sleep %s {QUIET} &"
await executor.run(job("ended", leave % {seconds!r} + "sleep 0.05", Leftovers.KEEP), sink)
text = leave % {running!r} + "sleep 0.05; echo up; sleep 600"
task = asyncio.create_task(executor.run(job("running", text, Leftovers.KEEP), sink))
await sink.first_write.wait()
os.kill(executor.supervisor_pid, signal.SIGKILL)
print((await task).kind)
await executor.close()
"""
    runner = await asyncio.create_subprocess_exec(
        sys.executable, str(a_runner(tmp_path, body)), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await runner.communicate()

    assert told == b"lost\n"
    assert sleeping(seconds)
    await until_gone(running)


async def test_a_runner_that_is_killed_leaves_nothing(tmp_path: Path, seconds: str) -> None:
    escape = ESCAPES["session and environment"].format(seconds, quiet=QUIET)
    body = f"""
text = {escape!r} + "\\ntrap '' TERM; echo up; sleep {seconds}; sleep {seconds}"
task = asyncio.create_task(executor.run(job("other", text), sink))
await sink.first_write.wait()
print("up", flush=True)
await task
"""
    runner = await asyncio.create_subprocess_exec(
        sys.executable, str(a_runner(tmp_path, body)), stdout=asyncio.subprocess.PIPE
    )
    assert runner.stdout is not None
    assert await runner.stdout.readline() == b"up\n"

    runner.kill()
    await runner.wait()

    await until_gone(seconds)


async def test_jobs_of_a_killed_runner_are_stopped_as_their_step_says(
    tmp_path: Path, seconds: str
) -> None:
    told = tmp_path / "told"
    body = f"""
traps = "trap 'echo INT >> {told}' INT; trap 'echo TERM >> {told}' TERM; "
text = traps + "echo up; while :; do sleep 0.05; done"
from core.ports.executor import StopSignal
from msgspec.structs import replace
first = replace(job("other", text), stop_signal=StopSignal.INT, grace_seconds=0.5)
task = asyncio.create_task(executor.run(first, sink))
await sink.first_write.wait()
print("up", flush=True)
await task
"""
    runner = await asyncio.create_subprocess_exec(
        sys.executable, str(a_runner(tmp_path, body)), stdout=asyncio.subprocess.PIPE
    )
    assert runner.stdout is not None
    assert await runner.stdout.readline() == b"up\n"

    runner.kill()
    await runner.wait()

    key = f"{EXECUTION}/other/1".encode()
    async with asyncio.timeout(20):
        while read_table().marked.get(key):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert told.read_text("utf-8") == "INT\n"


async def test_a_supervisor_that_was_stopped_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor_link, "ANSWER_SECONDS", 0.3)
    executor = SupervisedExecutor()
    await executor.run(a_script("exit 0"), RecordingSink())
    stopped = executor.supervisor_pid
    assert stopped is not None

    os.kill(stopped, signal.SIGSTOP)
    outcome = await executor.run(a_script("exit 0"), RecordingSink())

    assert outcome.kind is OutcomeKind.LOST
    assert (await executor.run(a_script("exit 5"), RecordingSink())).exit_code == 5
    again = executor.supervisor_pid
    assert again not in (None, stopped)
    os.kill(again or 0, signal.SIGSTOP)
    async with asyncio.timeout(20):
        await executor.close()


async def test_a_long_command_is_named_by_whole_arguments(executor: SupervisedExecutor) -> None:
    sink = RecordingSink()
    long, longer = "a" * 120, "b" * 120
    text = f"bash -c 'sleep 0.4; :' first {long} {longer} {QUIET} &\nsleep 0.05"

    await executor.run(a_script(text), sink)

    told = [process.command for process in sink.left if process.command.startswith("bash")]
    assert told == [f"bash -c sleep 0.4; : first {long} ..."]


async def test_runner_and_supervisor_are_of_one_version_whatever_is_on_disk_by_now(
    tmp_path: Path,
) -> None:
    program = """
import asyncio, os, sys
from pathlib import Path
from core.domain.process_policy import ProcessLimits
from core.executors import limit_launcher
from core.executors.supervised import supervisor
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.ports.executor import Job
from tests.support.fake_executor import RecordingSink

for module in (supervisor, limit_launcher):
    Path(module.__file__).write_text("raise SystemExit('another version')")

async def main():
    executor, sink = SupervisedExecutor(), RecordingSink()
    job = Job(
        key="e/s/1",
        argv=("echo", "hello"),
        env=dict(os.environ),
        cwd="/",
        limits=ProcessLimits(nice=1),
    )
    await executor.run(job, sink)
    await executor.close()
    print(sink.out.decode(), sink.err.decode())

asyncio.run(main())
"""
    for name in ("core", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))

    shown = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert shown.stdout.strip() == "hello", shown.stderr
