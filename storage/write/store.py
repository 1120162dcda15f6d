"""Opens a database for writing: one connection, one writer task, and the two ports over it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from msgspec import Struct

from core.audit.chain.chain import Head, decode_head
from core.audit.format.checkpoint import Checkpoint, log_verifier, open_checkpoint
from core.audit.format.note import UnknownKeyError
from core.errors import AuditError, UnavailableError
from core.machine.runner_identity import identity
from core.machine.system_clock import SystemClock
from core.ports.clock import Clock, Signer
from core.ports.control import RunnerIdentity
from storage.file.connection import open_any_readonly, recognise, unavailable
from storage.file.file_identity import Anchorage
from storage.rows.lease import LeaseBook
from storage.write.control import SqliteControl
from storage.write.journal import SqliteJournal
from storage.write.ledger import Ledger, start_log
from storage.write.transactor import open_writer
from storage.write.writer import Writer

LEASE_TTL = 15.0
"""Seconds without a heartbeat after which an owner that cannot be seen counts as gone."""


class Store(Struct, frozen=True):
    """An open database. `log_id` names its audit log."""

    path: Path
    log_id: str
    journal: SqliteJournal
    control: SqliteControl

    async def close(self) -> None:
        """Commit what is queued and close the connection. Idempotent."""
        await self.journal.close()


async def open_store(
    path: Path,
    signer: Signer,
    *,
    clock: Clock | None = None,
    lease_ttl: float = LEASE_TTL,
    runner: RunnerIdentity | None = None,
) -> Store:
    """Open the database at `path` for writing; create or migrate it first.

    `runner` is whom leases are taken for, by default this process.

    Raises `UnavailableError` for a file that cannot be used, is of a newer version, or belongs to
    another signing key; `AuditError` when its head is not what its last checkpoint says.
    """
    wall = SystemClock() if clock is None else clock
    new_id = str(uuid4())

    def birth(connection: sqlite3.Connection) -> None:
        at = wall.now()
        vkey = log_verifier(new_id, signer.public_key).vkey
        rows = {"log_id": new_id, "created_at": str(at), "vkey": vkey}
        connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", rows.items())
        start_log(connection, new_id, vkey, signer, at)

    connection = await open_writer(path, birth)
    try:
        log_id = await connection.transact(lambda raw: _check_head(raw, path, signer))
    except sqlite3.Error as error:
        await connection.close()
        raise unavailable(error, path) from error
    except BaseException:
        await connection.close()
        raise
    owner = identity() if runner is None else runner
    leases = LeaseBook(
        owner=f"{owner.host}:{owner.pid}:{uuid4().hex[:12]}",
        identity=owner,
        ttl_ns=round(lease_ttl * 1_000_000_000),
    )
    writer = Writer(connection, Ledger(log_id, signer, wall, leases), path, Anchorage(path))
    return Store(path, log_id, SqliteJournal(writer), SqliteControl(writer, wall))


def require_signer(path: Path, signer: Signer | None) -> None:
    """Raise unless `signer` can go on with the log of the database at `path`. Writes nothing.

    To be asked before a key is made or trusted: one that is made because the log's own was lost
    would be of no use, and would look as if it could be trusted. Raises `UnavailableError` for a
    missing or another key, or for a file that cannot be read, `AuditError` for a damaged log.
    """
    with closing(open_any_readonly(path)) as connection:
        try:
            if recognise(connection, path):
                _check_key(connection, path, signer)
        except sqlite3.Error as error:
            raise unavailable(error, path) from error


def _check_key(connection: sqlite3.Connection, path: Path, signer: Signer | None) -> None:
    log_id, _, note = read_head(connection)
    if signer is None:
        raise UnavailableError(
            f"the key that signs the audit log of {path} is missing",
            hint="restore keys/audit.pem from a backup, or start a new database with --db",
        )
    _open_signed(note, log_id, path, signer)


def read_head(connection: sqlite3.Connection) -> tuple[str, Head, bytes]:
    """Return the log's id, its head and the newest checkpoint; `AuditError` when one is missing."""
    row = connection.execute(
        "SELECT (SELECT value FROM meta WHERE key = 'log_id'), (SELECT data FROM head), "
        "(SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1)"
    ).fetchone()
    if None in row:
        raise AuditError("the audit log has lost its id, head or checkpoint", hint=_VERIFY)
    log_id, data, note = row
    return log_id, decode_head(data), note


def _check_head(connection: sqlite3.Connection, path: Path, signer: Signer) -> str:
    """Return the log's id; refuse to go on from a head that our key has not signed."""
    log_id, head, note = read_head(connection)
    signed = _open_signed(note, log_id, path, signer)
    if (signed.size, signed.root) != (head.size, head.root):
        raise AuditError(
            "the head of the audit log is not the one that was signed last", hint=_VERIFY
        )
    return log_id


def _open_signed(note: bytes, log_id: str, path: Path, signer: Signer) -> Checkpoint:
    try:
        return open_checkpoint(note, [log_verifier(log_id, signer.public_key)])
    except UnknownKeyError as error:
        raise UnavailableError(
            f"{path} is signed with another key than ours",
            hint="restore the key it was made with, or start a new database with --db",
        ) from error


_VERIFY = "run `mission audit verify`; a backup can be restored over the file"
