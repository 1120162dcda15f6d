"""Maintenance of the database file: backups while it is in use, and statistics of its contents."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from core.errors import ConflictError, UnavailableError
from storage.file.connection import open_readonly, primary_code, unavailable
from storage.file.file_format import SCHEMA_VERSION
from storage.file.integrity.file_check import find_page_damage
from storage.file.private_file import create_private_file

_TABLES = (
    "execution",
    "task_run",
    "attempt",
    "event",
    "checkpoint",
    "log_chunk",
    "mission",
    "pruned_event",
)
SHOWN = 5
"""How many missions and executions are named."""

_PAGES = """
SELECT part.tbl_name, sum(pgsize) FROM dbstat
JOIN sqlite_schema AS part ON part.name = dbstat.name
WHERE aggregate = TRUE GROUP BY 1 ORDER BY 2 DESC
"""
_MISSIONS = """
SELECT mission_name, count(*), sum(chain_events) FROM execution
GROUP BY mission_name ORDER BY 3 DESC, 1 LIMIT ?
"""
_LARGEST = """
SELECT execution_id, mission_name, chain_events FROM execution
ORDER BY chain_events DESC, id LIMIT ?
"""


class Stats(Struct, frozen=True, kw_only=True):
    """Size and contents of a database; `wal_bytes` have not been checkpointed into the file yet."""

    path: Path
    format: int
    bytes: int
    wal_bytes: int
    free_bytes: int
    log_bytes: int
    rows: dict[str, int]
    tables: dict[str, int]
    """Bytes of the pages of each table and its indexes, the largest first; empty if this SQLite
    cannot tell (https://sqlite.org/dbstat.html)."""
    missions: list[tuple[str, int, int]]
    """Name, executions and events of the missions with the most events."""
    largest: list[tuple[str, str, int]]
    """Id, mission and events of the executions with the most events."""


def back_up(path: Path, target: Path) -> int:
    """Copy the database, including its WAL, to a new file and return the size of the copy in bytes.

    Writers are not blocked; the copy is the state of one commit, checked, synced to disk, of mode
    0600. Raises `ConflictError` when the target exists, `UnavailableError` when it cannot be
    written or the database is damaged; no copy is left then.
    """
    try:
        create_private_file(target)
    except FileExistsError as error:
        raise ConflictError(
            f"{target} exists already", hint="name a new file: a backup never overwrites one"
        ) from error
    try:
        with _open(path) as source:
            _copy(source, path, target)
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return target.stat().st_size
    except BaseException:
        with suppress(OSError):
            target.unlink()
        raise


def _copy(source: sqlite3.Connection, path: Path, target: Path) -> None:
    """Copy page by page, then check the copy: a damaged page is copied without complaint."""
    try:
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # a single file, without -wal and -shm
            damage = find_page_damage(copy)
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_CORRUPT:
            raise _damaged(path) from error
        raise UnavailableError(
            f"the backup {target} cannot be written: {error}",
            hint="name a file in a folder that can be written and has room for it",
        ) from error
    if damage:
        raise _damaged(path)


def _damaged(path: Path) -> UnavailableError:
    return UnavailableError(
        f"the database {path} is damaged: no backup was made",
        hint="`mission db check` says where; restore an earlier backup, or copy the file as it is",
    )


def read_stats(path: Path) -> Stats:
    """Count what is in the database. Reads every table once."""
    with _open(path) as connection:

        def number(sql: str) -> int:
            found: int = connection.execute(sql).fetchone()[0]
            return found

        page = number("PRAGMA page_size")
        return Stats(
            path=path,
            format=SCHEMA_VERSION,
            bytes=path.stat().st_size,
            wal_bytes=_size(path.with_name(path.name + "-wal")),
            free_bytes=number("PRAGMA freelist_count") * page,
            log_bytes=number("SELECT coalesce(sum(length(data)), 0) FROM log_chunk"),
            tables=_pages(connection),
            missions=connection.execute(_MISSIONS, (SHOWN,)).fetchall(),
            largest=connection.execute(_LARGEST, (SHOWN,)).fetchall(),
            rows={name: number(f"SELECT count(*) FROM {name}") for name in _TABLES},  # noqa: S608 - constants
        )


def _pages(connection: sqlite3.Connection) -> dict[str, int]:
    try:
        return dict(connection.execute(_PAGES).fetchall())
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # SQLite was compiled without dbstat
            return {}
        raise


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(open_readonly(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise unavailable(error, path) from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
