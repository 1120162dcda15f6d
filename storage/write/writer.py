"""The task that owns the writing connection, with group commit.

Each commit takes everything that was queued while the previous commit ran. Cancelling an aiosqlite
await does not stop its statement, so only this task awaits the connection, and when cancelled it
finishes the queue first. At the first error that does not concern one batch alone it stops, and
everything after that fails (fail closed).
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
from core.ports.journal import Receipt
from storage.file.connection import unavailable
from storage.file.file_identity import DatabaseFileGuard, DatabaseReplacedError
from storage.write.entry import (
    BatchEntry,
    CallEntry,
    ChunkEntry,
    Entry,
    FlushEntry,
    NoteEntry,
    ReadEntry,
    Work,
)
from storage.write.ledger import Ledger
from storage.write.transactor import Transactor

MAX_GROUP_ENTRIES = 4096
MAX_GROUP_BYTES = 8 * 1024 * 1024
"""The most entries and bytes of output in one commit, so that a batch never waits for more."""


class _Outcome(Struct):
    """Results of the first entries of a group, and the error that stopped the rest, if any."""

    results: list[Any] = field(default_factory=list)
    error: MissionDeckError | None = None


class Writer:
    """A queue of entries and the task that commits them. All methods belong to the event loop."""

    def __init__(
        self,
        connection: Transactor,
        ledger: Ledger,
        path: Path,
        file_guard: DatabaseFileGuard,
        on_failure: Callable[[MissionDeckError], None] = lambda _error: None,
        on_sealed: Callable[[Receipt], None] | None = None,
    ) -> None:
        """Start the task. Both callbacks are called on the connection's thread.

        `on_failure` when the writer stops, `on_sealed` after a commit that sealed an execution; if
        that raises, the writer stops, but what was committed is acknowledged.
        """
        self._connection = connection
        self._ledger = ledger
        self._path = path
        self._file_guard = file_guard
        self._on_failure = on_failure
        self._on_sealed = on_sealed
        self._queue: deque[Entry] = deque()
        self._idle: Future[None] | None = None
        self._closing = False
        self._current: Sequence[Entry] = ()
        self.failure: MissionDeckError | None = None
        self.backlog = 0
        self._task = asyncio.get_running_loop().create_task(self._work(), name="storage writer")

    def put(self, entry: Entry) -> None:
        """Queue an entry; if the writer has stopped, fail the entry's future at once."""
        if self.failure is not None or self._closing:
            self._reject(entry)
            return
        if isinstance(entry, ChunkEntry):
            self.backlog += len(entry.chunk.data)
        self._queue.append(entry)
        self._wake()

    async def call(self, make: Callable[["Future[Any]"], Entry]) -> Any:
        """Queue the entry that `make` builds around a future, and return its result."""
        future: Future[Any] = asyncio.get_running_loop().create_future()
        self.put(make(future))
        return await future

    async def close(self) -> None:
        """Commit everything queued, then close the connection. Idempotent."""
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
        except GeneratorExit:  # the event loop was closed: nothing can be awaited any more
            self._connection.stop()
            raise
        except BaseException as error:
            self._give_up(error)
            await self._connection.close()
            raise
        # even when this await is cancelled, aiosqlite closes the connection and ends its thread
        with contextlib.suppress(asyncio.CancelledError):
            await self._connection.close()

    def _give_up(self, error: BaseException) -> None:
        """Fail all pending futures: an unexpected error must not leave callers waiting."""
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
        while self._queue and len(group) < MAX_GROUP_ENTRIES and size < MAX_GROUP_BYTES:
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
            entry
            for entry in group
            if isinstance(entry, BatchEntry | ChunkEntry | CallEntry | NoteEntry)
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
        """Run `function` on the connection's thread; return when it has run, even if cancelled."""
        while True:
            try:
                await self._connection.transact(function)
            except asyncio.CancelledError:
                self._closing = True
                function = _nothing  # queued behind the function that is still running
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
        """Write a group in one transaction; if that fails, find the culprit entry by entry."""
        try:
            outcome.results = self._write_in_place(connection, work)
        except Exception as error:  # noqa: BLE001 - every failure must reach the waiting callers
            if len(work) == 1 or _is_final(error):
                self._stop(outcome, error)
                return
        else:
            self._tell_sealed(work, outcome)
            return
        for entry in work:
            try:
                outcome.results += self._write_in_place(connection, (entry,))
            except Exception as error:  # noqa: BLE001 - as above
                self._stop(outcome, error)
                return
            self._tell_sealed((entry,), outcome)
            if outcome.error is not None:
                return

    def _tell_sealed(self, work: Sequence[Work], outcome: _Outcome) -> None:
        """Report the head after a commit that sealed an execution."""
        if self._on_sealed is None:
            return
        for entry, result in zip(work, outcome.results[-len(work) :], strict=True):
            if (
                isinstance(entry, BatchEntry)
                and entry.batch.finalize
                and isinstance(result, Receipt)
            ):
                try:
                    self._on_sealed(result)
                except Exception as error:  # noqa: BLE001 - as in `_write`
                    self._stop(outcome, error)
                return  # all entries of a commit have the same head

    def _stop(self, outcome: _Outcome, error: Exception) -> None:
        outcome.error = self._translate(error)
        self._on_failure(outcome.error)

    def _write_in_place(self, connection: sqlite3.Connection, work: Sequence[Work]) -> list[Any]:
        """Write in one transaction; fail if the database was deleted or replaced in the meantime.

        Heartbeats and the release of a lease are calls and check immediately, so that a replaced
        file is noticed while a run is idle and before it ends.
        """
        results = self._ledger.write(connection, work)
        is_call = any(isinstance(entry, CallEntry) for entry in work)
        self._file_guard.require(immediately=is_call)
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

    # --- futures -----------------------------------------------------------------------------

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
        """Return a new error for each caller: a shared one would collect all their tracebacks."""
        failure = self.failure
        if failure is None:
            return UnavailableError("the database was closed")
        found = type(failure)(failure.message, hint=failure.hint)
        found.__cause__ = failure
        return found


def _is_final(error: Exception) -> bool:
    """Tell whether retrying entry by entry is pointless: disk full, file damaged or replaced."""
    if isinstance(error, sqlite3.IntegrityError):
        return False
    return isinstance(error, sqlite3.Error | DatabaseReplacedError)


def _nothing(_connection: sqlite3.Connection) -> None:
    """Do nothing: run in place of a function whose await was cancelled."""
