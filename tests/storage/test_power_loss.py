"""Power losses at every write: whatever was reported as durable is there, and the rest is whole.

The real store writes to a disk that records (`tests.support.recording_vfs`). For every moment a
state is made that the disk could be in if the power failed then, with writes after the last sync
lost, kept out of order, or torn.
"""

import random
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.audit.verify.verdict import Verdict
from core.audit.verify.verify import verify
from core.domain.states import ExecutionState
from storage.file.file_identity import DatabaseFileGuard
from storage.file.integrity.file_check import find_page_damage
from storage.read.audit_source import SqliteChainSource
from storage.write import transactor
from storage.write.store import open_store
from tests.support.recording_vfs import (
    Acknowledged,
    Operation,
    RecordingDisk,
    Sync,
    after_power_loss,
    connect_on,
)
from tests.support.story import SteppingClock, Story, StorySigner


async def recorded(folder: Path, executions: int, monkeypatch: pytest.MonkeyPatch) -> RecordingDisk:
    """Run executions on a recording disk, with checkpoints of the WAL in between."""
    disk = RecordingDisk(f"recording-{folder.name}")
    path = folder / "missions.db"

    def connect(path: Path, **_options: Any) -> sqlite3.Connection:
        return connect_on(disk, path)

    monkeypatch.setattr("storage.write.transactor.sqlite3.connect", connect)
    monkeypatch.setattr(
        transactor, "_WRITER_PRAGMAS",
        transactor._WRITER_PRAGMAS.replace("wal_autocheckpoint = 4000", "wal_autocheckpoint = 60"),
    )  # fmt: skip
    monkeypatch.setattr(DatabaseFileGuard, "require", lambda *_args, **_named: None)
    clock = SteppingClock()
    store = await open_store(path, StorySigner(), clock=clock)
    disk.operations.append(Acknowledged(1))

    async def submit(batch: Any) -> None:
        receipt = await store.journal.submit(batch)
        disk.operations.append(Acknowledged(receipt.size))

    for number in range(1, executions + 1):
        story = Story("a", "b", clock=clock, number=number).create().move(ExecutionState.RUNNING)
        await submit(story.batch())
        for step in story.steps:
            await submit(story.begin(step).batch())
            store.journal.append_log(story.chunk(step, b"some output\n" * 200))
            await submit(story.end(step).batch())
        await submit(story.finish())
    await store.close()
    monkeypatch.undo()
    return disk


def lose_power(
    operations: Sequence[Operation], at: int, seed: float, folder: Path
) -> tuple[int, int, list[str]]:
    """Lose the power before operation `at`; return events acknowledged and found, and faults."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    acknowledged = after_power_loss(operations, at, random.Random(seed), folder)
    path = folder / "missions.db"
    if not acknowledged:
        return 0, 0, []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        faults = find_page_damage(connection)
        (found,) = connection.execute("SELECT max(seq) FROM event").fetchone()
        (log_id,) = connection.execute("SELECT value FROM meta WHERE key = 'log_id'").fetchone()
    source = SqliteChainSource(path, [StorySigner().vkey(log_id)])
    try:
        report = verify(source)
    finally:
        source.close()
    if report.verdict is not Verdict.INTACT:
        faults += [report.verdict.value, *map(str, report.findings)]
    return acknowledged, found, faults


def lose_power_everywhere(
    operations: Sequence[Operation], moments: Sequence[tuple[int, float]], folder: Path
) -> None:
    """Lose the power at all these moments (operation, seed); nothing acknowledged may be lost."""
    for at, seed in moments:
        acknowledged, found, faults = lose_power(operations, at, seed, folder)
        assert found >= acknowledged, (at, seed)
        assert faults == [], (at, seed)


async def test_a_power_loss_at_some_moments_loses_nothing_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = await recorded(tmp_path, 2, monkeypatch)
    count = len(disk.operations)
    chance = random.Random(1)
    moments = [(chance.randrange(count + 1), chance.random()) for _ in range(40)]
    lose_power_everywhere(disk.operations, moments, tmp_path / "lost")


async def test_a_disk_that_ignores_syncs_is_noticed_by_this_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = await recorded(tmp_path, 2, monkeypatch)
    lying = [one for one in disk.operations if not isinstance(one, Sync)]
    with pytest.raises((AssertionError, sqlite3.Error, TypeError)):
        lose_power_everywhere(lying, [(len(lying), seed) for seed in range(20)], tmp_path / "lost")


@pytest.mark.slow
async def test_a_power_loss_at_every_write_loses_nothing_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    disk = await recorded(tmp_path, 12, monkeypatch)
    moments = [(at, seed) for at in range(len(disk.operations) + 1) for seed in range(2)]
    lose_power_everywhere(disk.operations, moments, tmp_path / "lost")
    syncs = sum(isinstance(one, Sync) for one in disk.operations)
    with capfd.disabled():
        print(
            f"\npower loss: {len(disk.operations)} operations, {syncs} syncs, "
            f"{len(moments)} losses, nothing acknowledged was lost"
        )
