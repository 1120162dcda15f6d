"""Migrates a database to the current schema: numbered SQL files, forward only, one transaction.

`PRAGMA user_version` is the number of the last migration applied. Existing data is backed up first.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from itertools import count
from pathlib import Path

from core.value.timestamp import file_stamp
from storage.file.backup import copy_into
from storage.file.file_format import APPLICATION_ID


def read_migrations() -> tuple[str, ...]:
    """Return the SQL of all migrations in order; the first creates format 1."""
    folder = files("storage") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((folder / name).read_text("utf-8") for name in names)


def migrate(
    connection: sqlite3.Connection,
    path: Path,
    initialise: Callable[[sqlite3.Connection], None],
    migrations: Sequence[str] | None = None,
) -> None:
    """Apply the missing migrations in one transaction, and `initialise` if the file is empty.

    A file that is not empty is first copied to `NAME.formatN-TIME.backup` beside it. Of several
    that want to migrate it at once, one does, and only its copy stays. Raises `sqlite3.Error`; the
    file is then unchanged.
    """
    steps = read_migrations() if migrations is None else migrations
    before = _version(connection)
    backup = _back_up(connection, path, before) if 0 < before < len(steps) else None
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection)
        if backup is not None and found != before:  # another one was faster, and has a copy, too
            backup.unlink(missing_ok=True)
        for number, script in enumerate(steps[found:], found + 1):
            for statement in split_statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        if not found:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            initialise(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def split_statements(script: str) -> Iterator[str]:
    """Yield the statements of an SQL script; a trigger, semicolons and all, is one."""
    held = ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            yield held
            held = ""


def _version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy the file to a name that no other copy has, and return it."""
    name = f"{path.name}.format{version}-{file_stamp()}"
    for number in count(1):
        backup = path.with_name(f"{name}{'' if number == 1 else f'-{number}'}.backup")
        try:
            copy_into(connection, backup)
        except FileExistsError:
            continue  # another one makes a copy in this very second
        break
    return backup
