"""TERM, grace, KILL: which signal when, on trees that obey, resist, or never die."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from core.executors.ladder import KILL_SECONDS, GroupTree, Ladder
from core.executors.tree import ProcessInfo, ProcessTable, has_process_table
from tests.support.virtual_loop import run_virtually

TERM, KILL, CONT = signal.SIGTERM, signal.SIGKILL, signal.SIGCONT


def a_process(pid: int, parent: int = 1, session: int = 0) -> ProcessInfo:
    return ProcessInfo(pid, parent, session or pid, session or pid, pid * 10)


@dataclass
class FakeTree:
    """Processes that react to signals as `reacts` says; it may change `alive`."""

    alive: set[ProcessInfo]
    reacts: Callable[["FakeTree", int, ProcessInfo], None]
    sent: list[tuple[float, int, int]] = field(default_factory=list)

    async def members(self) -> frozenset[ProcessInfo]:
        await asyncio.sleep(0)
        return frozenset(self.alive)

    def remaining(self, processes: Iterable[ProcessInfo]) -> list[ProcessInfo]:
        return [process for process in processes if process in self.alive]

    def signal(self, number: int, processes: Iterable[ProcessInfo]) -> None:
        now = asyncio.get_running_loop().time()
        for process in list(processes):
            self.sent.append((now, number, process.pid))
            self.reacts(self, number, process)


def obedient(tree: FakeTree, number: int, process: ProcessInfo) -> None:
    if number != CONT:
        tree.alive.discard(process)


def stubborn(tree: FakeTree, number: int, process: ProcessInfo) -> None:
    if number == KILL:
        tree.alive.discard(process)


def immortal(tree: FakeTree, number: int, process: ProcessInfo) -> None:
    assert process in tree.alive


def descend(
    tree: FakeTree, grace: float, meanwhile: Callable[[Ladder], None] | None = None
) -> tuple[tuple[int, int], float]:
    """Return the census and the seconds it took."""

    async def main() -> tuple[tuple[int, int], float]:
        ladder = Ladder(tree, grace)
        if meanwhile is not None:
            asyncio.get_running_loop().call_later(1.0, meanwhile, ladder)
        return await ladder.climb(), asyncio.get_running_loop().time()

    found: tuple[tuple[int, int], float] = run_virtually(main)
    return found


def test_an_obedient_tree_is_told_once_and_ends_at_once() -> None:
    tree = FakeTree({a_process(10), a_process(11)}, obedient)

    census, seconds = descend(tree, 5)

    assert census == (2, 0)
    assert seconds < 0.1
    assert {number for _, number, _ in tree.sent} == {TERM, CONT}


def test_an_empty_tree_is_no_work() -> None:
    assert descend(FakeTree(set(), obedient), 5) == ((0, 0), 0)


def test_a_stubborn_tree_is_killed_after_the_grace() -> None:
    tree = FakeTree({a_process(10)}, stubborn)

    census, seconds = descend(tree, 5)

    assert census == (1, 0)
    assert 5 <= seconds < 5.2
    assert [number for _, number, _ in tree.sent] == [TERM, CONT, KILL]


def test_processes_that_appear_later_are_told_and_counted_too() -> None:
    def spawning(tree: FakeTree, number: int, process: ProcessInfo) -> None:
        tree.alive.discard(process)
        if number == TERM and process.pid < 13:
            tree.alive.add(a_process(process.pid + 1))

    tree = FakeTree({a_process(10)}, spawning)

    census, _ = descend(tree, 5)

    assert census == (4, 0)
    assert [pid for _, number, pid in tree.sent if number == TERM] == [10, 11, 12, 13]


def test_what_cannot_be_killed_is_counted_as_surviving() -> None:
    tree = FakeTree({a_process(10), a_process(11)}, immortal)

    census, seconds = descend(tree, 2)

    assert census == (2, 2)
    assert 2 + KILL_SECONDS <= seconds < 2.2 + KILL_SECONDS


def test_without_a_grace_the_first_signal_is_kill() -> None:
    tree = FakeTree({a_process(10)}, stubborn)

    census, seconds = descend(tree, 0)

    assert census == (1, 0)
    assert seconds < 0.1
    assert [number for _, number, _ in tree.sent] == [KILL]


def test_hurrying_ends_the_grace() -> None:
    census, seconds = descend(FakeTree({a_process(10)}, stubborn), 3600, Ladder.hurry)

    assert census == (1, 0)
    assert 1 <= seconds < 1.2


def test_cancelling_hurries_and_is_not_passed_on() -> None:
    tree = FakeTree({a_process(10)}, stubborn)

    async def main() -> tuple[tuple[int, int], float]:
        task = asyncio.create_task(Ladder(tree, 3600).climb())
        await asyncio.sleep(1)
        task.cancel()
        return await task, asyncio.get_running_loop().time()

    census, seconds = run_virtually(main)

    assert census == (1, 0)
    assert 1 <= seconds < 1.2


def test_a_job_is_its_session_its_descendants_and_those_that_name_it() -> None:
    processes = [
        a_process(1),
        a_process(10, parent=5),
        a_process(11, parent=10, session=10),
        a_process(12, parent=11),
        a_process(13, parent=12),
        a_process(20, parent=1),
        a_process(21, parent=20),
        a_process(30, parent=1),
        a_process(31, parent=1, session=10),
    ]
    table = ProcessTable(
        {process.pid: process for process in processes}, {b"e/s/1": frozenset({20})}
    )

    found = {process.pid for process in table.members(10, "e/s/1")}

    assert found == {10, 11, 12, 13, 20, 21, 31}


@pytest.mark.skipif(not has_process_table(), reason="needs /proc")
def test_a_group_whose_members_have_all_ended_is_gone_before_anybody_waits_for_them() -> None:
    process = subprocess.Popen(["true"], start_new_session=True)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    os.killpg(process.pid, 0)  # the system still knows the group

    found, survivors = asyncio.run(Ladder(GroupTree(process.pid), 0.0, kill_seconds=0.2).climb())

    process.wait()
    assert (found, survivors) == (0, 0)
