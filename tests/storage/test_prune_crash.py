"""A prune that is interrupted anywhere leaves a log that verifies, and the next one finishes it."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.audit.format.prune_record import PruneRecord
from core.audit.verify.verdict import Report, Verdict
from core.audit.verify.verify import verify
from core.domain.states import ExecutionState
from core.errors import ConflictError
from storage.file.integrity.file_check import find_damage
from storage.read.audit_source import SqliteChainSource
from storage.read.prune_plan import open_prune_plan
from storage.write import pruner
from storage.write.store import Store, open_store
from tests.support.story import SteppingClock, Story, StorySigner


def judged(path: Path, log_id: str) -> Report:
    with closing(SqliteChainSource(path, [StorySigner().vkey(log_id)])) as source:
        return verify(source)


async def write(path: Path, clock: SteppingClock) -> tuple[Store, Story]:
    """Write two executions whose events alternate; return the store and the one that has ended."""
    store = await open_store(path, StorySigner(), clock=clock)
    done = Story("a", "b", clock=clock).create().move(ExecutionState.RUNNING)
    await store.journal.submit(done.begin("a").batch())
    other = Story("a", clock=clock, number=2).create().move(ExecutionState.RUNNING)
    await store.journal.submit(other.begin("a").batch())
    store.journal.append_log(done.chunk("a", b"one\n"))
    store.journal.append_log(other.chunk("a", b"stays\n"))
    store.journal.append_log(done.chunk("a", b"two\n"))
    await store.journal.submit(done.end("a").begin("b").batch())
    await store.journal.submit(other.end("a").batch())
    await store.journal.submit(done.end("b").finish())
    return store, done


async def named(store: Store, path: Path, execution_id: str, clock: SteppingClock) -> PruneRecord:
    with open_prune_plan(path) as reader:
        entry = reader.entry(execution_id)
    record = PruneRecord(what="executions", executions=[entry])
    await store.pruner.name(record, actor="ada", at=clock.now())
    return record


async def test_the_log_is_intact_after_every_transaction_of_a_prune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruner, "EVENTS_AT_ONCE", 2)
    monkeypatch.setattr(pruner, "TASK_RUNS_AT_ONCE", 1)
    path = tmp_path / "missions.db"
    clock = SteppingClock()
    store, done = await write(path, clock)
    verdicts = []
    original = store.pruner._writer.call

    async def watched(make: object) -> object:
        result = await original(make)  # type: ignore[arg-type]
        verdicts.append((judged(path, store.log_id).findings, find_damage(path)))
        return result

    record = await named(store, path, done.execution_id, clock)
    assert judged(path, store.log_id).findings == ()
    monkeypatch.setattr(store.pruner._writer, "call", watched)
    await store.pruner.remove("executions", record.executions[0])
    assert len(verdicts) > 8
    assert verdicts == [((), [])] * len(verdicts)
    monkeypatch.undo()
    assert await store.pruner.unfinished() == []
    await store.close()


async def test_what_was_named_is_removed_later(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    clock = SteppingClock()
    store, done = await write(path, clock)
    record = await named(store, path, done.execution_id, clock)
    assert await store.pruner.unfinished() == [("executions", record.executions[0])]
    for kind, entry in await store.pruner.unfinished():
        await store.pruner.remove(kind, entry)
    assert await store.pruner.unfinished() == []
    assert judged(path, store.log_id).findings == ()
    await store.close()


async def test_what_has_not_ended_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    clock = SteppingClock()
    store, done = await write(path, clock)
    child = Story("a", clock=clock, number=3, retry_of=done.execution_id).create()
    await store.journal.submit(child.batch())
    with pytest.raises(ConflictError, match="refers to it"):
        await named(store, path, done.execution_id, clock)
    assert judged(path, store.log_id).findings == ()
    await store.close()


async def test_a_prune_event_that_names_a_running_execution_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds the key can write one; verification does not follow it."""
    path = tmp_path / "missions.db"
    clock = SteppingClock()
    store, done = await write(path, clock)
    with open_prune_plan(path) as reader:
        entry = reader.entry(done.execution_id)
        other = Story("a", number=2).execution_id
        key = reader._connection.execute(
            "SELECT id, chain_events, chain_first_seq, chain_last_seq FROM execution"
            " WHERE execution_id = ?",
            (other,),
        ).fetchone()
    lying = replace(
        entry, execution_id=other, row=key[0], events=key[1], first_seq=key[2], last_seq=key[3]
    )
    monkeypatch.setattr(pruner, "_check", lambda _record, _connection: None)
    monkeypatch.setattr(
        pruner,
        "_name",
        lambda _record, connection, seq: connection.execute(
            "INSERT INTO prune VALUES (?, 'executions', ?, ?)", (key[0], other, seq)
        ),
    )
    await store.pruner.name(
        PruneRecord(what="executions", executions=[lying]), actor="eve", at=clock.now()
    )
    report = judged(path, store.log_id)
    assert report.verdict is Verdict.MODIFIED
    assert any("had not ended" in one.message for one in report.findings)
    await store.close()


_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from storage.write import pruner
from storage.write.store import open_store
from tests.storage.test_prune_crash import named, write
from tests.support.story import SteppingClock

async def main():
    path, left = Path(sys.argv[1]), int(sys.argv[2])
    pruner.EVENTS_AT_ONCE = 2
    pruner.TASK_RUNS_AT_ONCE = 1
    clock = SteppingClock()
    store, done = await write(path, clock)
    path.with_name("log_id").write_text(store.log_id)
    record = await named(store, path, done.execution_id, clock)
    call = store.pruner._writer.call
    async def counted(make):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return await call(make)
    store.pruner._writer.call = counted
    await store.pruner.remove("executions", record.executions[0])

asyncio.run(main())
"""


def _killed_at(path: Path, transactions: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _KILLED, str(path), str(transactions)],
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    assert ran.returncode == -signal.SIGKILL


async def _finishes(path: Path) -> None:
    log_id = path.with_name("log_id").read_text()
    assert judged(path, log_id).findings == ()
    store = await open_store(path, StorySigner(), clock=SteppingClock())
    for kind, entry in await store.pruner.unfinished():
        await store.pruner.remove(kind, entry)
    assert await store.pruner.unfinished() == []
    await store.close()
    report = judged(path, log_id)
    assert (report.findings, len(report.prunes)) == ((), 1)


async def test_a_killed_prune_is_finished_by_the_next(tmp_path: Path) -> None:
    _killed_at(tmp_path / "missions.db", 4)
    await _finishes(tmp_path / "missions.db")


@pytest.mark.slow
@pytest.mark.parametrize("transactions", range(9))
async def test_a_prune_killed_at_any_transaction_is_finished(
    tmp_path: Path, transactions: int
) -> None:
    _killed_at(tmp_path / "missions.db", transactions)
    await _finishes(tmp_path / "missions.db")
