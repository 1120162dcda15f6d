"""How a database file is recognised and read, and how SQLite's refusals become ours.

Commands that only look import this: it knows no event loop.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from core.errors import MissionDeckError, OlderFormatError, UnavailableError
from storage.file.file_format import APPLICATION_ID, SCHEMA_VERSION
from storage.file.file_identity import is_created

T = TypeVar("T")

BUSY_DEADLINE = 60.0
"""Seconds a writer waits for other writers before it gives up."""

PRAGMAS = """
PRAGMA recursive_triggers = ON;
PRAGMA trusted_schema = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -8192;
"""

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_HINTS = {
    sqlite3.SQLITE_FULL: "free some disk space, then `mission resume` what was running",
    sqlite3.SQLITE_READONLY: "the file or its folder is not writable",
    sqlite3.SQLITE_CANTOPEN: "the file or its folder cannot be opened: check owner and mode",
    sqlite3.SQLITE_IOERR: "the disk failed or is gone: see the system's log",
    sqlite3.SQLITE_PERM: "the file cannot be accessed: check owner and mode",
    sqlite3.SQLITE_NOTADB: "this is no SQLite file: point --db or MISSION_DB somewhere else",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore a backup (see `mission db backup`)",
    sqlite3.SQLITE_BUSY: "another program holds a write transaction on it",
}


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot write; it may be used from one thread at a time.

    Raises `UnavailableError` for a file that is missing, not ours, or of another version.
    """
    connection = open_any_readonly(path)
    with closed_on_failure(connection, path):
        _require_current(connection, path)
    return connection


def open_any_readonly(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot write, to a file of any version, ours or not."""
    if not is_created(path):
        raise UnavailableError(
            f"there is no database {path}", hint="`mission run FILE` creates it, or pass --db"
        )
    if not path.is_file():
        raise UnavailableError(
            f"{path} cannot be used: it is not a regular file",
            hint="--db or MISSION_DB names another file",
        )
    try:
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(path.absolute()))}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
            timeout=5.0,
        )
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    with closed_on_failure(connection, path):
        connection.executescript(PRAGMAS + "PRAGMA query_only = ON;")
    return connection


@contextmanager
def closed_on_failure(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Close a connection that cannot be made ready; SQLite's errors become `UnavailableError`."""
    try:
        yield
    except sqlite3.Error as error:
        connection.close()
        raise unavailable(error, path) from error
    except BaseException:
        connection.close()
        raise


def recognise(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of our file, 0 for an empty one; `UnavailableError` if not ours."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        if not version and not application and not _has_tables(connection):
            return 0
        raise UnavailableError(
            f"{path} is not a Mission Deck database",
            hint="it belongs to another program: point --db or MISSION_DB somewhere else",
        )
    if version > SCHEMA_VERSION:
        raise UnavailableError(
            f"{path} was written by a newer Mission Deck (format {version}, this knows "
            f"{SCHEMA_VERSION})",
            hint="upgrade missiondeck, or point --db somewhere else",
        )
    return version


def _require_current(connection: sqlite3.Connection, path: Path) -> None:
    version = recognise(connection, path)
    if not version:
        raise UnavailableError(
            f"the database {path} holds nothing yet", hint="`mission run FILE` fills it"
        )
    if version != SCHEMA_VERSION:
        raise OlderFormatError(
            f"{path} is of an older version of Mission Deck",
            hint="`mission ls` brings it up to date (after a backup)",
        )


def retry_while_busy(function: Callable[[], T], deadline: float = BUSY_DEADLINE) -> T:
    """Return `function()`, called again while another writer holds the lock; blocks the thread.

    SQLite's own busy handler sleeps up to 100 ms between tries, which starves all but one of
    several busy writers; this stays below 5 ms.
    """
    until = time.monotonic() + deadline
    pause = 0.0002
    while True:
        try:
            return function()
        except sqlite3.OperationalError as error:
            if primary_code(error) not in _BUSY or time.monotonic() > until:
                raise
        time.sleep(pause)
        pause = min(pause * 2, 0.005)


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code (https://sqlite.org/rescode.html), -1 for none."""
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code & 0xFF if code >= 0 else -1


def unavailable(error: sqlite3.Error, path: Path) -> MissionDeckError:
    """Return what an error of SQLite means to the user."""
    return UnavailableError(
        f"the database {path} cannot be used: {error}", hint=_HINTS.get(primary_code(error))
    )


def rollback(connection: sqlite3.Connection) -> None:
    """Roll back if a transaction is open; some errors have already done it."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None
