"""Leases on executions: stored as rows, fenced by epoch, taken over from dead owners.

Runs on the connection's thread, inside its transactions. An owner on this machine holds its lease
for as long as its process lives, even if the machine was suspended; an owner on another machine,
whose process cannot be observed, for as long as it renews the lease.
"""

import sqlite3
from collections.abc import Sequence

from msgspec import MsgspecError, Struct, field, json
from msgspec.structs import replace

from core.errors import LeaseHeldError
from core.machine.runner_identity import is_alive
from core.ports.control import Lease, RunnerIdentity
from core.ports.executor import WorkerLoad

COLUMNS = "execution_id, owner, epoch, expires_at, pid, start_time, boot_id, host"

_READ = f"SELECT {COLUMNS}, workers, workers_at FROM lease WHERE execution_id = ?"  # noqa: S608 - constants only
_WRITE = f"""
INSERT INTO lease ({COLUMNS}, heartbeat_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (execution_id) DO UPDATE SET
  owner = excluded.owner, epoch = excluded.epoch, expires_at = excluded.expires_at,
  pid = excluded.pid, start_time = excluded.start_time, boot_id = excluded.boot_id,
  host = excluded.host, heartbeat_at = excluded.heartbeat_at, workers = NULL, workers_at = 0
"""  # noqa: S608 - constants only
_RENEW = """
UPDATE lease SET expires_at = ?, heartbeat_at = ? WHERE execution_id = ? AND owner = ? AND epoch = ?
"""
_NOTE_WORKERS = """
UPDATE lease SET workers = ?, workers_at = ? WHERE execution_id = ? AND owner = ? AND epoch = ?
"""
_RELEASE = """
UPDATE lease SET owner = NULL, expires_at = 0, workers = NULL
WHERE execution_id = ? AND owner = ? AND epoch = ?
"""


_DECODE_WORKERS = json.Decoder(tuple[WorkerLoad, ...]).decode
_ENCODE_WORKERS = json.Encoder().encode

NOBODY = RunnerIdentity(pid=0, start_time=0, boot_id="", host="")
"""The owner of an execution that never had one."""


class StoredLease(Struct, frozen=True):
    """A row of the lease table; a released lease has no owner, but keeps its epoch."""

    owner: str | None
    lease: Lease


def read_lease(connection: sqlite3.Connection, execution_id: str) -> StoredLease | None:
    """Return the lease row of an execution, which need not exist yet, or None."""
    row = connection.execute(_READ, (execution_id,)).fetchone()
    if row is None:
        return None
    _, owner, epoch, expires_at, pid, start_time, boot_id, host, workers, workers_at = row
    identity = RunnerIdentity(pid=pid, start_time=start_time, boot_id=boot_id, host=host)
    lease = Lease(
        execution_id=execution_id,
        owner=owner or "",
        epoch=epoch,
        expires_at=expires_at,
        identity=identity,
        workers=_workers_of(workers),
        workers_at=workers_at,
    )
    return StoredLease(owner, lease)


def _workers_of(text: str | None) -> tuple[WorkerLoad, ...]:
    """Return what was noted of the workers, nothing where it cannot be read."""
    if text is None:
        return ()
    try:
        return _DECODE_WORKERS(text)
    except (MsgspecError, UnicodeError):
        return ()


def is_live(lease: Lease, now: int) -> bool:
    """Tell whether the owner is alive or, if that cannot be observed, the lease unexpired."""
    alive = is_alive(lease.identity)
    return lease.expires_at > now if alive is None else alive


class HeldLeases(Struct):
    """The leases held by this process, which fence its writes.

    Changes made in a transaction are staged and take effect when it has committed (`settle`).
    """

    owner: str
    identity: RunnerIdentity
    ttl_ns: int
    _epochs: dict[str, int] = field(default_factory=dict)
    _staged: dict[str, int | None] = field(default_factory=dict)
    _fenced: set[str] = field(default_factory=set)

    def acquire(
        self,
        connection: sqlite3.Connection,
        execution_id: str,
        now: int,
        *,
        launcher: int | None = None,
    ) -> Lease:
        """Acquire or take over the lease; `LeaseHeldError` while another owner is alive.

        A lease held by the process with the pid `launcher` on this machine is handed over.
        """
        stored = read_lease(connection, execution_id)
        epoch = 1
        if stored is not None:
            if stored.owner == self.owner:
                return self.renew(connection, stored.lease, now)
            is_ours = stored.lease.identity.pid == launcher and is_alive(stored.lease.identity)
            if stored.owner is not None and not is_ours and is_live(stored.lease, now):
                raise _held(stored.lease)
            epoch = stored.lease.epoch + 1
        lease = Lease(
            execution_id=execution_id,
            owner=self.owner,
            epoch=epoch,
            expires_at=now + self.ttl_ns,
            identity=self.identity,
        )
        self._write(connection, lease, now)
        self._fenced.discard(execution_id)
        return lease

    def fence(self, connection: sqlite3.Connection, execution_id: str, now: int) -> Lease:
        """Take over the lease of a dead owner, which it goes on naming; it counts as dead at once.

        So a process that could not finish what it fenced for is in nobody's way. Raises
        `LeaseHeldError` while the owner is alive.
        """
        stored = read_lease(connection, execution_id)
        if stored is not None and stored.owner is not None and is_live(stored.lease, now):
            raise _held(stored.lease)
        lease = Lease(
            execution_id=execution_id,
            owner=self.owner,
            epoch=1 if stored is None else stored.lease.epoch + 1,
            expires_at=0 if stored is None else stored.lease.expires_at,
            identity=NOBODY if stored is None else stored.lease.identity,
        )
        self._write(connection, lease, now)
        self._fenced.add(execution_id)
        return lease

    def _write(self, connection: sqlite3.Connection, lease: Lease, now: int) -> None:
        identity = lease.identity
        connection.execute(
            _WRITE,
            (
                lease.execution_id, lease.owner, lease.epoch, lease.expires_at, identity.pid,
                identity.start_time, identity.boot_id, identity.host, now,
            ),
        )  # fmt: skip
        self._staged[lease.execution_id] = lease.epoch

    def renew(self, connection: sqlite3.Connection, lease: Lease, now: int) -> Lease:
        """Extend the lease; `LeaseHeldError` when it has been taken over or released."""
        expires_at = now + self.ttl_ns
        changed = connection.execute(
            _RENEW, (expires_at, now, lease.execution_id, lease.owner, lease.epoch)
        )
        if changed.rowcount != 1:
            raise _lost(connection, lease)
        return replace(lease, expires_at=expires_at)

    def note_workers(
        self, connection: sqlite3.Connection, lease: Lease, workers: Sequence[WorkerLoad], now: int
    ) -> None:
        """Store what workers do; `LeaseHeldError` when it has been taken over or released."""
        text = _ENCODE_WORKERS(workers).decode()
        key = (lease.execution_id, lease.owner, lease.epoch)
        if connection.execute(_NOTE_WORKERS, (text, now, *key)).rowcount != 1:
            raise _lost(connection, lease)

    def release(self, connection: sqlite3.Connection, lease: Lease) -> bool:
        """Release the lease, unless it has been taken over; tell whether it was held."""
        key = (lease.execution_id, lease.owner, lease.epoch)
        self._staged[lease.execution_id] = None
        return connection.execute(_RELEASE, key).rowcount == 1

    def require(self, connection: sqlite3.Connection, lease: Lease) -> None:
        """Raise `LeaseHeldError` if the lease has been taken over or released."""
        stored = read_lease(connection, lease.execution_id)
        if stored is None or (stored.owner, stored.lease.epoch) != (lease.owner, lease.epoch):
            raise _lost(connection, lease)

    def check_writer(self, connection: sqlite3.Connection, execution_id: str, now: int) -> None:
        """Raise `LeaseHeldError` when another owner holds the lease, or has held it since.

        A process without a lease may write while no other owner is alive: to create an execution,
        or to record an event of one that is not running.
        """
        stored = read_lease(connection, execution_id)
        epoch = self._staged.get(execution_id, self._epochs.get(execution_id))
        if stored is None or (stored.owner == self.owner and stored.lease.epoch == epoch):
            return
        if epoch is not None or (stored.owner is not None and is_live(stored.lease, now)):
            raise _held(stored.lease)

    def held(self) -> list[str]:
        """Return the ids of the executions that this process owns, not those that it fenced."""
        return [one for one in self._epochs if one not in self._fenced]

    def settle(self) -> bool:
        """Apply the changes staged by a committed transaction; tell whether there were any."""
        staged, self._staged = self._staged, {}
        for execution_id, epoch in staged.items():
            if epoch is None:
                self._epochs.pop(execution_id, None)
            else:
                self._epochs[execution_id] = epoch
        return bool(staged)

    def discard(self) -> None:
        """Drop the changes staged by a rolled-back transaction."""
        self._staged.clear()


def _held(lease: Lease) -> LeaseHeldError:
    identity = lease.identity
    where = f"process {identity.pid} on {identity.host}"
    return LeaseHeldError(
        f"execution {lease.execution_id} is owned by another runner ({where})",
        hint="`mission watch` shows its progress; `mission cancel` asks it to stop",
    )


def _lost(connection: sqlite3.Connection, lease: Lease) -> LeaseHeldError:
    stored = read_lease(connection, lease.execution_id)
    if stored is not None and stored.owner is not None:
        return _held(stored.lease)
    return LeaseHeldError(f"the lease on execution {lease.execution_id} was released")
