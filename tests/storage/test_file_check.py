"""`db check` and `db backup`: every kind of damage is named, nothing sound is called damaged."""

import asyncio
import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.audit.verify.verdict import Verdict
from core.audit.verify.verify import verify
from core.domain.events import Noted
from core.domain.states import ExecutionState
from core.errors import ConflictError, UnavailableError
from storage.file.integrity.file_check import MAX_PROBLEMS, find_damage
from storage.file.integrity.wal_check import find_log_damage
from storage.file.maintenance import back_up
from storage.file.migration import migrate, read_migrations
from storage.read.audit_source import SqliteChainSource
from storage.read.reader import open_reader
from storage.write.store import Store, open_store
from tests.support.cli import mission
from tests.support.disks import filled, small_disk
from tests.support.story import SteppingClock, Story, StorySigner

PAGE_BYTES = 4096


async def a_database(path: Path, executions: int = 3) -> Store:
    """Make a database with some executions and leave it open."""
    clock = SteppingClock()
    store = await open_store(path, StorySigner(), clock=clock)
    for number in range(1, executions + 1):
        story = Story("a", clock=clock, number=number).create().move(ExecutionState.RUNNING)
        await store.journal.submit(story.begin("a").batch())
        store.journal.append_log(story.chunk("a", b"output\n" * 100))
        await store.journal.submit(story.end("a").batch())
        await store.journal.submit(story.finish())
    return store


def a_note(story: Story) -> Noted:
    return Noted(at=story.clock.now(), execution_id=story.execution_id, kind="note")


async def a_closed_database(path: Path, executions: int = 3) -> Path:
    await (await a_database(path, executions)).close()
    return path


async def as_left_by_a_crash(path: Path) -> Path:
    """Copy an open database with its WAL: the state of a file whose runner was killed."""
    store = await a_database(path.with_name("open.db"))
    for end in ("", "-wal"):
        shutil.copyfile(f"{store.path}{end}", f"{path}{end}")
    await store.close()
    return path


def vandalise(path: Path, *statements: str) -> None:
    """Change the schema as any SQLite tool may."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def root_page(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,))
        return int(row.fetchone()[0])


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


async def test_a_sound_file_has_no_problems(tmp_path: Path) -> None:
    store = await a_database(tmp_path / "missions.db")
    assert find_damage(store.path) == []
    await store.close()
    assert find_damage(store.path) == []


@pytest.mark.parametrize("version", range(1, len(read_migrations())))
def test_a_file_of_an_older_format_is_checked_as_what_it_is(tmp_path: Path, version: int) -> None:
    path = tmp_path / "missions.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, lambda _: None, read_migrations()[:version])
    assert find_damage(path) == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DROP TRIGGER event_appends", "the trigger event_appends is missing"),
        ("DROP INDEX execution_state", "the index execution_state is missing"),
        ("CREATE VIEW spy AS SELECT 1", "the view spy is not part of format"),
        ("ALTER TABLE meta ADD COLUMN x TEXT", "the table meta is not defined as in format"),
    ],
)
async def test_a_schema_that_is_not_ours_is_named(
    tmp_path: Path, statement: str, problem: str
) -> None:
    path = await a_closed_database(tmp_path / "missions.db")
    vandalise(path, statement)
    (found,) = find_damage(path)
    assert problem in found


async def test_a_broken_reference_is_named(tmp_path: Path) -> None:
    path = await a_closed_database(tmp_path / "missions.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE attempt SET task_run = 999999 WHERE task_run IN "
                           "(SELECT min(task_run) FROM attempt)")  # fmt: skip
    refers = "a row of attempt: task_run refers to a row of task_run that does not exist"
    assert refers in find_damage(path)


async def test_a_damaged_schema_is_named(tmp_path: Path) -> None:
    path = await a_closed_database(tmp_path / "missions.db")
    overwrite(path, 100, b"\xff" * (PAGE_BYTES - 100))
    (found,) = find_damage(path)
    assert "its schema cannot be read" in found


@pytest.mark.parametrize("table", ["execution", "event", "task_run", "attempt", "log_chunk"])
async def test_a_damaged_page_is_named_by_every_command_that_meets_it(
    tmp_path: Path, table: str
) -> None:
    path = await a_closed_database(tmp_path / "missions.db")
    overwrite(path, (root_page(path, table) - 1) * PAGE_BYTES, b"\xff" * PAGE_BYTES)
    problems = find_damage(path)
    assert problems
    assert len(problems) <= MAX_PROBLEMS
    for command in (["ls"], ["db", "check"], ["db", "backup"], ["audit", "verify"], ["run", "x"]):
        ran = mission(tmp_path, *command)
        assert "Traceback" not in ran.err
        assert ran.code in {0, 3, 4, 8, 9}, (command, ran)
    ran = mission(tmp_path, "db", "check")
    assert ran.code == 9
    assert ran.out.splitlines() == problems


async def test_random_damage_is_never_a_traceback(tmp_path: Path) -> None:
    path = await a_closed_database(tmp_path / "missions.db")
    whole = path.read_bytes()
    chance = random.Random(5)
    for at in range(PAGE_BYTES, len(whole), PAGE_BYTES):
        path.write_bytes(whole[:at] + chance.randbytes(PAGE_BYTES) + whole[at + PAGE_BYTES :])
        assert find_damage(path), f"page {at // PAGE_BYTES + 1}"


async def test_a_damaged_table_is_named_when_nothing_else_can_be_told(tmp_path: Path) -> None:
    path = await a_closed_database(tmp_path / "missions.db")
    overwrite(path, (root_page(path, "execution") - 1) * PAGE_BYTES, b"\xff" * PAGE_BYTES)
    assert any("table execution cannot be read" in one for one in find_damage(path))


# --- the write-ahead log -----------------------------------------------------------------------


async def test_the_log_of_a_killed_runner_is_sound(tmp_path: Path) -> None:
    path = await as_left_by_a_crash(tmp_path / "missions.db")
    assert find_log_damage(path) is None
    assert find_damage(path) == []


async def test_a_commit_that_was_torn_at_the_end_of_the_log_is_no_damage(tmp_path: Path) -> None:
    path = await as_left_by_a_crash(tmp_path / "missions.db")
    log = path.with_name("missions.db-wal")
    os.truncate(log, log.stat().st_size - 100)
    assert find_log_damage(path) is None
    overwrite(log, log.stat().st_size - 50, os.urandom(50))
    assert find_log_damage(path) is None


@pytest.mark.parametrize("offset", [32, 33, 36, 48, 56, 100, 32 + 24 + PAGE_BYTES - 1])
async def test_a_damaged_frame_with_commits_behind_it_is_named(tmp_path: Path, offset: int) -> None:
    path = await as_left_by_a_crash(tmp_path / "missions.db")
    log = path.with_name("missions.db-wal")
    overwrite(log, offset, bytes([log.read_bytes()[offset] ^ 1]))
    found = find_log_damage(path)
    assert found is not None
    assert "missions.db-wal is damaged at frame 1: " in found
    assert "behind it cannot be read" in found
    ran = mission(tmp_path, "db", "check")
    assert ran.code == 9
    assert found in ran.out


@pytest.mark.parametrize("damage", ["zeroed", "flipped", "cut off"])
async def test_a_damaged_header_of_the_log_is_named(tmp_path: Path, damage: str) -> None:
    path = await as_left_by_a_crash(tmp_path / "missions.db")
    log = path.with_name("missions.db-wal")
    if damage == "cut off":
        os.truncate(log, 20)
    else:
        overwrite(log, 0, bytes(32) if damage == "zeroed" else b"\xff")
    assert "header" in (find_log_damage(path) or "")
    assert find_damage(path)


async def test_a_log_that_is_being_written_is_not_called_damaged(tmp_path: Path) -> None:
    store = await a_database(tmp_path / "missions.db")
    connection = store.journal._writer._connection._conn
    story = Story("a", number=99).create()
    await store.journal.submit(story.batch())
    story.move(ExecutionState.RUNNING)
    for number in range(60):
        story.emit(a_note(story))
        await store.journal.submit(story.batch())
        if number % 7 == 0:  # the log starts anew, shorter than what is left of the former one
            connection.execute("PRAGMA wal_checkpoint(RESTART)")
        assert find_log_damage(store.path) is None
    await store.close()


# --- backups -----------------------------------------------------------------------------------


def verdict(path: Path) -> Verdict:
    with closing(open_reader(path)):
        pass
    with closing(sqlite3.connect(path)) as connection:
        (log_id,) = connection.execute("SELECT value FROM meta WHERE key = 'log_id'").fetchone()
    source = SqliteChainSource(path, [StorySigner().vkey(log_id)])
    try:
        return verify(source).verdict
    finally:
        source.close()


async def test_a_backup_made_while_a_runner_writes_is_whole(tmp_path: Path) -> None:
    store = await a_database(tmp_path / "missions.db")
    story = Story("a", number=99).create()
    await store.journal.submit(story.batch())
    story.move(ExecutionState.RUNNING)
    acknowledged = 0
    for round_number in range(5):
        target = tmp_path / f"copy-{round_number}.db"
        before = acknowledged
        copying = asyncio.create_task(asyncio.to_thread(back_up, store.path, target))
        while not copying.done():
            story.emit(a_note(story))
            acknowledged = (await store.journal.submit(story.batch())).size
        await copying
        assert find_damage(target) == []
        assert verdict(target) is Verdict.INTACT
        with closing(open_reader(target)) as reader:
            assert before <= reader.last_seq() + 1 <= acknowledged + 1
        assert not target.with_name(f"{target.name}-wal").exists()
    await store.close()


async def test_a_damaged_database_is_not_backed_up_as_if_it_were_sound(tmp_path: Path) -> None:
    path = await a_closed_database(tmp_path / "missions.db")
    overwrite(path, (root_page(path, "execution") - 1) * PAGE_BYTES, b"\xff" * PAGE_BYTES)
    with pytest.raises(UnavailableError, match="no backup was made"):
        back_up(path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


async def test_a_backup_that_does_not_fit_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    path = await a_closed_database(tmp_path / "missions.db")
    with small_disk(tmp_path / "disk", "64k") as disk, filled(disk):
        with pytest.raises(UnavailableError, match=str(disk)) as caught:
            back_up(path, disk / "copy.db")
        assert "room" in (caught.value.hint or "")
        assert not (disk / "copy.db").exists()
    with pytest.raises(ConflictError):
        back_up(path, path)
