"""Opens the database read-only, checks that it is ours, and translates SQLite's errors.

Commands that only read import this module, so it must not know an event loop.
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
from storage.file.access_check import find_access_problem, is_writable_folder
from storage.file.file_format import APPLICATION_ID, SCHEMA_VERSION
from storage.file.file_identity import is_created

T = TypeVar("T")

BUSY_DEADLINE_SECONDS = 60.0
"""Seconds a writer waits for other writers before it gives up."""

PRAGMAS = """
PRAGMA recursive_triggers = ON;
PRAGMA trusted_schema = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -8192;
"""

_DENIED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_HINTS = {
    sqlite3.SQLITE_FULL: "free some disk space, then `mission resume` what was running",
    sqlite3.SQLITE_READONLY: "the file or its folder is not writable",
    sqlite3.SQLITE_CANTOPEN: "the file or its folder cannot be opened: check owner and mode",
    sqlite3.SQLITE_IOERR: "the disk failed or was removed: see the system log",
    sqlite3.SQLITE_PERM: "the file cannot be accessed: check owner and mode",
    sqlite3.SQLITE_NOTADB: "this is not an SQLite file: point --db or MISSION_DB somewhere else",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: `mission db check` says where; restore a backup",
    sqlite3.SQLITE_BUSY: "another program holds a write transaction on it",
}


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open a read-only connection; it may be used by one thread at a time.

    Raises `UnavailableError` for a file that is missing, not a Mission Deck database, or of another
    version.
    """
    connection = open_any_readonly(path)
    with closed_on_failure(connection, path):
        _require_current(connection, path)
    return connection


class EmptyDatabaseError(UnavailableError):
    """Raised for a file without tables: whoever creates it is still at it, or was killed."""


class ImmutableConnection(sqlite3.Connection):
    """A connection that takes the file for one that nobody writes: it never sees a later commit."""


def open_any_readonly(path: Path) -> sqlite3.Connection:
    """Open a read-only connection to any SQLite file, whatever its version and application.

    In a folder that we may not write to, and without a WAL, the connection is an
    `ImmutableConnection`: SQLite could not create the companions that it needs for anything else.
    """
    if not is_created(path):
        raise UnavailableError(
            f"there is no database {path}", hint="`mission run FILE` creates it, or pass --db"
        )
    if not path.is_file():
        raise UnavailableError(
            f"{path} cannot be used: it is not a regular file",
            hint="--db or MISSION_DB names another file",
        )
    is_immutable = not is_writable_folder(path.absolute().parent) and not has_log(path)
    try:
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(path.absolute()))}?mode=ro{'&immutable=1' * is_immutable}",
            factory=ImmutableConnection if is_immutable else sqlite3.Connection,
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


def has_log(path: Path) -> bool:
    """Tell whether a WAL lies beside the database: somebody uses it, or was killed doing so."""
    return os.path.lexists(f"{path.absolute()}-wal")


@contextmanager
def closed_on_failure(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Close the connection if the block fails; SQLite's errors become `UnavailableError`."""
    try:
        yield
    except sqlite3.Error as error:
        connection.close()
        raise unavailable(error, path) from error
    except UnicodeDecodeError as error:
        connection.close()
        raise unreadable_text(error, path) from error
    except BaseException:
        connection.close()
        raise


def recognise(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of the file, 0 if it is empty.

    Raises `UnavailableError` if the file belongs to another application or to a newer version.
    """
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
        raise EmptyDatabaseError(
            f"the database {path} is empty", hint="`mission run FILE` fills it"
        )
    if version != SCHEMA_VERSION:
        raise OlderFormatError(
            f"{path} was written by an older version of Mission Deck",
            hint="`mission ls` migrates it, after making a backup",
        )


def retry_while_busy(function: Callable[[], T], deadline: float = BUSY_DEADLINE_SECONDS) -> T:
    """Return `function()`, retried while another writer holds the lock; blocks the thread.

    SQLite's own busy handler sleeps up to 100 ms between tries, so one of several busy
    writers starves the others; the backoff here is capped at 5 ms.
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
    """Return SQLite's primary result code (https://sqlite.org/rescode.html), or -1."""
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code & 0xFF if code >= 0 else -1


def unavailable(error: sqlite3.Error, path: Path) -> MissionDeckError:
    """Translate an error of SQLite into an `UnavailableError` with a hint.

    Where access was denied it names the file or folder that is in the way, and its owner.
    """
    code = primary_code(error)
    problem = find_access_problem(path) if code in _DENIED else None
    if problem is not None:
        return UnavailableError(
            f"the database {path} cannot be used: {problem.message}", hint=problem.hint
        )
    return UnavailableError(f"the database {path} cannot be used: {error}", hint=_HINTS.get(code))


def unreadable_text(error: UnicodeDecodeError, path: Path) -> UnavailableError:
    """Return the error for a message of SQLite that quotes damaged text of the file.

    The module `sqlite3` cannot decode such a message, and raises this in place of its own error.
    """
    return UnavailableError(
        f"the database {path} cannot be used: it holds text that is not UTF-8 ({error})",
        hint=_HINTS[sqlite3.SQLITE_CORRUPT],
    )


def rollback(connection: sqlite3.Connection) -> None:
    """Roll back if a transaction is open; after some errors SQLite has already rolled back."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None
