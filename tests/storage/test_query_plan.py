"""How SQLite answers what lists, home and history ask: without reading large tables as a whole."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.large_database import write
from benchmarks.probe_reading import questions
from core.ports.reader import Reader
from storage.read.reader import open_reader
from tests.support.cli import mission

QUESTIONS = questions()

READS_ALL_EXECUTIONS = {
    "@last of a folder",  # goes from the newest on; here none is in the folder
    "ls --sort mission",
    "ls --sort took",
    "ls --where WORD",
    "ls --where !WORD --sort state:desc",
    "ls --where name:NOBODY",
    "home, by mission",
    "home, by duration",
    "home, filtered",
    "home, nothing matches",
    "source paths",
}
"""What is ordered or filtered by what no index holds: a row of each execution, never its steps."""


OF_THOSE_ASKED_FOR = ("execution_root", "execution_labelled")
"""Indexes of top-level executions, from the newest on, and of those with a label: not of all."""

SMALL_INDEX = "task_run_approval"
"""Holds the open approvals alone, so reading all of it is no scan of a large table."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("large")
    asyncio.run(write(home, 250, 2_500))
    return home / "missions.db"


def plans(database: Path, ask: Callable[[Reader], object]) -> list[str]:
    """Return the lines of the query plans of all statements that a question runs."""
    reader = open_reader(database)
    statements: list[str] = []
    reader._connection.set_trace_callback(statements.append)
    ask(reader)
    reader._connection.set_trace_callback(None)
    found = []
    for statement in statements:
        if statement.startswith(("SELECT", "WITH", "\n")):
            rows = reader._connection.execute(f"EXPLAIN QUERY PLAN {statement}")
            found += [str(row[3]) for row in rows]
    reader.close()
    return found


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_question_scans_a_large_table(name: str, database: Path) -> None:
    found = plans(database, QUESTIONS[name])
    assert found
    scanned = [line for line in found if line.startswith("SCAN")]
    large = [line for line in scanned if re.search(r"\b(event|task_run|attempt|log_chunk)\b", line)]
    assert [line for line in large if SMALL_INDEX not in line] == []
    if name not in READS_ALL_EXECUTIONS:
        rows = [line for line in scanned if "execution" in line and "COVERING INDEX" not in line]
        assert [line for line in rows if not line.endswith(OF_THOSE_ASKED_FOR)] == []


@pytest.mark.parametrize("name", ["ls --sort state", "ls --sort state:desc", "home, by state"])
def test_a_list_by_state_sorts_what_an_index_holds(name: str, database: Path) -> None:
    found = plans(database, QUESTIONS[name])
    assert "SCAN execution USING COVERING INDEX execution_state" in found


def test_executions_are_counted_without_reading_them(database: Path) -> None:
    found = plans(database, lambda reader: reader.count_executions())
    assert found == ["SCAN execution USING COVERING INDEX execution_state"]


def test_the_large_database_is_one_that_verifies(database: Path) -> None:
    found = mission(database.parent, "audit", "verify", "--json")
    assert found.code == 0
    assert found.json["events"] >= 2_500
