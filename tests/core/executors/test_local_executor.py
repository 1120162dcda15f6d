"""What the local executor does with real processes that misbehave."""

import asyncio
import os
import resource
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.executors.local import HAS_LINUX_WAYS, LocalExecutor
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.executors.tree import read_process, read_table
from core.ports.executor import Job, Outcome, OutcomeKind
from tests.support.fake_executor import RecordingSink

pytestmark = pytest.mark.skipif(not HAS_LINUX_WAYS, reason="looks at /proc")

KEY = f"execution-{os.getpid()}/step/1"


EXECUTORS: list[type[LocalExecutor]] = [LocalExecutor, SupervisedExecutor]


@pytest.fixture(params=EXECUTORS)
async def executor(request: pytest.FixtureRequest) -> AsyncIterator[LocalExecutor]:
    executor: LocalExecutor = request.param()
    yield executor
    await executor.close()


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


def a_job(*argv: str, **fields: Any) -> Job:
    defaults: dict[str, Any] = {
        "key": KEY,
        "env": dict(os.environ),
        "cwd": str(Path.cwd()),
        "grace_seconds": 0.2,
    }
    return Job(argv=argv, **{**defaults, **fields})


def a_script(text: str, **fields: Any) -> Job:
    return a_job("bash", "-c", text, **fields)


def alive(key: str = KEY) -> frozenset[int]:
    return read_table().marked.get(key.encode(), frozenset())


def open_fds() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def children() -> set[int]:
    """Return the processes that this one has started, those included that have ended."""
    return {
        int(pid)
        for thread in Path("/proc/self/task").iterdir()
        for pid in (thread / "children").read_text().split()
    }


async def started(
    executor: LocalExecutor, job: Job, sink: RecordingSink
) -> "asyncio.Task[Outcome]":
    task = asyncio.create_task(executor.run(job, sink))
    await asyncio.wait(
        {task, asyncio.ensure_future(sink.first_write.wait())}, return_when="FIRST_COMPLETED"
    )
    return task


async def cancelled(task: "asyncio.Task[Outcome]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- trees ---------------------------------------------------------------------------------------


async def test_a_tree_that_ignores_term_is_killed_to_the_last_process(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    child = "trap '' TERM; (trap '' TERM; sleep 600; sleep 600) & sleep 600; sleep 600"
    task = await started(executor, a_script(f"trap '' TERM; ({child}) & echo up; {child}"), sink)
    async with asyncio.timeout(30):
        while len(alive()) < 7:  # noqa: ASYNC110 - strangers' processes tell no event
            await asyncio.sleep(0.01)

    await cancelled(task)

    assert sink.censuses[0][0] >= 7
    assert sink.censuses[0][1] == 0
    assert alive() == frozenset()


async def test_a_process_that_left_the_session_and_its_parent_is_found(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    daemon = "(setsid bash -c 'exec sleep 600' </dev/null >/dev/null 2>&1 &) ; sleep 0.2"
    task = await started(executor, a_script(f"{daemon}; echo up; sleep 600"), sink)
    sessions = {info.session for pid in alive() if (info := read_process(pid)) is not None}

    await cancelled(task)

    assert len(sessions) == 2
    assert sink.censuses[0][1] == 0
    assert alive() == frozenset()


async def test_what_is_forked_while_it_is_killed_is_killed_too(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    storm = "trap '' TERM; echo up; while :; do (trap '' TERM; sleep 600) & sleep 0.005; done"
    task = await started(executor, a_script(storm), sink)

    await cancelled(task)

    assert sink.censuses[0][1] == 0
    assert alive() == frozenset()


async def test_a_stopped_process_takes_its_term(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    script = "trap 'echo bye; exit' TERM; echo up; kill -STOP $$; while :; do sleep 0.01; done"
    task = await started(executor, a_script(script, grace_seconds=20), sink)

    await cancelled(task)

    assert sink.out == b"up\nbye\n"


async def test_output_after_term_is_kept(executor: LocalExecutor, sink: RecordingSink) -> None:
    script = "trap 'echo cleaning up; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    task = await started(executor, a_script(script, grace_seconds=20), sink)

    await cancelled(task)

    assert sink.out == b"up\ncleaning up\n"


async def test_hurrying_ends_the_grace(executor: LocalExecutor, sink: RecordingSink) -> None:
    job = a_script("trap '' TERM; echo up; while :; do sleep 600; done", grace_seconds=3600)
    task = await started(executor, job, sink)

    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    executor.hurry()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert alive() == frozenset()


async def test_a_process_left_behind_that_holds_the_output_open_is_ended(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    outcome = await executor.run(
        a_script("(echo late; sleep 600; true) & echo early; exit 5"), sink
    )

    assert outcome.exit_code == 5
    assert "held the output open" in (outcome.message or "")
    assert sorted(bytes(sink.out).split()) == [b"early", b"late"]
    assert sink.censuses == [(2, 0)]
    assert alive() == frozenset()


async def test_cancelling_while_what_is_left_behind_is_ended_leaves_nothing(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    script = "(trap '' TERM; sleep 600; sleep 600) & echo up"
    task = await started(executor, a_script(script), sink)
    await asyncio.sleep(0.7)

    await cancelled(task)

    assert len(sink.censuses) == 1
    assert alive() == frozenset()


async def test_a_process_sent_to_the_background_with_its_output_closed_is_left_alone(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    outcome = await executor.run(a_script("sleep 600 </dev/null >/dev/null 2>&1 & echo $!"), sink)

    pid = int(bytes(sink.out))
    assert (outcome.exit_code, outcome.message) == (0, None)
    async with asyncio.timeout(10):
        while alive() != {pid}:  # noqa: ASYNC110 - as it becomes `sleep` it has no environment
            await asyncio.sleep(0.01)
    os.kill(pid, signal.SIGKILL)


async def test_a_process_that_closes_its_output_early_is_waited_for(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    outcome = await executor.run(a_script("exec >&- 2>&-; sleep 0.1; exit 4"), sink)

    assert outcome.exit_code == 4


async def test_a_flood_is_cancelled_and_leaves_the_loop_free(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    task = await started(executor, a_job("yes"), sink)
    turns = 0
    while len(sink.out) < 20_000_000:
        await asyncio.sleep(0)
        turns += 1

    await cancelled(task)

    assert turns > 100
    assert set(sink.out[:1000]) == set(b"y\n")
    assert alive() == frozenset()


# --- what cannot start ---------------------------------------------------------------------------


async def refusal(
    executor: LocalExecutor, job: Job, kind: OutcomeKind = OutcomeKind.IMPOSSIBLE
) -> str:
    sink = RecordingSink()
    outcome = await executor.run(job, sink)
    assert outcome.kind is kind
    assert (sink.writes, sink.censuses) == (0, [])
    assert outcome.message is not None
    return outcome.message


async def test_an_unknown_command_is_named(executor: LocalExecutor) -> None:
    assert await refusal(executor, a_job("no-such-program")) == (
        "command not found: `no-such-program`"
    )


async def test_a_command_line_in_one_word_gets_a_hint(executor: LocalExecutor) -> None:
    assert "write its arguments in `args`" in await refusal(executor, a_job("echo hello"))


async def test_a_file_of_that_name_in_the_working_directory_gets_a_hint(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    (tmp_path / "tool").touch(mode=0o755)

    assert "write `./tool`" in await refusal(executor, a_job("tool", cwd=str(tmp_path)))


async def test_a_command_that_is_not_executable_is_told_apart(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    (tmp_path / "tool").touch(mode=0o644)

    assert "is not executable" in await refusal(executor, a_job("./tool", cwd=str(tmp_path)))
    on_path = a_job("tool", env={"PATH": str(tmp_path)})
    assert "is not executable" in await refusal(executor, on_path)


async def test_a_command_that_went_away_after_it_ran_is_told_and_found_when_it_is_back(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    tool = tmp_path / "tool"
    job = a_job("./tool", cwd=str(tmp_path))

    def put(code: int) -> None:
        tool.write_text(f"#!/bin/sh\nexit {code}\n")
        tool.chmod(0o755)

    put(3)
    assert (await executor.run(job, RecordingSink())).exit_code == 3
    tool.unlink()
    assert "command not found: `./tool`" in await refusal(executor, job)
    put(4)
    assert (await executor.run(job, RecordingSink())).exit_code == 4


async def test_a_directory_is_no_command(executor: LocalExecutor, tmp_path: Path) -> None:
    assert "it is a directory" in await refusal(executor, a_job(str(tmp_path)))


async def test_a_missing_interpreter_is_told_apart(executor: LocalExecutor, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/no/such/interpreter\n")
    tool.chmod(0o755)

    assert "`#!` line does not exist" in await refusal(executor, a_job(str(tool)))


async def test_a_text_without_an_interpreter_is_told_apart(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    tool = tmp_path / "tool"
    tool.write_text("hello\n")
    tool.chmod(0o755)

    assert "needs a `#!` line" in await refusal(executor, a_job(str(tool)))


@pytest.mark.parametrize("where", ["missing", "file", "nul\0"])
async def test_a_wrong_working_directory_is_named(
    executor: LocalExecutor, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").touch()

    message = await refusal(executor, a_job("true", cwd=f"{tmp_path}/{where}"))

    assert "working directory" in message


@pytest.mark.parametrize(
    "fields",
    [
        {"argv": ()},
        {"argv": ("",)},
        {"argv": ("tr\0ue",)},
        {"argv": ("true", "a\0b")},
        {"argv": ("true", "x" * 3_000_000)},
        {"argv": ("true", "lone \udc80\ud800 surrogate")},
        {"env": {"A": "a\0b", "PATH": os.defpath}},
        {"env": {"A=B": "c", "PATH": os.defpath}},
        {"env": {"A": 1, "PATH": os.defpath}},
        {"env": {"A": "x" * 3_000_000, "PATH": os.defpath}},
    ],
)
@pytest.mark.parametrize("here", [True, False])
async def test_what_the_system_does_not_take_is_refused(
    executor: LocalExecutor, tmp_path: Path, fields: dict[str, Any], here: bool
) -> None:
    defaults: dict[str, Any] = {"key": KEY, "argv": ("true",), "env": dict(os.environ)}
    cwd = str(Path.cwd() if here else tmp_path)
    before = len(open_fds())

    assert await refusal(executor, Job(cwd=cwd, **{**defaults, **fields}))

    assert len(open_fds()) <= before + 3


async def test_a_command_that_moved_is_found_again(
    executor: LocalExecutor, sink: RecordingSink, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy("/bin/true", tmp_path / name / "tool")
    job = a_job("tool", env={"PATH": f"{tmp_path}/a:{tmp_path}/b"})
    await executor.run(job, sink)
    (tmp_path / "a" / "tool").unlink()

    assert (await executor.run(job, sink)).exit_code == 0
    (tmp_path / "b" / "tool").unlink()
    assert "command not found" in await refusal(executor, job)


# --- what a child finds --------------------------------------------------------------------------

PLACES = pytest.mark.parametrize("here", [True, False], ids=["here", "elsewhere"])


def place(here: bool, tmp_path: Path) -> str:
    return str(Path.cwd() if here else tmp_path)


@PLACES
async def test_a_child_starts_with_clean_signals(
    executor: LocalExecutor, sink: RecordingSink, tmp_path: Path, here: bool
) -> None:
    job = a_job("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status", cwd=place(here, tmp_path))

    await executor.run(job, sink)

    masks = [int(line.split()[1], 16) for line in bytes(sink.out).splitlines()]
    of_the_c_library = 0b11 << 31  # posix_spawn of glibc ignores its two internal signals
    assert [mask & ~of_the_c_library for mask in masks] == [0, 0]


@PLACES
async def test_a_child_inherits_no_descriptor(
    executor: LocalExecutor, sink: RecordingSink, tmp_path: Path, here: bool
) -> None:
    held = [os.dup(0) for _ in range(5)]
    os.set_inheritable(held[0], True)

    await executor.run(a_job("ls", "/proc/self/fd", cwd=place(here, tmp_path)), sink)

    for fd in held:
        os.close(fd)
    assert bytes(sink.out).split() == [b"0", b"1", b"2", b"3"]  # 3 is the folder ls reads


@PLACES
async def test_a_child_runs_in_its_folder_and_its_own_session(
    executor: LocalExecutor, sink: RecordingSink, tmp_path: Path, here: bool
) -> None:
    cwd = place(here, tmp_path)

    await executor.run(
        a_script('pwd; echo "$PWD"; echo $$; cut -d" " -f6 /proc/$$/stat', cwd=cwd), sink
    )

    pwd, named, pid, session = bytes(sink.out).decode().split()
    assert (pwd, named) == (cwd, cwd)
    assert pid == session


async def test_a_link_to_the_own_folder_is_the_own_folder(
    executor: LocalExecutor, sink: RecordingSink, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(Path.cwd())

    await executor.run(a_script("pwd", cwd=str(link)), sink)

    assert bytes(sink.out).decode().strip() == str(link)


# --- resources -----------------------------------------------------------------------------------


async def spawn_many(executor: LocalExecutor, count: int) -> None:
    sink = RecordingSink()
    for _ in range(count):
        assert (await executor.run(a_job("true"), sink)).exit_code == 0


async def test_hundreds_of_processes_leave_no_descriptor_and_no_zombie(
    executor: LocalExecutor,
) -> None:
    others = children()
    await spawn_many(executor, 3)
    before = open_fds()

    await spawn_many(executor, 300)

    assert open_fds() == before
    await executor.close()
    assert children() <= others


@pytest.mark.slow
async def test_thousands_of_processes_leave_no_descriptor(executor: LocalExecutor) -> None:
    await spawn_many(executor, 3)
    before = open_fds()

    await spawn_many(executor, 5000)

    assert open_fds() == before


async def test_five_hundred_at_once_wait_for_room_when_descriptors_run_out(
    executor: LocalExecutor,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    sinks = [RecordingSink() for _ in range(500)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(open_fds()) + 60, hard))
    try:
        outcomes = await asyncio.gather(
            *(executor.run(a_job("echo", str(n)), sink) for n, sink in enumerate(sinks))
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.EXITED}
    assert [int(bytes(sink.out)) for sink in sinks] == list(range(500))


async def test_when_nothing_will_make_room_the_job_is_refused(executor: LocalExecutor) -> None:
    await spawn_many(executor, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        message = await refusal(executor, a_job("true"), OutcomeKind.UNSTARTABLE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert "Too many open files" in message


async def test_a_sink_that_raises_ends_the_job_and_is_heard(executor: LocalExecutor) -> None:
    class Broken(RecordingSink):
        def write(self, stream: object, data: bytes) -> bool:
            raise RuntimeError("no room for this")

    with pytest.raises(RuntimeError, match="no room"):
        await executor.run(a_script("echo up; sleep 600"), Broken())

    assert alive() == frozenset()


@pytest.mark.parametrize("is_ending", [False, True])
def test_a_program_that_ends_with_its_jobs_running_leaves_none(is_ending: bool) -> None:
    """Once a job is being ended, the end of the program does not wait for its grace."""

    async def main() -> None:
        grace = 3600 if is_ending else 0.1
        job = a_script("trap '' TERM; echo up; while :; do sleep 600; done", grace_seconds=grace)
        task = await started(LocalExecutor(), job, RecordingSink())
        if is_ending:
            task.cancel()
            await asyncio.sleep(0.05)
        assert not task.done()

    asyncio.run(main())

    assert alive() == frozenset()


async def test_a_child_that_somebody_else_waited_for_is_lost(sink: RecordingSink) -> None:
    executor = LocalExecutor()
    await spawn_many(executor, 1)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes children at once
    try:
        outcome = await executor.run(a_job("true"), sink)
    finally:
        signal.signal(signal.SIGCHLD, before)
        await executor.close()

    assert outcome.kind is OutcomeKind.LOST


async def test_a_parent_that_ignored_ended_children_costs_no_exit_code(
    executor: LocalExecutor, sink: RecordingSink
) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        outcome = await executor.run(a_script("exit 7"), sink)
    finally:
        signal.signal(signal.SIGCHLD, before)

    assert outcome.exit_code == 7


def test_an_executor_belongs_to_one_event_loop(tmp_path: Path) -> None:
    executor = LocalExecutor()

    async def main() -> None:
        await executor.run(a_job("true"), RecordingSink())

    asyncio.run(main())
    with pytest.raises(Exception, match="two event loops"):
        asyncio.run(main())


def test_descriptors_zero_to_two_may_be_closed(tmp_path: Path) -> None:
    program = f"""
import os, sys, asyncio
sys.path.insert(0, {str(Path.cwd())!r})
from core.executors.local import LocalExecutor
from core.ports.executor import Job
from tests.support.fake_executor import RecordingSink
for fd in (0, 1, 2):
    os.close(fd)
async def main():
    sink = RecordingSink()
    argv = ("sh", "-c", "echo out; echo err >&2; cat")
    job = Job(key="a/b/1", argv=argv, env={{"PATH": os.defpath}}, cwd=os.getcwd())
    outcome = await LocalExecutor().run(job, sink)
    with open({str(tmp_path / "result")!r}, "w") as file:
        print(outcome.exit_code, bytes(sink.out), bytes(sink.err), file=file)
asyncio.run(main())
"""
    os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", program)

    assert (tmp_path / "result").read_text() == "0 b'out\\n' b'err\\n'\n"
