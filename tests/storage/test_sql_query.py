import base64
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.domain.reasons import Reason
from core.domain.states import AttemptState
from tests.support.step_run import StepRunner


@pytest.fixture
def steps(tmp_path: Path) -> StepRunner:
    root = tmp_path / "work"
    root.mkdir()
    with closing(sqlite3.connect(root / "data.db")) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, blob BLOB, x REAL)")
        connection.execute("INSERT INTO t VALUES (1, 'ü', x'00ff', 1.5), (2, NULL, NULL, 9e999)")
    return StepRunner(root)


def query(steps: StepRunner, text: str, **parameters: Any) -> dict[str, Any]:
    return steps.ok("sql_query", query=text, database_url="sqlite:data.db", **parameters)


def test_rows_come_as_lists_with_the_names_of_the_columns(steps: StepRunner) -> None:
    assert query(steps, "SELECT * FROM t ORDER BY id") == {
        "columns": ["id", "name", "blob", "x"],
        "rows": [
            [1, "ü", base64.b64encode(b"\x00\xff").decode(), 1.5],
            [2, None, None, "inf"],
        ],
        "row_count": 2,
        "truncated": False,
    }


def test_values_are_bound_and_never_pasted(steps: StepRunner) -> None:
    evil = "x'; DROP TABLE t; --"
    query(steps, "INSERT INTO t (name) VALUES (?)", args=[evil])
    found = query(steps, "SELECT count(*) FROM t WHERE name = :name", args={"name": evil})
    assert found["rows"] == [[1]]
    assert query(steps, "SELECT ?, ?, ?", args=[True, None, 1.5])["rows"] == [[1, None, 1.5]]
    assert query(steps, "SELECT ?2, ?1, '?3'", args=["a", "b"])["rows"] == [["b", "a", "?3"]]


def test_a_statement_that_writes_is_committed_and_says_how_many_rows(steps: StepRunner) -> None:
    changed = query(steps, "UPDATE t SET name = 'x'")
    assert changed == {"columns": [], "rows": [], "row_count": 2, "truncated": False}
    assert query(steps, "SELECT DISTINCT name FROM t")["rows"] == [["x"]]
    returned = query(steps, "DELETE FROM t WHERE id = 1 RETURNING id")
    assert returned["rows"] == [[1]]
    assert query(steps, "SELECT id FROM t")["rows"] == [[2]]


def test_a_read_only_query_cannot_write(steps: StepRunner) -> None:
    outcome = steps.run(
        "sql_query", query="DELETE FROM t", database_url="sqlite:data.db", read_only=True
    )
    assert outcome.reason_code is Reason.STEP_ERROR
    assert query(steps, "SELECT count(*) FROM t", read_only=True)["rows"] == [[2]]


def test_a_missing_database_is_made_and_memory_is_the_default(steps: StepRunner) -> None:
    steps.ok("sql_query", query="CREATE TABLE n (a)", database_url="sqlite:///deep/new.db")
    assert (steps.working_dir / "deep/new.db").exists()
    assert steps.ok("sql_query", query="SELECT 1 AS one")["columns"] == ["one"]
    absolute = f"sqlite:{steps.working_dir}/data.db"
    assert steps.ok("sql_query", query="SELECT 1", database_url=absolute)["row_count"] == 1


def test_rows_beyond_the_limit_are_cut_off_and_that_is_said(steps: StepRunner) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    found = steps.ok("sql_query", query=many, max_rows=3)
    assert found["rows"] == [[1], [2], [3]]
    assert found["truncated"] is True
    exact = steps.ok("sql_query", query=f"{many} LIMIT 3", max_rows=3)
    assert exact["truncated"] is False


def test_an_answer_or_a_value_of_too_many_bytes_is_a_failure(
    steps: StepRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.steps import sql_query

    monkeypatch.setattr(sql_query, "MAX_BYTES", 100_000)
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    outcome = steps.run("sql_query", query=many + "SELECT hex(zeroblob(1000)) FROM n")
    assert outcome.reason_code is Reason.OUTPUT_LIMIT
    outcome = steps.run("sql_query", query="SELECT zeroblob(200000)")
    assert outcome.reason_code is Reason.STEP_ERROR


@pytest.mark.parametrize(
    "text",
    [
        "SELEC 1",
        "SELECT * FROM nowhere",
        "SELECT 1; SELECT 2",
        "SELECT ?",
        "ATTACH '/tmp/evil.db' AS evil",
        "ATTACH ':memory:' AS evil",
        "VACUUM INTO '/tmp/evil.db'",
        "VACUUM INTO 'evil.db'",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = OFF",
        "PRAGMA journal_mode",
        "PRAGMA temp_store_directory = '/tmp'",
        "PRAGMA query_only = 0",
        "SELECT load_extension('/tmp/evil.so')",
        "SELECT writefile('/tmp/evil', 'x')",
        "SELECT * FROM pragma_journal_mode",
    ],
)
def test_what_fails_or_reaches_beyond_the_database_is_a_failure(
    steps: StepRunner, text: str
) -> None:
    outcome = steps.run("sql_query", query=text, database_url="sqlite:data.db")
    assert outcome.reason_code is Reason.STEP_ERROR, outcome
    assert outcome.error is not None
    assert outcome.error.kind == "sql"
    assert not Path("/tmp/evil.db").exists()
    assert sorted(path.name for path in steps.working_dir.iterdir()) == ["data.db"]


def test_harmless_pragmas_work(steps: StepRunner) -> None:
    assert query(steps, "PRAGMA table_info(t)")["row_count"] == 4
    query(steps, "PRAGMA user_version = 7")
    assert query(steps, "PRAGMA user_version")["rows"] == [[7]]
    assert query(steps, "PRAGMA integrity_check")["rows"] == [["ok"]]


@pytest.mark.parametrize(
    "url", ["postgresql://x/y", "sqlite", "data.db", "sqlite:file:x?mode=ro", "sqlite://host/x"]
)
def test_other_databases_are_refused_before_anything_runs(steps: StepRunner, url: str) -> None:
    with pytest.raises(ValidationError, match="database_url"):
        steps.run("sql_query", query="SELECT 1", database_url=url)


def test_values_that_sql_does_not_know_are_refused(steps: StepRunner) -> None:
    outcome = steps.run("sql_query", query="SELECT ?", args=[[1]])
    assert outcome.reason_code is Reason.INVALID_PARAMETERS


def test_the_database_stays_inside_and_is_not_the_missions_own(
    steps: StepRunner, tmp_path: Path
) -> None:
    (tmp_path / "outside.db").touch()
    (steps.working_dir / "link.db").symlink_to(tmp_path / "outside.db")
    (steps.working_dir / "folder").symlink_to(tmp_path)
    os.mkfifo(steps.working_dir / "fifo")
    steps.protected_paths = (steps.working_dir / "data.db",)
    for path in ("../outside.db", "link.db", "folder/outside.db", "/tmp/x.db", "fifo", "data.db"):
        outcome = steps.run(
            "sql_query", query="CREATE TABLE evil (a)", database_url=f"sqlite:{path}"
        )
        assert outcome.reason_code is Reason.SECURITY_VIOLATION, path
    assert (tmp_path / "outside.db").stat().st_size == 0


def test_a_database_that_was_swapped_while_it_was_opened_is_refused(
    steps: StepRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "outside.db")) as connection, connection:
        connection.execute("CREATE TABLE t (a)")
    real_connect = sqlite3.connect

    def swapping(path: str, **options: Any) -> sqlite3.Connection:
        Path(path).unlink()
        Path(path).symlink_to(tmp_path / "outside.db")
        connection: sqlite3.Connection = real_connect(path, **options)
        return connection

    monkeypatch.setattr(sqlite3, "connect", swapping)
    outcome = steps.run("sql_query", query="DELETE FROM t", database_url="sqlite:data.db")
    assert outcome.state is AttemptState.FAILED


def test_a_file_that_is_no_database_is_a_failure(steps: StepRunner) -> None:
    (steps.working_dir / "x.txt").write_text("no database, but long enough to be looked at" * 50)
    outcome = steps.run("sql_query", query="SELECT 1", database_url="sqlite:x.txt")
    assert outcome.message == "SQL: file is not a database"


def test_an_endless_query_can_be_cancelled(steps: StepRunner) -> None:
    timer = threading.Timer(0.05, steps.cancelled.set)
    timer.start()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n"
    outcome = steps.run("sql_query", query=endless)
    assert outcome.error is not None
    assert outcome.error.kind == "cancelled"


def test_naming_the_step_type_loads_no_sql() -> None:
    program = (
        "import sys\n"
        "from core.step_type.registry import step_type_names\n"
        "assert 'sql_query' in step_type_names()\n"
        "print('sqlite3' in sys.modules, 'pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False False\n", "")


def test_a_plan_shows_the_statement(steps: StepRunner) -> None:
    assert steps.describe("sql_query", query="SELECT\n 1", database_url="sqlite:a.db") == (
        "would run SELECT 1 on sqlite:a.db"
    )
