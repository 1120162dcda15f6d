"""Checks the integrity of a database file: pages, references, schema and WAL.

Edited records are not structural damage: verification of the audit chain finds those.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from core.errors import UnavailableError
from storage.file.connection import open_any_readonly, primary_code, recognise, unavailable
from storage.file.integrity.schema_check import schema_differences
from storage.file.integrity.wal_check import find_log_damage

MAX_PROBLEMS = 100
"""The most problems that are listed; a damaged file may have thousands."""

_REFERENCES = (
    ("task_run", "execution", "execution", "id"),
    ("attempt", "task_run", "task_run", "id"),
    ("log_chunk", "execution", "execution", "id"),
    ("log_chunk", "task_run", "task_run", "id"),
    ("event", "execution", "execution", "id"),
    ("event", "task_run", "task_run", "id"),
    ("request", "execution", "execution", "id"),
    ("execution", "mission_digest", "mission", "digest"),
)
"""Columns and the keys that they refer to. The schema does not enforce them, because only the
writer creates these rows and a check at every insert would slow it down."""

_OUTPUT_OF_NO_ATTEMPT = """
SELECT count(*) FROM log_chunk WHERE NOT EXISTS (
  SELECT 1 FROM attempt
  WHERE attempt.task_run = log_chunk.task_run AND attempt.attempt = log_chunk.attempt
)
"""


def find_damage(path: Path) -> list[str]:
    """Return the problems of the file, at most 100; none if it is sound.

    A file of an older format is checked against that format. Raises `UnavailableError` for a file
    that cannot be opened, is not a database, or is of a newer format.
    """
    log = _log_damage(path)
    return [*log, *islice(_problems(path), MAX_PROBLEMS - len(log))]


def _log_damage(path: Path) -> list[str]:
    try:
        found = find_log_damage(path)
    except OSError as error:
        return [f"{path.name}-wal cannot be read: {error.strerror or error}"]
    return [] if found is None else [found]


def _problems(path: Path) -> Iterator[str]:
    """Yield the problems of the file; each check continues as far as SQLite can read."""
    try:
        opened = open_any_readonly(path)
    except UnavailableError as error:
        if not isinstance(error.__cause__, sqlite3.Error):
            raise
        yield _unreadable(error.__cause__, path, "its schema")
        return
    with closing(opened) as connection:
        try:
            version = recognise(connection, path)
        except sqlite3.Error as error:
            yield _unreadable(error, path, "its schema")
            return
        if not version:
            yield "it is empty: it has no tables"
            return
        try:
            yield from find_page_damage(connection)
            differences = list(schema_differences(connection, version))
            yield from (text for _, text in differences)
            if not any(kind == "table" for kind, _ in differences):
                yield from broken_references(connection)
        except sqlite3.Error as error:
            yield _unreadable(error, path, "a page")
            yield from _unreadable_tables(connection, path)


def _unreadable(error: sqlite3.Error, path: Path, what: str) -> str:
    """Describe an error of SQLite as a problem; raise it if the file is not damaged."""
    if primary_code(error) != sqlite3.SQLITE_CORRUPT:
        raise unavailable(error, path) from error
    return f"{what} cannot be read: {error}"


def _unreadable_tables(connection: sqlite3.Connection, path: Path) -> Iterator[str]:
    try:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    except sqlite3.Error as error:
        yield _unreadable(error, path, "its schema")
        return
    for (name,) in rows:
        quoted = name.replace('"', '""')
        try:
            for _ in connection.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - quoted above
                pass
        except sqlite3.Error as error:
            yield _unreadable(error, path, f"table {name}")


def find_page_damage(connection: sqlite3.Connection) -> list[str]:
    """Return the problems that SQLite finds in pages, indexes and constraints, at most 100."""
    rows = connection.execute(f"PRAGMA integrity_check({MAX_PROBLEMS})").fetchall()
    return [text for (text,) in rows if text != "ok"]


_PRUNED = """
AND NOT EXISTS (
  SELECT 1 FROM prune WHERE prune.execution = {table}.execution AND prune.kind = 'executions'
)
"""
"""Without the rows of executions whose removal goes on, or was interrupted."""


def broken_references(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield dangling references between rows, by table and column."""
    can_prune = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'prune'").fetchone()
    for table, column, parent, key in _REFERENCES:
        left_out = _PRUNED.format(table=table) if can_prune and column == "execution" else ""
        (count,) = connection.execute(
            f"SELECT count(*) FROM {table} WHERE {column} IS NOT NULL "  # noqa: S608 - constants
            f"AND NOT EXISTS (SELECT 1 FROM {parent} WHERE {parent}.{key} = {table}.{column}) "
            f"{left_out}"
        ).fetchone()
        if count:
            rows = "a row" if count == 1 else f"{count} rows"
            yield f"{rows} of {table}: {column} refers to a row of {parent} that does not exist"
    (count,) = connection.execute(_OUTPUT_OF_NO_ATTEMPT).fetchone()
    if count:
        rows = "a row" if count == 1 else f"{count} rows"
        yield f"{rows} of log_chunk: no such attempt exists"
