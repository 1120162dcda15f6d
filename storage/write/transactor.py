"""The writing connection: creates or migrates its file, and runs whole transactions as one call."""

import asyncio
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from core.errors import UnavailableError
from storage.file.access_check import find_access_problem
from storage.file.connection import PRAGMAS, closed_on_failure, recognise, retry_while_busy
from storage.file.file_format import SCHEMA_VERSION
from storage.file.migration import migrate
from storage.file.network_mount import require_local
from storage.file.private_file import create_private_file

T = TypeVar("T")

_BUSY_MS = 2
_WAL_PAGES = 4000
_WAL_LIMIT_BYTES = 64 * 1024 * 1024

_WRITER_PRAGMAS = f"""
{PRAGMAS}
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = {_WAL_PAGES};
PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES};
PRAGMA busy_timeout = {_BUSY_MS};
"""


class Transactor(aiosqlite.Connection):
    """An aiosqlite connection that runs a whole function as one call on its thread."""

    async def transact(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Return `function(connection)`, run on the connection's thread.

        Cancelling this call does not stop the function: call it only from the task that owns the
        connection.
        """
        execute: Any = self._execute  # protected and untyped, but the only way to its thread
        result: T = await execute(function, self._conn)
        return result

    def join(self) -> None:
        """Wait until the connection's thread has ended; blocks the calling thread."""
        self._thread.join()


async def open_writer(path: Path, initialise: Callable[[sqlite3.Connection], None]) -> Transactor:
    """Open the only writing connection of this process, after creating or migrating the file.

    `initialise` fills a new file, in the transaction that creates its tables. The folder gets mode
    0700, the file 0600. Raises `UnavailableError` for a file that cannot be used, or is not on a
    local file system.
    """

    def connect() -> sqlite3.Connection:
        require_local(path)
        try:
            _create_private(path)
        except OSError as error:
            problem = find_access_problem(path) if isinstance(error, PermissionError) else None
            why = error.strerror or str(error) if problem is None else problem.message
            raise UnavailableError(
                f"{path} cannot be used: {why}", hint="--db or MISSION_DB names another file"
            ) from error
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        with closed_on_failure(connection, path):
            retry_while_busy(lambda: _prepare(connection, path, initialise))
        return connection

    writer = Transactor(connect, iter_chunk_size=64)
    try:
        await writer
    except BaseException:
        # aiosqlite has told its thread to stop; wait for it, since it still uses this loop
        await asyncio.to_thread(writer.join)
        raise
    return writer


def _create_private(path: Path) -> None:
    """Create folder and file with our mode before SQLite does; -wal and -shm inherit the mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        create_private_file(path)
    except FileExistsError:
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("it is not a regular file") from None


def _prepare(
    connection: sqlite3.Connection, path: Path, initialise: Callable[[sqlite3.Connection], None]
) -> None:
    connection.executescript(_WRITER_PRAGMAS)
    version = recognise(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    if version != SCHEMA_VERSION:
        migrate(connection, path, initialise)
