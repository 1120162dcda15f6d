"""Maintenance of the database file: integrity check, backup, and statistics of its contents."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from core.errors import ConflictError, UnavailableError
from storage.file.connection import open_readonly, unavailable
from storage.file.file_format import SCHEMA_VERSION
from storage.file.private_file import create_private_file

_MAX_PROBLEMS = 100
_TABLES = (
    "execution",
    "task_run",
    "attempt",
    "event",
    "checkpoint",
    "log_chunk",
    "mission",
)


class Stats(Struct, frozen=True, kw_only=True):
    """Size and contents of a database; `wal_bytes` have not been checkpointed into the file yet."""

    path: Path
    format: int
    bytes: int
    wal_bytes: int
    free_bytes: int
    log_bytes: int
    rows: dict[str, int]


def find_damage(path: Path) -> list[str]:
    """Return the structural faults that SQLite finds in the file, at most 100; none if it is sound.

    Edited records are not structural faults: verification of the audit chain finds those.
    """
    with _open(path) as connection:
        rows = connection.execute(f"PRAGMA integrity_check({_MAX_PROBLEMS})").fetchall()
    return [text for (text,) in rows if text != "ok"]


def back_up(path: Path, target: Path) -> int:
    """Copy the database, including its WAL, to a new file and return the size of the copy in bytes.

    Writers are not blocked; the copy is the state of one commit, synced to disk, mode 0600. Raises
    `ConflictError` when the target exists, `UnavailableError` when it cannot be written.
    """
    try:
        create_private_file(target)
    except FileExistsError as error:
        raise ConflictError(
            f"{target} exists already", hint="name a new file: a backup never overwrites one"
        ) from error
    try:
        with _open(path) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # a single file, without -wal and -shm
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException as error:
        with suppress(OSError):
            target.unlink()
        if isinstance(error, sqlite3.Error):
            raise UnavailableError(f"the backup {target} cannot be written: {error}") from error
        raise
    return target.stat().st_size


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
            rows={name: number(f"SELECT count(*) FROM {name}") for name in _TABLES},  # noqa: S608 - constants
        )


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
