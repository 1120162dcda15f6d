"""Removes what an event `log.pruned` names: that event first, then the rows in short transactions.

The event and the end of the executions for readers are one transaction. What remains then is named,
is shown by no reader, and is removed piece by piece; whoever is killed leaves it to the next prune.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from core.audit.format.prune_record import PrunedExecution, PruneRecord, details_of, read_body
from core.domain.events import Noted
from core.errors import ConflictError
from storage.rows.codec import POSITION_BITS
from storage.write.entry import CallEntry, NoteEntry, ReadEntry
from storage.write.writer import Writer

EVENTS_AT_ONCE = 2000
"""Numbers of events that are looked at in one transaction, which takes some 10 ms."""
TASK_RUNS_AT_ONCE = 1000
CHUNKS_AT_ONCE = 200
"""After so many chunks a transaction ends, once the output of an attempt is gone as a whole."""

_SEALED = """
SELECT 1 FROM execution
WHERE id = ? AND execution_id = ? AND sealed AND chain_last_seq = ?
  AND NOT EXISTS (SELECT 1 FROM prune WHERE execution = execution.id AND kind = ?)
"""
_OPEN = """
SELECT execution_id, parent_execution_id, retry_of, rerun_of FROM execution
WHERE state IN ('PENDING', 'RUNNING', 'PAUSED')
"""
_ATTEMPTS_WITH_OUTPUT = """
SELECT DISTINCT task_run, attempt FROM log_chunk WHERE execution = ? LIMIT 64
"""
_UNFINISHED = """
SELECT prune.execution, kind, seq FROM prune
WHERE EXISTS (SELECT 1 FROM log_chunk WHERE log_chunk.execution = prune.execution)
  OR (kind = 'executions' AND EXISTS (
    SELECT 1 FROM task_run WHERE id BETWEEN prune.execution << 24
    AND (prune.execution << 24) + 16777215))
ORDER BY seq
"""


class SqlitePruner:
    """Prunes through the one writing connection. Belongs to one event loop."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def name(self, record: PruneRecord, *, actor: str, at: int) -> int:
        """Commit the event that names what is pruned, and return its number.

        From then on no reader shows it. Raises `ConflictError`, and changes nothing, if one of the
        executions is not sealed, is gone, or has a relative that is not sealed.
        """
        event = Noted(
            at=at, execution_id="", actor=actor, kind="log.pruned", facts=details_of(record)
        )
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._writer.put(NoteEntry(event, partial(_check, record), partial(_name, record), future))
        return await future

    async def unfinished(self) -> list[tuple[str, PrunedExecution]]:
        """Return what was named and is not all removed yet: kind and execution."""
        found: list[tuple[str, PrunedExecution]] = await self._writer.call(
            partial(ReadEntry, _unfinished)
        )
        return found

    async def remove(self, kind: str, entry: PrunedExecution) -> None:
        """Remove the rows of one execution that an event names, as far as they are still there."""
        for piece in _pieces(kind, entry):
            while await self._writer.call(partial(CallEntry, _without_leases(piece))):
                pass


def _without_leases(
    function: Callable[[sqlite3.Connection], bool],
) -> Callable[[sqlite3.Connection, Any], bool]:
    return lambda connection, _leases: function(connection)


def _check(record: PruneRecord, connection: sqlite3.Connection) -> None:
    users = {
        named: execution_id
        for execution_id, *linked in connection.execute(_OPEN)
        for named in linked
        if named is not None
    }
    for entry in record.executions:
        key = (entry.row, entry.execution_id, entry.last_seq, record.what)
        if connection.execute(_SEALED, key).fetchone() is None:
            raise ConflictError(
                f"execution {entry.execution_id} cannot be pruned: it has not ended, or was pruned"
                " in the meantime",
                hint="prune again",
            )
        user = users.get(entry.execution_id)
        if user is not None:
            raise ConflictError(
                f"execution {entry.execution_id} cannot be pruned: {user}, which refers to"
                " it, has not ended",
                hint="prune again when it has",
            )


def _name(record: PruneRecord, connection: sqlite3.Connection, seq: int) -> None:
    connection.executemany(
        "INSERT INTO prune (execution, kind, execution_id, seq) VALUES (?, ?, ?, ?)",
        [(entry.row, record.what, entry.execution_id, seq) for entry in record.executions],
    )
    if record.what == "executions":
        for entry in record.executions:
            connection.execute("DELETE FROM execution WHERE id = ?", (entry.row,))
            connection.execute("DELETE FROM request WHERE execution = ?", (entry.row,))
            connection.execute("DELETE FROM lease WHERE execution_id = ?", (entry.execution_id,))


def _unfinished(connection: sqlite3.Connection) -> list[tuple[str, PrunedExecution]]:
    found = []
    for row, kind, seq in connection.execute(_UNFINISHED).fetchall():
        body = connection.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()
        record = None if body is None else read_body(body[0])
        if record is not None and record.what == kind:
            found += [(kind, entry) for entry in record.executions if entry.row == row]
    return found


def _pieces(kind: str, entry: PrunedExecution) -> Iterator[Callable[[sqlite3.Connection], bool]]:
    """Yield the transactions in order; one that returns True is to be repeated.

    Output goes by whole attempts, because that of an attempt is sealed as a whole. Task runs go
    last: as long as there are some, `unfinished` finds the execution.
    """
    yield partial(_remove_output, entry)
    if kind != "executions":
        return
    for first in range(entry.first_seq, entry.last_seq + 1, EVENTS_AT_ONCE):
        yield partial(_remove_events, entry, first)
    yield partial(_remove_records, entry, "attempt", "task_run")
    yield partial(_remove_records, entry, "task_run", "id")


def _remove_output(entry: PrunedExecution, connection: sqlite3.Connection) -> bool:
    removed = 0
    for key in connection.execute(_ATTEMPTS_WITH_OUTPUT, (entry.row,)).fetchall():
        removed += connection.execute(
            "DELETE FROM log_chunk WHERE task_run = ? AND attempt = ?", key
        ).rowcount
        if removed >= CHUNKS_AT_ONCE:
            break
    return removed > 0


def _remove_events(entry: PrunedExecution, first: int, connection: sqlite3.Connection) -> bool:
    span = (entry.row, first, min(first + EVENTS_AT_ONCE - 1, entry.last_seq))
    connection.execute(
        "INSERT INTO pruned_event (seq, execution, hash) "
        "SELECT seq, execution, hash FROM event WHERE execution = ? AND seq BETWEEN ? AND ?",
        span,
    )
    connection.execute("DELETE FROM event WHERE execution = ? AND seq BETWEEN ? AND ?", span)
    return False


def _remove_records(
    entry: PrunedExecution, table: str, column: str, connection: sqlite3.Connection
) -> bool:
    """Remove up to a thousand task runs or their attempts; with the last also the mission file."""
    first = entry.row << POSITION_BITS
    last = first + (1 << POSITION_BITS) - 1
    row = connection.execute(
        f"SELECT min({column}) FROM {table} WHERE {column} BETWEEN ? AND ?",  # noqa: S608 - constants
        (first, last),
    ).fetchone()
    if row[0] is not None:
        connection.execute(
            f"DELETE FROM {table} WHERE {column} BETWEEN ? AND ?",  # noqa: S608 - constants
            (row[0], min(row[0] + TASK_RUNS_AT_ONCE - 1, last)),
        )
        return True
    if table == "task_run":
        connection.execute(
            "DELETE FROM mission WHERE digest = ? "
            "AND NOT EXISTS (SELECT 1 FROM execution WHERE mission_digest = digest)",
            (entry.mission_sha256,),
        )
    return False
