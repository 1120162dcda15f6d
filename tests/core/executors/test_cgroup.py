"""Where a cgroup v2 is delegated, nothing of a runner escapes, and limits hold for whole jobs.

Tests that need the kernel's own groups are skipped where none can be made; those of limits need
the controllers `memory` and `pids`.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.domain.process_policy import Leftovers, ProcessLimits
from core.executors.abandoned import end_abandoned
from core.executors.cgroups.delegation import (
    VARIABLE,
    NotDelegatedError,
    find_delegation,
    missing_controllers,
)
from core.executors.cgroups.group_folder import GroupFolder
from core.executors.cgroups.runner_groups import RunnerGroups, group_name, remove_stale
from core.executors.local import HAS_LINUX_WAYS
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.executors.tree import read_process
from core.machine.runner_identity import identity
from core.ports.control import RunnerIdentity
from core.ports.executor import Job, Outcome, OutcomeKind
from tests.support.cgroup_place import make_group, unmake
from tests.support.fake_executor import RecordingSink

pytestmark = pytest.mark.skipif(not HAS_LINUX_WAYS, reason="cgroups are of Linux")

ESCAPE = "setsid -f env -i sleep 600 >/dev/null 2>&1"
"""Leaves a process without the session, group and environment of its job."""


@pytest.fixture
def delegated(monkeypatch: pytest.MonkeyPatch) -> Iterator[GroupFolder]:
    """Delegate a group to this process."""
    group = make_group("mission-test")
    if group is None:
        pytest.skip("no cgroup v2 is mounted in which a group can be made")
    monkeypatch.setenv(VARIABLE, str(group.path))
    yield group
    unmake(group)


@pytest.fixture
def limiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[GroupFolder]:
    """Delegate a group with the controllers that limits need."""
    group = make_group("mission-test", "memory", "pids")
    if group is None:
        pytest.skip("no cgroup v2 with the controllers memory and pids is to be had")
    monkeypatch.setenv(VARIABLE, str(group.path))
    yield group
    unmake(group)


@pytest.fixture
async def executor() -> AsyncIterator[SupervisedExecutor]:
    executor = SupervisedExecutor()
    yield executor
    await executor.close()


def a_job(script: str, *, step: str = "step", **fields: Any) -> Job:
    return Job(
        key=f"cgroup-{os.getpid()}/{step}/1",
        argv=("bash", "-c", script),
        env=dict(os.environ),
        cwd=str(Path.cwd()),
        **fields,
    )


async def run(executor: SupervisedExecutor, job: Job) -> tuple[Outcome, RecordingSink]:
    sink = RecordingSink()
    async with asyncio.timeout(60):
        return await executor.run(job, sink), sink


def groups_in(group: GroupFolder) -> list[str]:
    return sorted(one.name.partition(".")[0] for one in group.path.glob("mission.*/*/"))


def within(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Wait until something is so; the kernel and other processes tell no event."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


# --- what is delegated ---------------------------------------------------------------------------


def test_a_folder_that_is_no_cgroup_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cgroup.procs", "cgroup.subtree_control"):
        (tmp_path / name).touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    with pytest.raises(NotDelegatedError, match="which is no cgroup v2"):
        find_delegation()


@pytest.mark.parametrize(
    ("named", "why"), [("relative", "no absolute path"), ("/no/such", "which is no folder")]
)
def test_a_wrong_name_is_refused_in_words(
    named: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, named)

    assert why in (missing_controllers(frozenset({"memory"})) or "")


def test_the_named_group_is_taken(delegated: GroupFolder) -> None:
    found = find_delegation()

    assert found.group == delegated
    assert not found.is_own


# --- the files of a group ------------------------------------------------------------------------


def test_the_files_of_a_group_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    files = {
        "memory.events": "low 0\nhigh 0\nmax 12\noom 2\noom_kill 3\noom_group_kill 1\n",
        "pids.events": "max 7\n",
        "memory.peak": "5242880\n",
        "pids.peak": "4\n",
        "cgroup.controllers": "cpu memory pids\n",
        "cgroup.subtree_control": "memory\n",
        "cgroup.procs": "12\n34\n",
        "below/cgroup.procs": "56\n",
    }
    (tmp_path / "below").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    group = GroupFolder(tmp_path)

    group.enable(frozenset({"memory", "pids"}))

    assert (group.memory_kills(), group.refused_forks()) == (3, 7)
    assert (group.peak_memory_bytes(), group.peak_processes()) == (5 * 1024 * 1024, 4)
    assert group.processes() == [12, 34, 56]
    assert (tmp_path / "cgroup.subtree_control").read_text().startswith("+pids")


def test_what_an_older_kernel_does_not_have_is_left_out(tmp_path: Path) -> None:
    group = GroupFolder(tmp_path)

    assert (group.peak_memory_bytes(), group.peak_processes()) == (None, None)
    assert (group.memory_kills(), group.refused_forks(), group.processes()) == (0, 0, [])


# --- nothing escapes -----------------------------------------------------------------------------


async def test_a_job_is_born_in_the_group_of_its_supervisor(
    delegated: GroupFolder, executor: SupervisedExecutor
) -> None:
    _, sink = await run(executor, a_job("grep ^0:: /proc/self/cgroup"))

    name = group_name(identity())
    assert f"/{name}/supervised." in sink.out.decode()
    await executor.close()
    assert groups_in(delegated) == []
    assert not (delegated.path / name).exists()


def name_of(pid: int) -> bytes:
    """Return the name of the program that a process runs, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_bytes().strip()
    except OSError:
        return b""


async def test_what_escaped_from_everything_is_ended_when_the_supervisor_is_killed(
    delegated: GroupFolder, executor: SupervisedExecutor
) -> None:
    await run(executor, a_job(ESCAPE))
    assert executor.supervisor_pid is not None
    assert within(5, lambda: len(delegated.processes()) == 2)

    os.kill(executor.supervisor_pid, signal.SIGKILL)

    async with asyncio.timeout(10):
        while delegated.processes():  # noqa: ASYNC110 - the kernel tells no event
            await asyncio.sleep(0.01)


async def test_a_job_that_may_leave_processes_has_a_group_that_is_spared(
    delegated: GroupFolder, executor: SupervisedExecutor
) -> None:
    await run(executor, a_job(ESCAPE, leftovers=Leftovers.KEEP))

    await executor.close()

    assert groups_in(delegated) == ["kept"]
    assert len(delegated.processes()) == 1


RUNNER = """
import asyncio, os, sys
from core.executors.supervised.supervised_executor import SupervisedExecutor
from tests.core.executors.test_cgroup import ESCAPE, a_job
from tests.support.fake_executor import RecordingSink

async def main():
    executor = SupervisedExecutor(adopts=True)
    await executor.run(a_job(ESCAPE), RecordingSink())
    print(executor.supervisor_pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_what_escaped_from_everything_is_ended_after_both_were_killed(
    delegated: GroupFolder,
) -> None:
    with subprocess.Popen([sys.executable, "-c", RUNNER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        supervisor = int(process.stdout.readline())
        runner = identity(process.pid)
        assert within(5, lambda: b"sleep" in map(name_of, delegated.processes()))
        for pid in (process.pid, supervisor):
            os.kill(pid, signal.SIGSTOP)  # so that neither acts on the end of the other
        for pid in (process.pid, supervisor):
            os.kill(pid, signal.SIGKILL)
    assert within(5, lambda: read_process(supervisor) is None)
    assert len(delegated.processes()) == 1

    found = asyncio.run(
        end_abandoned("another", newest={}, running=(), runner=runner, grace_seconds=1.0)
    )

    assert [one.command for one in found.found] == ["sleep 600"]
    assert found.survivors == 0
    assert delegated.processes() == []
    assert list(delegated.path.glob("mission.*")) == []


def test_groups_of_dead_runners_are_removed_and_those_of_others_are_not(
    delegated: GroupFolder,
) -> None:
    own = identity()
    dead = RunnerIdentity(pid=own.pid, start_time=1, boot_id=own.boot_id, host=own.host)
    elsewhere = RunnerIdentity(pid=own.pid, start_time=1, boot_id="boot/1", host=own.host)
    for runner in (own, dead, elsewhere):
        GroupFolder(delegated.path / group_name(runner) / "supervised.1").create()

    remove_stale(delegated)

    names = {one.name for one in delegated.path.glob("mission.*")}
    assert names == {group_name(own), group_name(elsewhere)}


# --- limits of all processes together ------------------------------------------------------------

EAT = f"{sys.executable} -S -c 'x = bytearray(200 << 20); print(len(x))'"


async def test_memory_over_its_limit_ends_the_job(
    limiting: GroupFolder, executor: SupervisedExecutor
) -> None:
    job = a_job(f"{EAT} & {EAT} & wait; echo survived", limits=ProcessLimits(memory_mb=64))

    outcome, sink = await run(executor, job)

    assert outcome.kind is OutcomeKind.EXITED, outcome
    assert outcome.exit_code == -signal.SIGKILL
    assert outcome.limits_met == {"memory_mb"}
    assert b"survived" not in sink.out
    assert groups_in(limiting) == ["supervised"]


async def test_the_number_of_processes_is_limited(
    limiting: GroupFolder, executor: SupervisedExecutor
) -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; exit 3"

    outcome, _ = await run(executor, a_job(script, limits=ProcessLimits(processes=4)))

    assert outcome.limits_met == {"processes"}
    assert outcome.exit_code != 0


async def test_the_peaks_of_all_processes_are_recorded(
    limiting: GroupFolder, executor: SupervisedExecutor
) -> None:
    job = a_job("sleep 0.1 & sleep 0.1 & wait", limits=ProcessLimits(memory_mb=64, processes=9))

    outcome, _ = await run(executor, job)

    assert outcome.exit_code == 0
    assert outcome.limits_met == frozenset()
    assert outcome.resources is not None
    for peak, most in (
        (outcome.resources.peak_total_memory_bytes, 64 << 20),
        (outcome.resources.peak_processes, 9),
    ):
        assert peak is None or 0 < peak <= most


async def test_what_a_limited_job_left_is_named_and_ended_with_its_step(
    limiting: GroupFolder, executor: SupervisedExecutor
) -> None:
    job = a_job(ESCAPE, limits=ProcessLimits(processes=9), leftovers=Leftovers.STEP)
    other = asyncio.create_task(run(executor, a_job("sleep 600", step="other")))

    _, sink = await run(executor, job)

    assert sink.censuses[-1] == (1, 0)
    assert groups_in(limiting) == ["supervised"]
    other.cancel()
    with pytest.raises(asyncio.CancelledError):
        await other


async def test_a_fork_bomb_is_killed_as_a_whole(
    limiting: GroupFolder, executor: SupervisedExecutor
) -> None:
    bomb = "echo up; bomb() { while :; do bomb & bomb; done; }; trap '' TERM; bomb 2>/dev/null"
    sink = RecordingSink()
    job = a_job(bomb, limits=ProcessLimits(processes=40), grace_seconds=0.5)
    task = asyncio.create_task(executor.run(job, sink))
    await sink.first_write.wait()

    task.cancel()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await task

    assert sink.censuses[-1][1] == 0
    assert groups_in(limiting) == ["supervised"]


def test_a_runner_leaves_the_group_that_it_divides(limiting: GroupFolder) -> None:
    code = (
        "import os; from core.executors.cgroups import runner_groups as r, delegation as d\n"
        "g = r.RunnerGroups(d.find_delegation()); from tests.core.executors.test_cgroup import *\n"
        "job = a_job('true', limits=ProcessLimits(processes=3)); group = g.open(job)\n"
        "print((group.path / 'pids.max').read_text().strip(), open('/proc/self/cgroup').read())\n"
        "g.close()"
    )
    enter = f'import os; open("{limiting.door}", "w").write("0");'

    shown = subprocess.run(
        [sys.executable, "-c", f"{enter}\n{code}"], capture_output=True, text=True, check=True
    ).stdout

    assert shown.startswith("3 ")
    assert shown.strip().endswith("/runner")


def test_limits_are_refused_while_others_are_in_the_delegated_group(limiting: GroupFolder) -> None:
    from core.executors.lookup import ImpossibleError

    with subprocess.Popen(["sleep", "600"]) as other:
        limiting.add(other.pid)
        groups = RunnerGroups(find_delegation())
        with pytest.raises(ImpossibleError, match="others than the runner are in"):
            groups.open(a_job("true", limits=ProcessLimits(memory_mb=9)))
        other.kill()
