"""The task that owns the writing connection: commits whatever queued while the last commit ran.

Cancelling an aiosqlite await cancels nothing, so nobody but this task awaits the connection, and a
cancelled task finishes what is queued. It stops at the first error that is not one batch's own:
from then on everything fails (fail closed).
"""

import asyncio
import contextlib
import sqlite3
from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from core.errors import AuditError, BugError, MissionDeckError, UnavailableError
from storage.file.connection import unavailable
from storage.file.file_identity import Anchorage, MovedError
from storage.write.entry import (
    BatchEntry,
    CallEntry,
    ChunkEntry,
    Entry,
    FlushEntry,
    ReadEntry,
    Work,
)
from storage.write.ledger import Ledger
from storage.write.transactor import Transactor

MAX_GROUP = 4096
MAX_GROUP_BYTES = 8 * 1024 * 1024
"""Entries and bytes of output in one commit: what a waiting batch has before it at most."""


class _Outcome(Struct):
    """What came of a group: a result for each of its first entries, and what stopped the rest."""

    results: list[Any] = field(default_factory=list)
    error: MissionDeckError | None = None


class Writer:
    """A queue of entries and the task that commits them. All methods belong to the event loop."""

    def __init__(
        self, connection: Transactor, ledger: Ledger, path: Path, anchorage: Anchorage
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._path = path
        self._anchorage = anchorage
        self._queue: deque[Entry] = deque()
        self._idle: Future[None] | None = None
        self._closing = False
        self._current: Sequence[Entry] = ()
        self.failure: MissionDeckError | None = None
        self.backlog = 0
        self._task = asyncio.get_running_loop().create_task(self._work(), name="storage writer")

    def put(self, entry: Entry) -> None:
        """Queue an entry; when the writer has stopped, its future (if any) is failed at once."""
        if self.failure is not None or self._closing:
            self._reject(entry)
            return
        if isinstance(entry, ChunkEntry):
            self.backlog += len(entry.chunk.data)
        self._queue.append(entry)
        self._wake()

    async def call(self, make: Callable[["Future[Any]"], Entry]) -> Any:
        """Queue the entry that `make` makes around a future, and return its result."""
        future: Future[Any] = asyncio.get_running_loop().create_future()
        self.put(make(future))
        return await future

    async def close(self) -> None:
        """Commit what is queued, then close the connection. Idempotent."""
        self._closing = True
        self._wake()
        await asyncio.shield(self._task)

    def _wake(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    # --- the task ----------------------------------------------------------------------------

    async def _work(self) -> None:
        try:
            while self._queue or not self._closing:
                if self._queue:
                    await self._commit(self._take())
                else:
                    await self._rest()
        except GeneratorExit:  # the loop is gone, and nothing can be awaited any more
            self._connection.stop()
            raise
        except BaseException as error:
            self._give_up(error)
            await self._connection.close()
            raise
        # cancelled here, aiosqlite still closes the connection and ends its thread
        with contextlib.suppress(asyncio.CancelledError):
            await self._connection.close()

    def _give_up(self, error: BaseException) -> None:
        """Fail everybody who waits: an error nobody expected must not leave them waiting."""
        self.failure = BugError(f"the storage writer stopped: {type(error).__name__}: {error}")
        for entry in (*self._current, *self._queue):
            self._reject(entry)
        self._queue.clear()

    async def _rest(self) -> None:
        self._idle = asyncio.get_running_loop().create_future()
        try:
            await self._idle
        except asyncio.CancelledError:
            self._closing = True
        self._idle = None

    def _take(self) -> list[Entry]:
        group: list[Entry] = []
        size = 0
        while self._queue and len(group) < MAX_GROUP and size < MAX_GROUP_BYTES:
            entry = self._queue.popleft()
            if isinstance(entry, ChunkEntry):
                size += len(entry.chunk.data)
            group.append(entry)
        return group

    async def _commit(self, group: Sequence[Entry]) -> None:
        if self.failure is not None:
            for entry in group:
                self._reject(entry)
            return
        self._current = group
        work: list[Work] = [
            entry for entry in group if isinstance(entry, BatchEntry | ChunkEntry | CallEntry)
        ]
        outcome = _Outcome()
        if work:
            await self._transact(lambda connection: self._write(connection, work, outcome))
        if outcome.error is None and len(outcome.results) != len(work):
            raise BugError(f"{len(outcome.results)} results for {len(work)} entries")
        for entry, result in zip(work, outcome.results, strict=False):
            self._resolve(entry, result)
        if outcome.error is not None:
            self.failure = outcome.error
            for entry in work[len(outcome.results) :]:
                self._reject(entry)
        for entry in group:
            if isinstance(entry, ReadEntry):
                await self._read(entry)
            elif isinstance(entry, FlushEntry):
                if self.failure is not None:
                    self._reject(entry)
                elif not entry.future.done():
                    entry.future.set_result(None)
        self._current = ()

    async def _transact(self, function: Callable[[sqlite3.Connection], None]) -> None:
        """Run `function` on the connection's thread; return when it has run, cancelled or not."""
        while True:
            try:
                await self._connection.transact(function)
            except asyncio.CancelledError:
                self._closing = True
                function = _nothing  # it queues behind the one that still runs
            else:
                return

    async def _read(self, entry: ReadEntry) -> None:
        found: list[Any] = []
        try:
            await self._transact(lambda connection: found.append(entry.function(connection)))
        except sqlite3.Error as error:
            found.append(unavailable(error, self._path))
        self._resolve(entry, found[0])

    # --- on the connection's thread ----------------------------------------------------------

    def _write(
        self, connection: sqlite3.Connection, work: Sequence[Work], outcome: _Outcome
    ) -> None:
        """Write a group; if that fails for one entry's sake, write them one by one."""
        try:
            outcome.results = self._write_in_place(connection, work)
        except Exception as error:  # noqa: BLE001 - every failure must reach those who wait
            if len(work) == 1 or _is_final(error):
                outcome.error = self._translate(error)
                return
        else:
            return
        for entry in work:
            try:
                outcome.results += self._write_in_place(connection, (entry,))
            except Exception as error:  # noqa: BLE001 - as above
                outcome.error = self._translate(error)
                return

    def _write_in_place(self, connection: sqlite3.Connection, work: Sequence[Work]) -> list[Any]:
        """Write in one transaction; nothing counts as written in a file that left its path.

        Heartbeats and the release of a lease come this way too and look at once: it is noticed
        while nothing else happens, and before a run ends.
        """
        results = self._ledger.write(connection, work)
        is_call = any(isinstance(entry, CallEntry) for entry in work)
        self._anchorage.require(at_once=is_call)
        return results

    def _translate(self, error: Exception) -> MissionDeckError:
        if isinstance(error, MissionDeckError):
            return error
        if isinstance(error, sqlite3.IntegrityError):
            found: MissionDeckError = AuditError(
                f"the database refused a record: {error}", hint="run `mission audit verify`"
            )
        elif isinstance(error, sqlite3.Error):
            found = unavailable(error, self._path)
        else:
            found = BugError(f"a record could not be written: {type(error).__name__}: {error}")
        found.__cause__ = error
        return found

    # --- those who wait ----------------------------------------------------------------------

    def _resolve(self, entry: Entry, result: Any) -> None:
        if isinstance(entry, ChunkEntry):
            self.backlog -= len(entry.chunk.data)
        elif entry.future.done():
            return
        elif isinstance(result, Exception):
            entry.future.set_exception(result)
        else:
            entry.future.set_result(result)

    def _reject(self, entry: Entry) -> None:
        if isinstance(entry, ChunkEntry):
            self.backlog = 0
        elif not entry.future.done():
            entry.future.set_exception(self._refusal())

    def _refusal(self) -> MissionDeckError:
        """Return a new error for each that waits: one would gather all their tracebacks."""
        failure = self.failure
        if failure is None:
            return UnavailableError("the database was closed")
        found = type(failure)(failure.message, hint=failure.hint)
        found.__cause__ = failure
        return found


def _is_final(error: Exception) -> bool:
    """Tell whether trying entries one by one is pointless: disk full, file damaged or gone."""
    if isinstance(error, sqlite3.IntegrityError):
        return False
    return isinstance(error, sqlite3.Error | MovedError)


def _nothing(_connection: sqlite3.Connection) -> None:
    """Run in the place of a function whose await was cancelled."""
