"""An edit of any column of any table is found, with its place: what is shown is verified."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from core.audit.format.prune_record import PruneRecord
from core.audit.verify.verdict import Report, Verdict
from core.audit.verify.verify import verify
from core.domain.breaker_state import BreakerState
from core.domain.events import AttemptPlaced, BreakerChanged, CancelRequested, Noted
from core.domain.reasons import Reason
from core.domain.records import LogLevel, LogStream
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.errors import MissionDeckError, UnavailableError
from core.ports.control import RequestKind
from storage.read.audit_source import SqliteChainSource
from storage.read.prune_plan import open_prune_plan
from storage.rows.segment import pack_segments, segment_columns, unpack_segments
from storage.write.store import Store, open_store
from tests.support.story import SteppingClock, Story, StorySigner

DECIDES_NOTHING: Final = {
    "lease": "says who may write next, not what was done",
    "request": "a mailbox between processes; what came of a request is an event",
    "claim": "says who may start next, not what was done",
    "step_record": "says what need not run again; what was compared is in the event of the skip",
    "sqlite_sequence": "the next id of a request",
    ("head", "id"): "always 1: the table has one row",
    ("checkpoint", "note"): "only the last checkpoint counts; --deep verifies all",
}
"""Tables and columns whose edits need not be found, and why."""

LOG_ID_FILE: Final = "log_id"
"""Beside the database: whose key is trusted does not come from the file that is verified."""

OUT, ERR = LogStream.STDOUT, LogStream.STDERR


async def _write(path: Path) -> None:
    """Write a log in which every column of every table has a value somewhere."""
    clock = SteppingClock()
    store = await open_store(path, StorySigner(), clock=clock)
    done = Story(
        "a", "each", "lost", clock=clock, params={"x": 1}, source_path="/m/a.yaml", run_key="key",
        parallel_limit=2, retry_scope={"steps": ["a"]}, retry_of="r", rerun_of="q",
        forced=("a",), breakpoints=("a",), labels={"team": "blue"}, title="t", keep_going=True,
        parent_execution_id="p", parent_task_id="t", parent_attempt=1,
    )  # fmt: skip
    lease = await store.control.acquire(done.execution_id)
    done.create()
    done.emit(
        Noted(
            at=clock.now(), execution_id=done.execution_id, kind="mission.validated",
            facts={"mission_sha256": done.mission.digest, "name": "story", "format": "yaml"},
        )
    )  # fmt: skip
    await store.journal.submit(done.move(ExecutionState.RUNNING).begin("a").batch())
    await store.control.request(done.execution_id, RequestKind.CANCEL, actor="ada")
    store.journal.append_log(done.chunk("a", b"one\n", (ERR, b"two\nhalf")))
    store.journal.append_log(done.chunk("a", (ERR, b" line\n"), b"three\n"))
    done.end(
        "a", AttemptState.FAILED, message="it failed", outputs={"n": 1}, duration_us=5,
        census={"processes": 1, "survivors": 0}, log_dropped_bytes=7,
        resources={"peak_memory_bytes": 1, "system_ms": 2, "user_ms": 3},
        placement={"host": "node1", "worker": "tls://node1:4711"},
        artifacts={"a.txt": {"bytes": 4, "sha256": "ab" * 32}},
    )  # fmt: skip
    done.task("each", TaskState.READY, Reason.DEPS_MET).expand("each", ("x", {"y": 2}))
    done.emit(
        CancelRequested(at=clock.now(), execution_id=done.execution_id, actor="eve", message="no")
    )
    for item in ("each[0]", "each[1]", "each"):
        done.task(item, TaskState.CANCELLED, Reason.USER_CANCELLED, duration_us=9)
    done.task("lost", TaskState.READY, Reason.DEPS_MET)
    done.task("lost", TaskState.CANCELLED, Reason.USER_CANCELLED, message="stopped")
    await store.journal.submit(done.batch())
    done.move(ExecutionState.CANCELLED, Reason.USER_CANCELLED, "stopped")
    await store.journal.submit(done.batch(finalize=True))
    await store.control.release(lease)
    running = Story("a", "b", clock=clock, number=2).create().move(ExecutionState.RUNNING)
    running.emit(
        BreakerChanged(
            at=clock.now(), execution_id=running.execution_id, state=BreakerState.OPEN,
            message="full",
        )
    )  # fmt: skip
    await store.journal.submit(running.begin("a").batch())
    store.journal.append_log(running.chunk("a", b"not sealed\n"))
    await store.journal.submit(running.end("a").begin("b").batch())
    running.emit(
        AttemptPlaced(
            at=clock.now(), execution_id=running.execution_id, task_id="b", attempt=1,
            host="node2", worker="tls://node2:1",
        )
    )  # fmt: skip
    await store.journal.submit(running.batch())
    store.journal.append_log(running.chunk("b", b"goes on\nand on"))
    await store.journal.flush()
    await _prune_one(path, store, clock)
    path.with_name(LOG_ID_FILE).write_text(store.log_id)
    await store.close()


async def _prune_one(path: Path, store: Store, clock: SteppingClock) -> None:
    """Write an execution and prune it: its hashes and the rows about it are left."""
    gone = Story("a", clock=clock, number=3).create().move(ExecutionState.RUNNING)
    await store.journal.submit(gone.begin("a").batch())
    await store.journal.submit(gone.end("a").finish())
    with open_prune_plan(path) as reader:
        entry = reader.entry(gone.execution_id)
    record = PruneRecord(what="executions", executions=[entry])
    await store.pruner.name(record, actor="ada", at=clock.now())
    await store.pruner.remove("executions", entry)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("columns") / "missions.db"
    asyncio.run(_write(path))
    return path


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Path:
    shutil.copyfile(original.with_name(LOG_ID_FILE), tmp_path / LOG_ID_FILE)
    return Path(shutil.copyfile(original, tmp_path / "missions.db"))


def judged(path: Path) -> Report:
    log_id = path.with_name(LOG_ID_FILE).read_text()
    with closing(SqliteChainSource(path, [StorySigner().vkey(log_id)])) as source:
        return verify(source)


def connected(path: Path) -> sqlite3.Connection:
    """Open the file like somebody who may write it and knows how to get around its rules."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def without_triggers(connection: sqlite3.Connection) -> list[str]:
    """Drop the triggers; return the statements that make them again."""
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    found = triggers.fetchall()
    for name, _ in found:
        connection.execute(f"DROP TRIGGER {name}")
    return [sql for _, sql in found]


def columns(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return [
            (table, column)
            for (table,) in tables.fetchall()
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
        ]


def edits(value: Any) -> Iterator[Any]:
    """Yield other values of the same type, and one of none where that is allowed."""
    if value is None:
        yield from (1, "x", b"x")
    elif isinstance(value, int):
        yield from (value + 1, value - 1, None)
    elif isinstance(value, str):
        yield from (f"{value}x", value.swapcase() or "x", value[:-1], None)
    else:
        yield from (value + b"x", bytes([value[0] ^ 1]) + value[1:] if value else b"y", None)


def decides_nothing(table: str, column: str) -> bool:
    return table in DECIDES_NOTHING or (table, column) in DECIDES_NOTHING


def edit(connection: sqlite3.Connection, table: str, column: str, key: Any, value: Any) -> bool:
    """Set one value, tell whether the file allows it."""
    where = " AND ".join(f"{name} IS ?" for name in key)
    try:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *key.values()))
    except sqlite3.Error:
        return False  # not even such an editor can write it: STRICT types, NOT NULL, UNIQUE
    return True


def rows_of(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table}")
    names = [name for name, *_ in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_an_untouched_log_is_intact(path: Path) -> None:
    report = judged(path)
    assert (report.verdict, report.findings) == (Verdict.INTACT, ())
    assert (report.data_only_seals, report.unsealed_outputs) == (0, 1)


def test_the_log_has_a_value_in_almost_every_column(path: Path) -> None:
    empty = []
    with closing(sqlite3.connect(path)) as connection:
        for table, column in columns(path):
            row = connection.execute(
                f"SELECT 1 FROM {table} WHERE {column} IS NOT NULL LIMIT 1"
            ).fetchone()
            if row is None:
                empty.append((table, column))
    assert [place for place in empty if place[0] not in DECIDES_NOTHING] == [
        ("execution", "duration_us"),
        ("task_run", "resume_at"),
        ("task_run", "reused_from"),
    ]


def test_events_behind_one_whose_text_is_not_utf_8_are_read_once(path: Path) -> None:
    with closing(connected(path)) as connection:
        without_triggers(connection)
        count = connection.execute("SELECT max(seq) FROM event").fetchone()[0]
        connection.execute("UPDATE event SET actor = CAST(x'ff41' AS TEXT) WHERE seq = 5")
        connection.commit()
    source = SqliteChainSource(path, ())
    try:
        rows = list(source.rows())
    finally:
        source.close()
    assert [row[0] for row in rows] == list(range(1, count + 1))
    assert rows[4][4] == "\udcffA"


def test_what_decides_nothing_is_still_in_the_schema(path: Path) -> None:
    found = columns(path)
    tables = {table for table, _ in found}
    for place in DECIDES_NOTHING:
        assert place in tables or place in found


def test_an_edit_of_any_column_is_found(path: Path) -> None:
    missed: list[tuple[str, str, Any, Any]] = []
    tried = 0
    for table, column in columns(path):
        if decides_nothing(table, column):
            continue
        with closing(connected(path)) as connection:
            triggers = without_triggers(connection)
            rows = rows_of(connection, table)
            chosen = rows[-1]
            with_value = [row for row in rows if row[column] is not None]
            chosen = with_value[0] if with_value else chosen
            values = [value for value in edits(chosen[column]) if value != chosen[column]]
            for sql in triggers:
                connection.execute(sql)
        was_edited = False
        for value in values:
            copy = Path(shutil.copyfile(path, path.with_name("edited.db")))
            with closing(connected(copy)) as connection:
                triggers = without_triggers(connection)
                done = edit(connection, table, column, chosen, value)
                for sql in triggers:
                    connection.execute(sql)
            if done:
                was_edited = True
                tried += 1
                report = judged(copy)
                place = report.findings[0] if report.findings else None
                if place is None or not (place.seq or place.message):
                    missed.append((table, column, chosen[column], value))
        assert was_edited, (table, column)
    assert missed == []
    assert tried > 200


def _random_edits(path: Path, count: int, seed: int) -> None:
    choice = random.Random(seed)
    with closing(connected(path)) as connection:
        rows = {table: rows_of(connection, table) for table in {name for name, _ in columns(path)}}
    # No digest covers the output of the attempt that still runs, and the report says so.
    rows["log_chunk"].pop()
    rows["checkpoint"] = rows["checkpoint"][-1:]
    places = [place for place in columns(path) if not decides_nothing(*place) and rows[place[0]]]
    copy = path.with_name("edited.db")
    made = 0
    while made < count:
        table, column = choice.choice(places)
        row = choice.choice(rows[table])
        value = choice.choice(list(edits(row[column])))
        if value == row[column]:
            continue
        shutil.copyfile(path, copy)
        with closing(connected(copy)) as connection:
            triggers = without_triggers(connection)
            done = edit(connection, table, column, row, value)
            for sql in triggers:
                connection.execute(sql)
        if done:
            made += 1
            assert not judged(copy).is_intact, (table, column, row, value)


def test_a_hundred_random_edits_are_found(path: Path) -> None:
    _random_edits(path, 100, seed=1)


@pytest.mark.slow
def test_a_thousand_random_edits_are_found(path: Path) -> None:
    _random_edits(path, 1000, seed=2)


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TRIGGER event_never_updated",),
        ("ALTER TABLE event RENAME TO kept", "CREATE VIEW event AS SELECT * FROM kept"),
        ("ALTER TABLE mission RENAME TO kept", "CREATE VIEW mission AS SELECT * FROM kept"),
        ("CREATE VIEW other AS SELECT * FROM event",),
        ("CREATE INDEX other ON event (actor)",),
        ("DROP INDEX execution_state",),
        ("CREATE TRIGGER other AFTER INSERT ON event BEGIN DELETE FROM request; END",),
    ],
)
def test_a_schema_that_is_not_that_of_the_format_is_found(
    path: Path, statements: tuple[str, ...]
) -> None:
    with closing(connected(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    report = judged(path)
    assert report.verdict is Verdict.MODIFIED
    assert report.findings[0].field in ("schema", "tables")
    assert any(word in report.findings[0].message for word in ("missing", "not part of"))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM mission",
        "DELETE FROM log_chunk WHERE id = 1",
        "DELETE FROM run_number",
        "DELETE FROM meta WHERE key = 'created_at'",
        "INSERT INTO mission VALUES ('x', 'x', 'yaml', x'00', 1)",
        "INSERT INTO run_number VALUES ('other', 1)",
        """
        INSERT INTO log_chunk SELECT 99, execution, task_run, 7, 1, 1, lines, at_first, at_last,
        streams, levels, open_streams, segments, data FROM log_chunk WHERE id = 1
        """,
        "UPDATE log_chunk SET attempt = 2 WHERE id = 1",
        "UPDATE execution SET id = id + 10",
    ],
)
def test_rows_that_are_missing_or_too_many_are_found(path: Path, statement: str) -> None:
    with closing(connected(path)) as connection:
        triggers = without_triggers(connection)
        connection.execute(statement)
        for sql in triggers:
            connection.execute(sql)
    report = judged(path)
    assert report.verdict is Verdict.MODIFIED
    assert report.findings[0].message


def test_an_edited_level_time_or_stream_of_a_sealed_line_is_found(path: Path) -> None:
    """Also by somebody who edits all columns alike: the digest covers what they say."""
    with closing(connected(path)) as connection:
        triggers = without_triggers(connection)
        ((packed,),) = connection.execute("SELECT segments FROM log_chunk WHERE id = 1")
        first, *others = unpack_segments(packed)
        changed = [replace(first, level=LogLevel.ERROR, at=first.at + 1), *others]
        _, at_first, at_last, streams, levels = segment_columns(changed)
        connection.execute(
            "UPDATE log_chunk SET segments = ?, at_first = ?, at_last = ?, streams = ?, levels = ?"
            " WHERE id = 1",
            (pack_segments(changed), at_first, at_last, streams, levels),
        )
        for sql in triggers:
            connection.execute(sql)
    report = judged(path)
    assert [finding.field for finding in report.findings] == ["log"]
    assert "attempt 1 of `a`" in report.findings[0].message


def _evidence(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return every row that verification has to judge, as readers find it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        tables = sorted({table for table, _ in columns(path)})
        return {
            table: [
                {name: value for name, value in row.items() if not decides_nothing(table, name)}
                for row in rows_of(connection, table)
            ]
            for table in tables
            if table not in DECIDES_NOTHING
        }


def _flip_bits(path: Path, step: int, seed: int) -> None:
    """Flip one bit in every `step` bytes of the file: it is found, or no row is another."""
    choice = random.Random(seed)
    original = path.read_bytes()
    expected = _evidence(path)
    copy = path.with_name("flipped.db")
    unseen = 0
    for start in range(0, len(original), step):
        at = min(start + choice.randrange(step), len(original) - 1)
        flipped = bytearray(original)
        flipped[at] ^= 1 << choice.randrange(8)
        copy.write_bytes(flipped)
        try:
            report = judged(copy)
        except (MissionDeckError, sqlite3.Error):
            continue  # refused as damaged
        if report.is_intact:
            unseen += 1
            found = _evidence(copy)
            # Of an attempt that still runs no digest covers the output.
            for rows in (expected, found):
                rows["log_chunk"] = [row for row in rows["log_chunk"] if row["id"] < 4]
            assert found == expected, f"byte {at}"
    assert unseen < len(original) // step, "there is room between the rows of a page"


def test_a_flipped_bit_of_the_file_is_found_or_changes_no_row(path: Path) -> None:
    _flip_bits(path, 4096, seed=3)


@pytest.mark.slow
def test_a_flipped_bit_in_every_64_bytes_is_found_or_changes_no_row(path: Path) -> None:
    _flip_bits(path, 64, seed=4)


def test_damaged_text_of_the_schema_is_refused_in_words(path: Path) -> None:
    """SQLite quotes it in a message that Python cannot decode."""
    data = path.read_bytes()
    at = data.rindex(b"CREATE TABLE execution (")
    path.write_bytes(data[:at] + b"CREATE T\xf4BLE" + data[at + 12 :])
    with pytest.raises(UnavailableError, match="not UTF-8"):
        judged(path)
