"""What happens when a commit cannot be written: the innocent are saved, the rest fails closed."""

import asyncio
import errno
import gc
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.audit.verify.verdict import Verdict
from core.audit.verify.verify import verify
from core.domain.events import AttemptEnded, Noted
from core.domain.fold import Changes
from core.domain.reasons import Reason
from core.domain.records import Attempt
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.errors import (
    AuditError,
    BugError,
    ConflictError,
    LeaseHeldError,
    MissionDeckError,
    UnavailableError,
)
from core.ports.journal import Batch
from storage.read.audit_source import SqliteChainSource
from storage.read.reader import open_reader
from storage.write import writer as writer_module
from storage.write.store import Store, open_store
from tests.support.memory_journal import MemoryJournal
from tests.support.story import SteppingClock, Story, StorySigner


async def a_running(path: Path, **fields: Any) -> tuple[Store, Story]:
    clock = SteppingClock()
    store = await open_store(path, StorySigner(), clock=clock)
    story = Story("a", "b", clock=clock, **fields).create().move(ExecutionState.RUNNING)
    await store.journal.submit(story.batch())
    return store, story


def verdict_of(store: Store) -> Verdict:
    source = SqliteChainSource(store.path, [StorySigner().vkey(store.log_id)])
    try:
        return verify(source).verdict
    finally:
        source.close()


def raw(store: Store) -> sqlite3.Connection:
    return store.journal._writer._connection._conn


async def expect_closed(store: Store, story: Story, kind: type[MissionDeckError]) -> None:
    """Nothing is accepted any more, by any door, and closing still works."""
    with pytest.raises(kind):
        await store.journal.submit(story.batch())
    with pytest.raises(kind):
        await store.journal.flush()
    with pytest.raises(kind):
        await store.control.acquire("x")
    store.journal.append_log(story.chunk("a", b"lost\n"))
    assert store.journal.backlog == 0
    await store.close()


async def test_a_full_disk_fails_closed_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    pages = raw(store).execute("PRAGMA page_count").fetchone()[0]
    raw(store).execute(f"PRAGMA max_page_count = {pages + 2}")
    await store.journal.submit(story.begin("a").batch())
    acknowledged = story.snapshot.tasks["a"]
    store.journal.append_log(story.chunk("a", b"x" * 100_000))
    with pytest.raises(UnavailableError, match="full") as caught:
        await store.journal.submit(story.end("a").batch())
    assert "disk space" in (caught.value.hint or "")
    await expect_closed(store, story, UnavailableError)
    reader = open_reader(store.path)
    assert reader.task_run(story.execution_id, "a") == acknowledged
    reader.close()
    assert verdict_of(store) is Verdict.INTACT


@pytest.mark.parametrize("flavour", ["failed", "failed but persisted"])
async def test_a_commit_that_fails_stops_the_journal(
    tmp_path: Path, flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    ledger = store.journal._writer._ledger
    write = ledger.write

    def broken(connection: Any, group: Any) -> Any:
        if flavour == "failed but persisted":
            write(connection, group)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    monkeypatch.setattr(ledger, "write", broken)
    futures = [store.journal.submit(story.begin(step).batch()) for step in ("a", "b")]
    for future in futures:
        with pytest.raises(UnavailableError, match="I/O"):
            await future
    await expect_closed(store, story, UnavailableError)
    assert verdict_of(store) is Verdict.INTACT
    again = await open_store(store.path, StorySigner())
    await again.close()


@pytest.mark.parametrize("persisted", [False, True])
async def test_the_twin_in_memory_fails_in_both_flavours(persisted: bool) -> None:
    journal = MemoryJournal()
    story = Story("a").create()
    journal.fail_next(UnavailableError("disk full"), persisted=persisted)
    with pytest.raises(UnavailableError, match="disk full"):
        await journal.submit(story.batch())
    assert bool(journal.events) is persisted
    with pytest.raises(UnavailableError):
        await journal.submit(story.move(ExecutionState.RUNNING).batch())
    with pytest.raises(UnavailableError):
        await journal.flush()


async def test_a_batch_the_database_refuses_takes_nobody_of_its_group_along(
    tmp_path: Path,
) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    broken = Batch(
        execution_id=story.execution_id,
        events=[_note(story)],
        changes=Changes(None, (), (_an_attempt(story),)),
    )
    good = store.journal.submit(story.begin("a").batch())
    bad = store.journal.submit(broken)
    later = store.journal.submit(story.end("a").batch())
    assert (await good).execution_events == 4
    with pytest.raises(BugError, match="never started"):
        await bad
    with pytest.raises(BugError):
        await later
    await store.close()
    assert verdict_of(store) is Verdict.INTACT


async def test_details_outside_the_canonical_profile_stop_the_journal(tmp_path: Path) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    note = Noted(
        at=story.clock.now(), execution_id=story.execution_id, kind="x", facts={"o": object()}
    )
    with pytest.raises(AuditError):
        await store.journal.submit(
            Batch(execution_id=story.execution_id, events=[note], changes=Changes(None, (), ()))
        )
    await expect_closed(store, story, AuditError)


async def test_a_trigger_that_fires_is_an_audit_error(tmp_path: Path) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    store.journal._writer._ledger._head_version = -1
    raw(store).execute("DROP TRIGGER event_appends")
    raw(store).execute(
        "CREATE TRIGGER event_appends BEFORE INSERT ON event "
        "BEGIN SELECT RAISE(ABORT, 'appended without gaps'); END"
    )
    with pytest.raises(AuditError, match="without gaps") as caught:
        await store.journal.submit(story.begin("a").batch())
    assert "audit verify" in (caught.value.hint or "")
    await expect_closed(store, story, AuditError)


async def test_output_that_is_no_json_is_a_bug_and_stops_the_journal(tmp_path: Path) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    batch = story.begin("a").batch()
    attempt = batch.changes.attempts[0]
    assert attempt.inputs is not None
    attempt.inputs["bad"] = float("nan")  # type: ignore[index] # a mutable mapping, against the rules
    with pytest.raises(BugError):
        await store.journal.submit(batch)
    await expect_closed(store, story, BugError)


async def test_a_bug_of_the_writer_itself_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, story = await a_running(tmp_path / "m.db")
    monkeypatch.setattr(store.journal._writer._ledger, "write", lambda *_: [])
    first = store.journal.submit(story.task("a", TaskState.READY, Reason.DEPS_MET).batch())
    with pytest.raises(BugError, match="the storage writer stopped"):
        await asyncio.wait_for(first, 10)
    with pytest.raises(BugError):
        await asyncio.wait_for(store.journal.submit(story.batch()), 10)
    with pytest.raises(BugError):
        await store.close()


async def test_another_writer_is_waited_for(tmp_path: Path) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    future = store.journal.submit(story.begin("a").batch())
    await asyncio.sleep(0.1)
    assert not future.done()
    other.execute("ROLLBACK")
    other.close()
    assert (await future).execution_events == 4
    await store.close()


async def test_a_writer_that_never_lets_go_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    monkeypatch.setattr("storage.write.ledger.retry_while_busy", lambda function: function())
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked") as caught:
        await store.journal.submit(story.begin("a").batch())
    assert "another program" in (caught.value.hint or "")
    other.close()
    await store.close()


async def test_the_head_is_read_again_after_another_process_has_written(tmp_path: Path) -> None:
    first, story = await a_running(tmp_path / "missions.db")
    second, other = await a_running(tmp_path / "missions.db", number=2)
    for store, one in ((first, story), (second, other), (first, story), (second, other)):
        one.emit(_note(one))
        await store.journal.submit(one.batch())
    await first.close()
    await second.close()
    assert verdict_of(first) is Verdict.INTACT


async def test_a_takeover_fences_the_former_owner_at_once(tmp_path: Path) -> None:
    first, story = await a_running(tmp_path / "missions.db")
    lease = await first.control.acquire(story.execution_id)
    await first.journal.submit(story.begin("a").batch())
    heir = await open_store(tmp_path / "missions.db", StorySigner(), clock=story.clock)
    raw(heir).execute("UPDATE lease SET pid = 4194305")  # as if its process were gone
    taken = await heir.control.acquire(story.execution_id)
    assert taken.epoch == lease.epoch + 1
    with pytest.raises(LeaseHeldError):
        await first.journal.submit(story.end("a").batch())
    with pytest.raises(LeaseHeldError):
        await first.control.renew(lease)
    await first.close()
    await heir.close()


async def test_the_writer_survives_being_cancelled_with_its_loop(tmp_path: Path) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    future = store.journal.submit(story.begin("a").batch())
    await asyncio.sleep(0)
    store.journal._writer._task.cancel()
    assert (await future).execution_events == 4
    await asyncio.wait([store.journal._writer._task])
    with pytest.raises(UnavailableError, match="closed"):
        await store.journal.submit(story.end("a").batch())
    await store.close()


def test_a_loop_that_ends_without_closing_leaves_no_thread(tmp_path: Path) -> None:
    async def forget() -> tuple[Store, Story]:
        store, story = await a_running(tmp_path / "missions.db")
        store.journal.submit(story.begin("a").batch())
        return store, story

    store, story = asyncio.run(forget())
    gc.collect()
    reader = open_reader(store.path)
    assert reader.task_run(story.execution_id, "a") == story.snapshot.tasks["a"]
    reader.close()


async def test_a_large_queue_is_written_in_bounded_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_GROUP_ENTRIES", 3)
    store, story = await a_running(tmp_path / "missions.db")
    futures = []
    for _ in range(10):
        story.emit(_note(story))
        futures.append(store.journal.submit(story.batch()))
    receipts = [await future for future in futures]
    assert [one.execution_events for one in receipts] == list(range(3, 13))
    assert 3 < len({one.size for one in receipts}) <= 10
    await store.close()


@pytest.mark.parametrize(
    "ask",
    [
        lambda story: story.begin("a").batch(finalize=True),
        lambda story: story.batch(finalize=True),
    ],
)
async def test_a_batch_after_the_seal_in_one_group_is_refused(
    tmp_path: Path, ask: Callable[[Story], Batch]
) -> None:
    store, story = await a_running(tmp_path / "missions.db")
    sealed = store.journal.submit(ask(story))
    story.emit(_note(story))
    late = store.journal.submit(story.batch())
    await sealed
    with pytest.raises(ConflictError):
        await late
    await store.close()


def _note(story: Story) -> Noted:
    return Noted(at=story.clock.now(), execution_id=story.execution_id, kind="note")


def _an_attempt(story: Story) -> Attempt:
    event = AttemptEnded(
        at=story.clock.now(), execution_id=story.execution_id, task_id="b", attempt=9,
        to_state=AttemptState.FAILED, reason_code=Reason.EXIT_NONZERO,
    )  # fmt: skip
    return Attempt(
        execution_id=story.execution_id, task_id="b", attempt=9, state=event.to_state,
        reason_code=event.reason_code, started_at=event.at,
    )  # fmt: skip


async def _write_until_full(store: Store, story: Story, acknowledged: list[int]) -> None:
    while len(acknowledged) < 10_000:
        story.emit(_note(story))
        acknowledged.append((await store.journal.submit(story.batch())).execution_events)


def _is_small_disk_possible(folder: Path) -> bool:
    import subprocess

    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)],
        check=False, capture_output=True,
    )  # fmt: skip
    return made.returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    import subprocess

    folder = tmp_path / "disk"
    folder.mkdir()
    if not _is_small_disk_possible(folder):
        pytest.skip("a small disk needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_disk_that_is_really_full_keeps_every_acknowledged_batch(small_disk: Path) -> None:
    store, story = await a_running(small_disk / "missions.db")
    acknowledged = [2]
    with pytest.raises(UnavailableError) as caught:
        await _write_until_full(store, story, acknowledged)
    assert isinstance(caught.value.__cause__, Exception)
    await store.close()
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space") as full:
        filler.write_bytes(b"x" * 2_000_000)
    assert full.value.errno == errno.ENOSPC
    filler.unlink()
    reader = open_reader(store.path)
    assert (
        len(reader.audit_events(execution_id=story.execution_id, limit=10**6)) >= acknowledged[-1]
    )
    reader.close()
    assert verdict_of(store) is Verdict.INTACT
