"""The supervisor as a process: what it and its jobs inherit and hold, and how hard it dies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.executors.ladder import ProcTree
from core.executors.local import HAS_LINUX_WAYS
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.executors.tree import TableReader, read_process, read_table
from core.ports.executor import Job, Leftovers, OutcomeKind
from tests.support.fake_executor import RecordingSink

pytestmark = pytest.mark.skipif(not HAS_LINUX_WAYS, reason="there is no supervisor")

KEY = f"execution-{os.getpid()}/supervised/1"


@pytest.fixture
async def executor() -> AsyncIterator[SupervisedExecutor]:
    executor = SupervisedExecutor()
    yield executor
    await executor.close()


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


def a_script(text: str, **fields: Any) -> Job:
    defaults: dict[str, Any] = {
        "key": KEY,
        "env": dict(os.environ),
        "cwd": str(Path.cwd()),
        "grace_seconds": 0.2,
    }
    return Job(argv=("bash", "-c", text), **{**defaults, **fields})


def marked(key: str = KEY) -> frozenset[int]:
    return read_table().marked.get(key.encode(), frozenset())


def is_alive(pid: int) -> bool:
    return read_process(pid) is not None


def is_leader(pid: int, supervisor: int) -> bool:
    info = read_process(pid)
    return info is not None and info.parent == supervisor and info.session == pid


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - strangers' processes tell no event
            await asyncio.sleep(0.01)


async def started(executor: SupervisedExecutor, job: Job, sink: RecordingSink) -> Any:
    task = asyncio.create_task(executor.run(job, sink))
    await sink.first_write.wait()
    return task


async def output_of(executor: SupervisedExecutor, job: Job) -> str:
    sink = RecordingSink()
    assert (await executor.run(job, sink)).exit_code == 0
    return bytes(sink.out).decode(errors="surrogateescape")


def supervisor_of(executor: SupervisedExecutor) -> int:
    pid = executor.supervisor_pid
    assert pid is not None
    return pid


async def test_jobs_are_children_of_one_supervisor_each_in_its_own_session(
    executor: SupervisedExecutor,
) -> None:
    found = [
        (await output_of(executor, a_script("echo $$ $PPID; ps -o sid= -p $$"))).split()
        for _ in range(2)
    ]

    assert {int(parent) for _, parent, _ in found} == {supervisor_of(executor)}
    assert all(pid == session for pid, _, session in found)


async def test_nothing_of_a_job_stays_open_in_the_supervisor(
    executor: SupervisedExecutor, sink: RecordingSink
) -> None:
    folder = f"/proc/{(await _warm(executor))}/fd"
    before = sorted(os.listdir(folder))  # noqa: PTH208 - names are what is wanted

    for _ in range(5):
        await executor.run(a_script("cat; no-such-command", stdin=b"x" * 100_000), sink)
    await executor.run(a_script("true", cwd="/no-such-folder"), sink)

    assert sorted(os.listdir(folder)) == before  # noqa: PTH208 - names are what is wanted
    assert {os.readlink(f"{folder}/{fd}") for fd in "012"} == {"/dev/null"}  # noqa: PTH115


async def _warm(executor: SupervisedExecutor) -> int:
    await output_of(executor, a_script("true"))
    return supervisor_of(executor)


async def test_a_job_inherits_three_descriptors_and_no_signal(
    executor: SupervisedExecutor,
) -> None:
    script = "ls /proc/$$/fd; grep -E 'Sig(Ign|Blk)' /proc/$$/status"
    words = (await output_of(executor, a_script(script))).split()

    assert words[:3] == ["0", "1", "2"]
    assert words[4] == "0" * 16
    ignored = int(words[6], 16)
    assert not any(ignored >> number - 1 & 1 for number in range(1, 32))


async def test_each_job_has_its_own_environment_exactly(executor: SupervisedExecutor) -> None:
    show = "env -0 | LC_ALL=C sort -z | tr '\\0' ' '"
    base = {"PATH": os.environ["PATH"], "A": "1", "B": "2"}
    await output_of(executor, a_script("true", env=base))

    text = await output_of(
        executor, a_script(show, env={"PATH": base["PATH"], "B": "3", "C": "\udcff"})
    )

    found = dict(word.split("=", 1) for word in text.split())
    del found["SHLVL"], found["_"]
    assert found == {
        "PATH": base["PATH"],
        "B": "3",
        "C": "\udcff",
        "MISSION_JOB": KEY,
        "PWD": str(Path.cwd()),
    }


async def test_only_kill_ends_a_supervisor(executor: SupervisedExecutor) -> None:
    pid = await _warm(executor)

    for name in ("INT", "TERM", "HUP", "QUIT", "TSTP", "USR1", "PIPE"):
        os.kill(pid, signal.Signals[f"SIG{name}"])

    assert await output_of(executor, a_script("echo $PPID")) == f"{pid}\n"


async def test_a_supervisor_killed_while_it_starts_jobs_leaves_none(
    executor: SupervisedExecutor,
) -> None:
    await _warm(executor)
    tasks = [
        asyncio.create_task(executor.run(a_script("echo up; sleep 600"), RecordingSink()))
        for _ in range(30)
    ]
    await asyncio.sleep(0.005)

    os.kill(supervisor_of(executor), signal.SIGKILL)
    outcomes = await asyncio.gather(*tasks)

    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.LOST}
    assert marked() == frozenset()


async def test_a_bug_in_the_supervisor_leaves_nothing(
    executor: SupervisedExecutor, sink: RecordingSink
) -> None:
    escape = "setsid -f env -i bash -c 'echo $$; exec sleep 600 </dev/null >/dev/null 2>&1'"
    task = await started(executor, a_script(f"{escape}; sleep 0.1; sleep 600"), sink)
    escaped = int(bytes(sink.out))

    assert executor._link is not None
    executor._link._channel.send(b"no packet")
    outcome = await task

    assert outcome.kind is OutcomeKind.LOST
    await until(lambda: not is_alive(escaped))
    assert marked() == frozenset()


async def test_the_number_of_a_reaped_process_is_nobodys_when_another_process_has_it() -> None:
    stranger = await asyncio.create_subprocess_exec("sleep", "600")
    tree = ProcTree(stranger.pid, KEY, TableReader(), is_reaped=lambda: True)
    try:
        assert await tree.members() == frozenset()
    finally:
        stranger.kill()
        await stranger.wait()


async def test_other_jobs_go_on_while_what_a_job_left_is_ended(
    executor: SupervisedExecutor, sink: RecordingSink
) -> None:
    stubborn = "(trap '' TERM; echo up; exec >&- 2>&-; while :; do sleep 600; done) & sleep 0.1"
    leaving = asyncio.create_task(executor.run(a_script(stubborn, leftovers=Leftovers.STEP), sink))
    await sink.first_write.wait()
    supervisor = supervisor_of(executor)
    await until(lambda: not any(is_leader(pid, supervisor) for pid in marked()))

    await output_of(executor, a_script("true", key=f"{KEY}0"))

    assert not leaving.done()
    assert (await leaving).exit_code == 0
    assert marked() == frozenset()


async def test_closing_raises_nothing_in_the_event_loop() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, found: complaints.append(found))

    for _ in range(20):
        executor = SupervisedExecutor()
        await output_of(executor, a_script("true"))
        await executor.close()
        await asyncio.sleep(0)

    assert complaints == []
