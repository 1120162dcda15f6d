"""Several processes on one file at once, and writers that are killed at any moment."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.audit.format.body import LOG_CREATED
from core.audit.verify.verdict import Verdict
from core.audit.verify.verify import verify
from core.domain.states import ExecutionState
from core.machine.system_clock import SystemClock
from core.ports.execution_query import ExecutionQuery
from storage.read.audit_source import SqliteChainSource
from storage.read.reader import open_reader
from storage.write.store import open_store
from tests.support.story import Story, StorySigner

ROOT = Path(__file__).resolve().parents[2]


def start(mode: str, path: Path, *rest: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.writing", mode, str(path), *map(str, rest)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def verdict_of(path: Path) -> tuple[Verdict, list[str]]:
    reader = open_reader(path)
    log_id = reader.audit_events(limit=1)[0].details["log_id"]
    reader.close()
    source = SqliteChainSource(path, [StorySigner().vkey(log_id)])
    try:
        report = verify(source)
    finally:
        source.close()
    return report.verdict, [str(finding) for finding in report.findings]


def test_eight_processes_write_one_file_without_a_lock_error(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    count = 6
    writers = [start("write", path, number * 1000, count) for number in range(1, 9)]
    written: set[str] = set()
    for writer in writers:
        out, err = writer.communicate(timeout=120)
        assert (writer.returncode, err) == (0, "")
        written |= {line.split()[0] for line in out.splitlines()}
    reader = open_reader(path)
    found = reader.executions(ExecutionQuery(limit=1000))
    assert {one.execution_id for one in found} == written
    assert len(found) == 8 * count
    assert {one.state for one in found} == {ExecutionState.SUCCESS}
    assert {one.log_entry_count for one in found} == {1}
    assert sorted(one.run_number or 0 for one in found) == list(range(1, 8 * count + 1))
    first = reader.audit_events(limit=1)[0]
    assert (first.event_type, reader.last_seq()) == (LOG_CREATED, 1 + 8 * count * 12)
    reader.close()
    assert verdict_of(path) == (Verdict.INTACT, [])


def kill_and_check(path: Path, number: int, rng: random.Random) -> int:
    """Kill a writer at a random moment; everything it acknowledged must be there."""
    writer = start("forever", path, number)
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(rng.random() * 0.05)  # the moment of death is what is random here
    writer.send_signal(signal.SIGKILL)
    acknowledged = dict(
        line.split() for line in [first, *writer.stdout.read().splitlines(keepends=True)]
        if line.endswith("\n")
    )  # fmt: skip
    assert writer.stderr is not None
    assert writer.stderr.read() == ""
    writer.stdout.close()
    writer.stderr.close()
    writer.wait()
    reader = open_reader(path)
    for execution_id, events in acknowledged.items():
        assert len(reader.audit_events(execution_id=execution_id)) >= int(events)
    reader.close()
    assert verdict_of(path) == (Verdict.INTACT, [])
    return len(acknowledged)


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(4)
    path = tmp_path / "missions.db"
    assert sum(kill_and_check(path, 1000 * turn, rng) for turn in range(1, 5)) >= 4


@pytest.mark.slow
def test_two_hundred_killed_writers_lose_nothing_they_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(5)
    for turn in range(200):
        path = tmp_path / f"missions-{turn // 20}.db"
        kill_and_check(path, 1000 * (turn + 1), rng)


async def test_the_lease_of_a_killed_writer_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    writer = start("forever", path, 1)
    assert writer.stdout is not None
    assert writer.stderr is not None
    execution_id = writer.stdout.readline().split()[0]
    writer.kill()
    writer.wait()
    writer.stdout.close()
    writer.stderr.close()
    clock = SystemClock()
    store = await open_store(path, StorySigner(), clock=clock)
    assert (await store.control.acquire(execution_id)).epoch == 2
    await store.close()


async def test_a_lazy_reader_does_not_let_the_wal_grow(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    clock = SystemClock()
    store = await open_store(path, StorySigner(), clock=clock)
    story = Story("a", clock=clock).create().move(ExecutionState.RUNNING).begin("a")
    await store.journal.submit(story.batch())
    reader = open_reader(path)
    data = b"x" * 65535 + b"\n"
    for _ in range(1200):  # 79 MB
        store.journal.append_log(story.chunk("a", data))
        await store.journal.flush()
        reader.task_states(story.execution_id)
        reader.state_changes(story.execution_id)
    wal = path.with_name(path.name + "-wal").stat().st_size
    reader.close()
    await store.close()
    assert wal < 40_000_000
