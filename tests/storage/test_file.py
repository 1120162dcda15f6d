"""The file itself: who may open it, how it comes about, what it refuses, how it is migrated."""

import re
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import storage as sqlite_folder
from core.audit.verify.verdict import Verdict
from core.audit.verify.verify import verify
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import Coverage, ExecutionState, TaskState
from core.errors import AuditError, MissionDeckError, UnavailableError
from core.ports.execution_query import ExecutionQuery
from storage.file.backup import copy_into
from storage.file.connection import open_readonly
from storage.file.file_format import APPLICATION_ID, SCHEMA_VERSION
from storage.file.migration import migrate, read_migrations, split_statements
from storage.read.audit_source import SqliteChainSource
from storage.read.reader import open_reader
from storage.write.store import open_store
from tests.support.old_format import back_to_format_1
from tests.support.story import SteppingClock, Story, StorySigner


async def a_file(path: Path, *, sealed: bool = False) -> Story:
    """Make a database with one execution, and close it."""
    clock = SteppingClock()
    store = await open_store(path, StorySigner(), clock=clock)
    story = Story("a", clock=clock).create().move(ExecutionState.RUNNING).begin("a")
    await store.journal.submit(story.batch())
    store.journal.append_log(story.chunk("a", b"output\n"))
    await store.journal.submit(story.end("a").batch())
    if sealed:
        await store.journal.submit(story.finish())
    await store.close()
    return story


def vandal(path: Path) -> sqlite3.Connection:
    """Return a connection as any SQLite tool opens it, with our triggers fully in force."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA recursive_triggers = ON")
    return connection


def executions_in(path: Path) -> list[Execution]:
    """Return all executions, the reader closed again."""
    with closing(open_reader(path)) as reader:
        return reader.executions()


# --- coming about ------------------------------------------------------------------------------


async def test_file_and_folder_are_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "data" / "missions.db"
    store = await open_store(path, StorySigner())
    modes = {
        each.name: stat.S_IMODE(each.stat().st_mode)
        for each in (path.parent, *path.parent.iterdir())
    }
    await store.close()
    assert modes == {
        "data": 0o700, "missions.db": 0o600, "missions.db-wal": 0o600, "missions.db-shm": 0o600,
        "missions.db.reserve": 0o600,
    }  # fmt: skip


async def test_a_new_file_begins_with_a_signed_log(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    store = await open_store(path, StorySigner())
    await store.close()
    reader = open_reader(path)
    (event,) = reader.audit_events()
    reader.close()
    assert event.event_type == "log.created"
    assert event.details == {"log_id": store.log_id, "vkey": StorySigner().vkey(store.log_id)}
    assert (await open_again(path)).log_id == store.log_id


async def open_again(path: Path) -> Any:
    store = await open_store(path, StorySigner())
    await store.close()
    return store


async def test_the_settings_that_durability_and_immutability_rest_on_are_on(
    tmp_path: Path,
) -> None:
    store = await open_store(tmp_path / "missions.db", StorySigner())
    raw = store.journal._writer._connection._conn
    found = {
        name: raw.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "recursive_triggers", "trusted_schema")
    }
    tables = raw.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
    loose = [name for name, strict in tables if not strict and not name.startswith("sqlite_")]
    await store.close()
    assert found == {
        "journal_mode": "wal", "synchronous": 2, "recursive_triggers": 1, "trusted_schema": 0
    }  # fmt: skip
    assert loose == []


# --- what cannot be used -------------------------------------------------------------------------


def write_text(path: Path) -> None:
    path.write_text("this is no database, but long enough to have a header" * 100)


def write_foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def write_newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()


def make_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (write_text, "not a database"),
        (write_foreign, "not a Mission Deck database"),
        (write_newer, "newer"),
        (make_folder, "cannot be used"),
    ],
)
async def test_a_file_that_is_not_ours_is_refused_with_a_hint_and_left_alone(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "missions.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UnavailableError, match=says) as caught:
        await open_store(path, StorySigner())
    assert caught.value.hint
    with pytest.raises(UnavailableError, match=says) as caught:
        open_reader(path)
    assert caught.value.hint
    assert (path.read_bytes() if path.is_file() else None) == before


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"file/missions\.db"):
        await open_store(tmp_path / "file" / "missions.db", StorySigner())


async def test_a_damaged_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    story = await a_file(path)
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(MissionDeckError):
        await open_store(path, StorySigner())
    with pytest.raises(UnavailableError):
        open_reader(path).task_runs(story.execution_id)


async def test_another_key_does_not_sign_our_log(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    await a_file(path)
    with pytest.raises(UnavailableError, match="another key") as caught:
        await open_store(path, StorySigner(8))
    assert caught.value.hint


async def test_a_head_that_was_not_signed_is_not_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    await a_file(path)
    connection = vandal(path)
    (data,) = connection.execute("SELECT data FROM head").fetchone()
    connection.execute("UPDATE head SET data = ?", (data[:-1] + bytes([data[-1] ^ 1]),))
    connection.close()
    with pytest.raises(AuditError, match="does not match its last checkpoint"):
        await open_store(path, StorySigner())
    connection = vandal(path)
    connection.execute("DELETE FROM head")
    connection.close()
    with pytest.raises(AuditError, match="has no id, head or checkpoint"):
        await open_store(path, StorySigner())


# --- what never changes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET actor = 'x' WHERE seq = 2",
        "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
        "DELETE FROM event",
        "INSERT OR REPLACE INTO event SELECT * FROM event WHERE seq = 2",
        (
            "REPLACE INTO event SELECT seq, x'ff', ts, type, actor, target, execution, exec_seq, "
            "task_run, attempt, body, hash FROM event WHERE seq = 2"
        ),
        (
            "INSERT INTO event SELECT seq + 100, x'ff', ts + 1, type, actor, target, execution, "
            "exec_seq, task_run, attempt, body, hash FROM event ORDER BY seq DESC LIMIT 1"
        ),
        (
            "INSERT INTO event SELECT seq + 1, event_id, ts + 1, type, actor, target, execution, "
            "exec_seq, task_run, attempt, body, hash FROM event ORDER BY seq DESC LIMIT 1"
        ),
        (
            "INSERT INTO event SELECT seq + 1, x'ff', ts, type, actor, target, execution, "
            "exec_seq, task_run, attempt, body, hash FROM event ORDER BY seq DESC LIMIT 1"
        ),
        (
            "INSERT INTO event SELECT 0, x'00', 0, type, actor, target, execution, "
            "exec_seq, task_run, attempt, body, hash FROM event WHERE seq = 1"
        ),
        "UPDATE checkpoint SET note = x''",
        "DELETE FROM checkpoint",
        "INSERT INTO checkpoint VALUES (999, x'')",
        "UPDATE mission SET content = x''",
        "DELETE FROM mission",
        "UPDATE log_chunk SET data = x''",
        "DELETE FROM log_chunk",
        "INSERT OR REPLACE INTO log_chunk SELECT * FROM log_chunk",
        "UPDATE execution SET state = 'RUNNING'",
        "UPDATE execution SET actor = 'x'",
        "DELETE FROM execution",
        "UPDATE task_run SET outputs = NULL",
        "DELETE FROM task_run",
        "UPDATE attempt SET exit_code = 1",
        "DELETE FROM attempt",
        (
            "INSERT INTO log_chunk SELECT NULL, execution, task_run, attempt, chunk + 1, "
            "first_seq, lines, at_first, at_last, streams, levels, open_streams, segments, data "
            "FROM log_chunk"
        ),
        "UPDATE task_run SET position = 7",
    ],
)
async def test_the_database_refuses_to_change_what_was_sealed(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "missions.db"
    await a_file(path, sealed=True)
    connection = vandal(path)
    before = list(connection.iterdump())
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    assert list(connection.iterdump()) == before
    connection.close()


async def test_an_ended_execution_that_is_not_sealed_yet_does_not_live_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "missions.db"
    clock = SteppingClock()
    store = await open_store(path, StorySigner(), clock=clock)
    story = Story("a", clock=clock).create().move(ExecutionState.CANCELLED)
    await store.journal.submit(story.batch())
    receipt = await store.journal.submit(story.batch(finalize=True))
    assert receipt.execution_events == 3
    await store.close()
    connection = vandal(path)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE execution SET state = 'RUNNING'")
    connection.close()


# --- migration and copies ------------------------------------------------------------------------


def test_the_version_is_the_number_of_migrations() -> None:
    assert len(read_migrations()) == SCHEMA_VERSION


def test_a_script_is_split_into_whole_statements() -> None:
    script = (
        "-- a comment; with a semicolon\nCREATE TABLE t (x);\nCREATE TRIGGER g BEFORE DELETE ON t\n"
        "BEGIN SELECT 1; SELECT 2; END;\nINSERT INTO t VALUES (';');\n-- the end\n"
    )
    assert [one.strip().split("\n")[-1] for one in split_statements(script)] == [
        "CREATE TABLE t (x);",
        "BEGIN SELECT 1; SELECT 2; END;",
        "INSERT INTO t VALUES (';');",
    ]


async def test_an_older_file_is_backed_up_and_migrated_in_one_go(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    await a_file(path)
    connection = vandal(path)
    steps = [*read_migrations(), "CREATE TABLE later (x TEXT) STRICT;\n"]
    born: list[object] = []
    migrate(connection, path, born.append, steps)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM execution").fetchone() == (1,)
    connection.close()
    assert born == []
    (backup,) = tmp_path.glob("missions.db.format*.backup")
    assert f".format{SCHEMA_VERSION}-" in backup.name
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert len(executions_in(backup)) == 1
    with pytest.raises(UnavailableError, match="newer"):
        open_reader(path)


async def test_of_two_that_migrate_at_once_one_does_and_only_its_backup_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "missions.db"
    await a_file(path)
    steps = [*read_migrations(), "CREATE TABLE later (x TEXT) STRICT;\n"]
    monkeypatch.setattr("storage.file.migration.file_stamp", lambda: "20260102T030405Z")

    def copy_as_another_one_migrates(connection: sqlite3.Connection, target: Path) -> None:
        monkeypatch.setattr("storage.file.migration.copy_into", copy_into)
        with closing(vandal(path)) as faster:
            migrate(faster, path, lambda _: None, steps)
        copy_into(connection, target)

    monkeypatch.setattr("storage.file.migration.copy_into", copy_as_another_one_migrates)
    with closing(vandal(path)) as slower:
        migrate(slower, path, lambda _: None, steps)
        assert slower.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    (backup,) = tmp_path.glob("missions.db.format*.backup")
    with closing(vandal(backup)) as copied:
        assert copied.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


async def test_a_file_of_format_1_is_brought_up_to_date_and_stays_intact(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    await a_file(path, sealed=True)
    connection = vandal(path)
    back_to_format_1(connection)
    connection.close()
    store = await open_store(path, StorySigner())
    later = Story("a", number=2, parent_execution_id="p", parent_task_id="kid", parent_attempt=2,
                  retry_scope={"items": {"a": [1]}}).create()  # fmt: skip
    await store.journal.submit(later.batch())
    await store.close()
    assert len(list(tmp_path.glob("missions.db.format1-*.backup"))) == 1
    with closing(vandal(path)) as edit, pytest.raises(sqlite3.IntegrityError, match="sealed"):
        edit.execute("UPDATE execution SET message = 'x' WHERE sealed")
    reader = open_reader(path)
    newest, older = reader.executions(ExecutionQuery(include_children=True))
    assert newest == later.snapshot.current
    assert (older.parent_task_id, older.parent_attempt, older.retry_scope) == (None, None, None)
    source = SqliteChainSource(path, [StorySigner().vkey(store.log_id)])
    assert verify(source).verdict is Verdict.INTACT
    source.close()
    reader.close()


async def test_executions_older_than_run_numbers_are_numbered_in_the_order_of_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "missions.db"
    monkeypatch.setattr("storage.write.ledger.numbered", lambda batch, _number: batch)
    store = await open_store(path, StorySigner())
    old = [
        Story("a", "b", number=9, workflow_id="w-1", run_number=None),
        Story("a", number=8, workflow_id="w-2", run_number=None),
        Story("a", number=1, workflow_id="w-1", run_number=None),
    ]
    for story in old:
        await store.journal.submit(story.create().move(ExecutionState.RUNNING).batch())
    left_out = old[0].task("b", TaskState.SKIPPED, Reason.NOT_SELECTED)
    await store.journal.submit(left_out.finish())
    await store.close()
    monkeypatch.undo()
    connection = vandal(path)
    connection.execute("DROP TRIGGER execution_sealed")
    connection.execute("UPDATE execution SET run_number = NULL")
    back_to_format_1(connection)
    connection.executescript(
        "CREATE TRIGGER execution_sealed BEFORE UPDATE ON execution WHEN OLD.sealed "
        "BEGIN SELECT RAISE(ABORT, 'the execution is sealed'); END;"
    )
    connection.close()
    store = await open_store(path, StorySigner())
    later = Story("a", number=3, workflow_id="w-1", run_number=3).create()
    receipt = await store.journal.submit(later.batch())
    await store.close()
    assert receipt.run_number == 3
    reader = open_reader(path)
    found = {one.execution_id: one for one in reader.executions()}
    assert [found[one.execution_id].run_number for one in (*old, later)] == [1, 1, 2, 3]
    coverage = [found[one.execution_id].coverage for one in (*old, later)]
    assert coverage == [Coverage.SUBSET, Coverage.FULL, Coverage.FULL, Coverage.FULL]
    source = SqliteChainSource(path, [StorySigner().vkey(store.log_id)])
    assert [str(one) for one in verify(source).findings] == []
    source.close()
    reader.close()


async def test_a_run_number_is_never_given_again_even_when_its_execution_is_gone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "missions.db"
    await a_file(path)
    connection = vandal(path)
    connection.execute("DROP TRIGGER execution_never_deleted")
    connection.execute("DROP TRIGGER task_run_never_deleted")
    connection.execute("DELETE FROM execution")
    connection.execute("DELETE FROM task_run")
    with pytest.raises(sqlite3.IntegrityError, match="never given again"):
        connection.execute("DELETE FROM run_number")
    with pytest.raises(sqlite3.IntegrityError, match="only rise"):
        connection.execute("UPDATE run_number SET last = 0")
    connection.close()
    store = await open_store(path, StorySigner())
    receipt = await store.journal.submit(Story("a", number=2).create().batch())
    await store.close()
    assert receipt.run_number == 2


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    await a_file(path)
    connection = vandal(path)
    before = list(connection.iterdump())
    steps = [*read_migrations(), "CREATE TABLE later (x);\nINSERT INTO nowhere VALUES (1);\n"]
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, path, lambda _: None, steps)
    assert list(connection.iterdump()) == before
    connection.close()
    assert len(executions_in(path)) == 1


async def test_an_older_file_is_not_read_before_it_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "missions.db"
    await a_file(path)
    monkeypatch.setattr("storage.file.connection.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(UnavailableError, match="older"):
        open_readonly(path)


async def test_a_copy_is_whole_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    store = await open_store(path, StorySigner())
    story = Story("a").create()
    await store.journal.submit(story.batch())
    connection = vandal(path)
    copy_into(connection, tmp_path / "copy.db")
    with pytest.raises(FileExistsError):
        copy_into(connection, tmp_path / "copy.db")
    connection.close()
    await store.close()
    assert executions_in(tmp_path / "copy.db") == [story.snapshot.current]
    copied = await open_store(tmp_path / "copy.db", StorySigner())
    assert copied.log_id == store.log_id
    await copied.close()


async def test_items_of_an_older_file_are_counted_when_it_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"
    await a_file(path)
    connection = vandal(path)
    (task_id, state), *_ = connection.execute("SELECT id, state FROM task_run").fetchall()
    connection.execute("UPDATE task_run SET parent_task_id = 'fan' WHERE id = ?", (task_id,))
    back_to_format_1(connection)
    migrate(connection, path, lambda _connection: None)
    connection.close()
    (execution,) = executions_in(path)
    assert execution.item_counts == {state: 1}


def test_no_statement_has_numbered_placeholders() -> None:
    """Python 3.12 warns about `?1` that is given a sequence; `?` and `:name` are portable."""
    folder = Path(sqlite_folder.__file__).parent
    sources = [path for kind in ("*.py", "*.sql") for path in folder.rglob(kind)]
    assert sources
    assert [path.name for path in sources if re.search(r"[\s(=<>]\?\d", path.read_text())] == []
