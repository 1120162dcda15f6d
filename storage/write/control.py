"""The control port on top of the writer: leases, heartbeats and requests, durable on return."""

import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from core.domain.events import dump_json
from core.domain.mission import EMPTY
from core.domain.states import ExecutionState, is_terminal
from core.errors import ConflictError, NotFoundError
from core.ports.claims import Claim, ClaimAnswer
from core.ports.clock import Clock
from core.ports.control import Lease, Request, RequestKind
from core.ports.executor import WorkerLoad
from storage.rows import claim as claims
from storage.rows import codec
from storage.rows.lease import HeldLeases
from storage.write.entry import CallEntry, ReadEntry
from storage.write.writer import Writer

T = TypeVar("T")

_FIND = "SELECT id, state FROM execution WHERE execution_id = ?"
_INSERT = """
INSERT INTO request (execution, kind, task_id, arguments, actor, created_at)
VALUES (?, ?, ?, ?, ?, ?)
"""
_OPEN = """
SELECT request.id, kind, task_id, arguments, request.actor, request.created_at
FROM request JOIN execution ON execution.id = request.execution
WHERE execution_id = ? AND outcome IS NULL AND taken_by IS NOT ? ORDER BY request.id
"""
_TAKE = "UPDATE request SET taken_at = ?, taken_by = ? WHERE id = ?"


class SqliteControl:
    """Implements `core.ports.Control`. Belongs to one event loop."""

    def __init__(self, writer: Writer, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def acquire(self, execution_id: str, *, from_parent: bool = False) -> Lease:
        """Acquire the lease, taking it over from a dead or expired owner.

        With `from_parent` also from the process that started this one, which held it for this one.
        Raises `LeaseHeldError` while another owner is alive.
        """
        now = self._clock.now()
        launcher = os.getppid() if from_parent else None
        return await self._call(
            lambda db, leases: leases.acquire(db, execution_id, now, launcher=launcher)
        )

    async def fence(self, execution_id: str) -> Lease:
        """Take the lease from a dead or expired owner, which it goes on naming.

        Raises `LeaseHeldError` while the owner is alive.
        """
        now = self._clock.now()
        return await self._call(lambda db, leases: leases.fence(db, execution_id, now))

    async def renew(self, lease: Lease) -> Lease:
        """Renew the lease (heartbeat); `LeaseHeldError` when it has a newer epoch."""
        now = self._clock.now()
        return await self._call(lambda db, leases: leases.renew(db, lease, now))

    async def note_workers(self, lease: Lease, workers: Sequence[WorkerLoad]) -> None:
        """Store what the workers of a cluster do; `LeaseHeldError` when it has a newer epoch."""
        now = self._clock.now()
        await self._call(lambda db, leases: leases.note_workers(db, lease, workers, now))

    async def ask_claim(self, lease: Lease, claim: Claim) -> ClaimAnswer:
        """Queue a claim up, and grant it when it is its turn; raises `LeaseHeldError`."""
        now = self._clock.now()

        def ask(db: sqlite3.Connection, leases: HeldLeases) -> ClaimAnswer:
            leases.require(db, lease)
            return claims.ask(db, lease, claim, now)

        return await self._call(ask)

    async def give_back_claim(self, lease: Lease, claim: Claim) -> None:
        """Remove a claim. Idempotent."""
        await self._call(lambda db, _leases: claims.give_back(db, lease, claim))

    async def give_back_claims(self, lease: Lease) -> None:
        """Remove all claims of the lease's execution. Idempotent."""
        await self._call(lambda db, _leases: claims.give_back_all(db, lease.execution_id))

    async def release(self, lease: Lease) -> None:
        """Release the lease. Idempotent."""

        def release(db: sqlite3.Connection, leases: HeldLeases) -> None:
            if leases.release(db, lease):
                claims.give_back_all(db, lease.execution_id)

        await self._call(release)

    async def request(
        self,
        execution_id: str,
        kind: RequestKind,
        *,
        actor: str,
        task_id: str | None = None,
        arguments: Mapping[str, Any] = EMPTY,
    ) -> int:
        """Store a request for the owner and return its id.

        Raises `NotFoundError`, or `ConflictError` when the execution has ended.
        """
        values = (
            kind.value, codec.text(task_id), dump_json(arguments), codec.text(actor),
            self._clock.now(),
        )  # fmt: skip
        return await self._call(lambda db, _book: _insert(db, execution_id, values))

    async def take_requests(self, lease: Lease) -> Sequence[Request]:
        """Return the open requests that were not taken under this lease, oldest first.

        A request that an earlier owner took, but whose effect never became durable, is delivered
        again. Cheap while there are none: nothing is locked or written. Raises `LeaseHeldError`
        when the lease has been taken over.
        """
        peek = partial(ReadEntry, partial(_open_requests, lease=lease))
        if not await self._writer.call(peek):
            return ()
        now = self._clock.now()
        return await self._call(lambda db, leases: _take(db, leases, lease, now))

    async def _call(self, function: Callable[[sqlite3.Connection, HeldLeases], T]) -> T:
        result: T = await self._writer.call(partial(CallEntry, function))
        return result


def _insert(connection: sqlite3.Connection, execution_id: str, values: tuple[Any, ...]) -> int:
    row = connection.execute(_FIND, (execution_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"there is no execution {execution_id}")
    if is_terminal(ExecutionState(row[1])):
        raise ConflictError(f"execution {execution_id} has ended ({row[1]})")
    return connection.execute(_INSERT, (row[0], *values)).lastrowid or 0


def _take(
    connection: sqlite3.Connection, leases: HeldLeases, lease: Lease, now: int
) -> tuple[Request, ...]:
    leases.require(connection, lease)
    found = _open_requests(connection, lease)
    taker = _taker(lease)
    connection.executemany(_TAKE, [(now, taker, request.request_id) for request in found])
    return found


def _taker(lease: Lease) -> str:
    """Return the identity under which requests are taken: an owner and its epoch of the lease."""
    return f"{lease.owner}#{lease.epoch}"


def _open_requests(connection: sqlite3.Connection, lease: Lease) -> tuple[Request, ...]:
    return tuple(
        Request(
            request_id=number,
            execution_id=lease.execution_id,
            kind=RequestKind(kind),
            actor=actor,
            created_at=created_at,
            task_id=task_id,
            arguments=json.loads(arguments),
        )
        for number, kind, task_id, arguments, actor, created_at in connection.execute(
            _OPEN, (lease.execution_id, _taker(lease))
        ).fetchall()
    )
