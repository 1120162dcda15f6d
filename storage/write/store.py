"""Opens a database for writing: one connection, one writer task, and the two ports on top of it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from uuid import uuid4

from msgspec import Struct

from core.audit.chain.chain import Head, decode_head
from core.audit.format import canonical
from core.audit.format.checkpoint import Checkpoint, log_verifier, open_checkpoint
from core.audit.format.key import Verifier, decode_vkey
from core.audit.format.key_rotation import KEY_ROTATED, rotated_keys
from core.audit.format.merkle import root_of
from core.audit.format.note import UnknownKeyError
from core.errors import AuditError, MissionDeckError, UnavailableError
from core.machine.runner_identity import identity
from core.machine.system_clock import SystemClock
from core.ports.clock import Clock, Signer
from core.ports.control import RunnerIdentity
from core.ports.journal import Receipt
from storage.file.anchors.witness_file import WitnessFile
from storage.file.connection import open_any_readonly, recognise, unavailable
from storage.file.file_identity import DatabaseFileGuard
from storage.file.final_error import Reserve
from storage.rows.lease import HeldLeases
from storage.write.control import SqliteControl
from storage.write.journal import SqliteJournal
from storage.write.ledger import Ledger
from storage.write.log_event import start_log
from storage.write.pruner import SqlitePruner
from storage.write.transactor import open_writer
from storage.write.writer import Writer

_LEAVES = """
SELECT hash FROM (SELECT seq, hash FROM event UNION ALL SELECT seq, hash FROM pruned_event)
WHERE seq <= ? ORDER BY seq
"""
LEASE_TTL_SECONDS = 15.0
"""How long the lease of an owner that cannot be observed is valid without a heartbeat."""


class Store(Struct, frozen=True):
    """An open database. `log_id` names its audit log."""

    path: Path
    log_id: str
    journal: SqliteJournal
    control: SqliteControl
    pruner: SqlitePruner
    reserve: Reserve

    async def close(self) -> None:
        """Commit everything queued and close the connection. Idempotent."""
        try:
            await self.journal.close()
        finally:
            self.reserve.close()


async def open_store(
    path: Path,
    signer: Signer,
    *,
    clock: Clock | None = None,
    lease_ttl_seconds: float = LEASE_TTL_SECONDS,
    runner: RunnerIdentity | None = None,
    witness: WitnessFile | None = None,
) -> Store:
    """Open the database at `path` for writing; create or migrate it first.

    `runner` is the process for which leases are acquired, by default this one. The head after each
    sealed execution is appended to `witness`. Raises `UnavailableError` for a file that cannot be
    used, is of a newer version, or was signed with another key; `AuditError` when its head does not
    match its last checkpoint, or when the log does not continue the heads in `witness`.
    """
    wall = SystemClock() if clock is None else clock
    new_id = str(uuid4())

    def initialise(connection: sqlite3.Connection) -> None:
        at = wall.now()
        vkey = log_verifier(new_id, signer.public_key).vkey
        rows = {"log_id": new_id, "created_at": str(at), "vkey": vkey}
        connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", rows.items())
        start_log(connection, new_id, vkey, signer, at)

    connection = await open_writer(path, initialise)
    try:
        log_id = await connection.transact(lambda raw: check_head(raw, path, signer)[0])
        if witness is not None:
            witness.require_writable()
            heads = witness.heads(log_id)
            await connection.transact(lambda raw: _check_witness(raw, heads, witness.path))
    except sqlite3.Error as error:
        await connection.close()
        raise unavailable(error, path) from error
    except BaseException:
        await connection.close()
        raise
    owner = identity() if runner is None else runner
    leases = HeldLeases(
        owner=f"{owner.host}:{owner.pid}:{uuid4().hex[:12]}",
        identity=owner,
        ttl_ns=round(lease_ttl_seconds * 1_000_000_000),
    )
    reserve = Reserve(path)
    writer = Writer(
        connection,
        Ledger(log_id, signer, wall, leases),
        path,
        DatabaseFileGuard(path),
        lambda error: _store_final_error(reserve, wall.now(), error, leases.held()),
        None if witness is None else partial(_append_head, witness, log_id),
    )
    return Store(
        path,
        log_id,
        SqliteJournal(writer),
        SqliteControl(writer, wall),
        SqlitePruner(writer),
        reserve,
    )


def _append_head(witness: WitnessFile, log_id: str, receipt: Receipt) -> None:
    witness.append(log_id, receipt.size, bytes.fromhex(receipt.root))


def _check_witness(
    connection: sqlite3.Connection, heads: Sequence[tuple[int, bytes]], path: Path
) -> None:
    """Refuse to continue a log that is not a continuation of its newest witnessed head.

    The root is computed from the stored hashes, not taken from a checkpoint. That these are the
    hashes of the events is left to `audit verify`.
    """
    if not heads:
        return
    size, root = max(heads)
    rows = connection.execute(_LEAVES, (size,))
    hashes = [digest for (digest,) in rows]
    if len(hashes) != size or root_of(hashes) != root:
        raise AuditError(
            f"the audit log does not continue the head {size}:{root.hex()} in {path}: records were"
            " removed or changed",
            hint="`mission audit verify --witness FILE` says more; restore the newest backup",
        )


def _store_final_error(
    reserve: Reserve, at: int, error: MissionDeckError, executions: Sequence[str]
) -> None:
    """Write to the reserve why executions stop; who runs none reports the error to its caller."""
    if executions:
        reserve.write(at, error, executions)


def require_signer(path: Path, signer: Signer | None) -> None:
    """Raise unless `signer` can continue the log of the database at `path`. Writes nothing.

    Call it before a key is created or trusted: a key that was created because the log's own key is
    lost would be useless, and would look trustworthy. Raises `UnavailableError` for a missing or
    different key or an unreadable file, `AuditError` for a damaged log.
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
    _open_signed(connection, note, log_id, path, signer)


def read_head(connection: sqlite3.Connection) -> tuple[str, Head, bytes]:
    """Return log id, head and newest checkpoint; `AuditError` when one of them is missing."""
    row = connection.execute(
        "SELECT (SELECT value FROM meta WHERE key = 'log_id'), (SELECT data FROM head), "
        "(SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1)"
    ).fetchone()
    if None in row:
        raise AuditError("the audit log has no id, head or checkpoint any more", hint=_VERIFY)
    log_id, data, note = row
    return log_id, decode_head(data), note


def check_head(connection: sqlite3.Connection, path: Path, signer: Signer) -> tuple[str, Head]:
    """Return id and head of the log; refuse to continue from one that our key has not signed."""
    log_id, head, note = read_head(connection)
    signed = _open_signed(connection, note, log_id, path, signer)
    if (signed.size, signed.root) != (head.size, head.root):
        raise AuditError(
            "the head of the audit log does not match its last checkpoint", hint=_VERIFY
        )
    return log_id, head


def signing_key(path: Path) -> Verifier | None:
    """Return the key that continues the log of a database, None if there is no log yet.

    Raises `UnavailableError` for an unreadable file, `AuditError` for a damaged log.
    """
    with closing(open_any_readonly(path)) as connection:
        try:
            if not recognise(connection, path):
                return None
            found = connection.execute(
                "SELECT value FROM meta WHERE key IN ('signing_vkey', 'vkey') ORDER BY key LIMIT 1"
            ).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error, path) from error
    return None if found is None else decode_vkey(found[0])


def _open_signed(
    connection: sqlite3.Connection, note: bytes, log_id: str, path: Path, signer: Signer
) -> Checkpoint:
    """Return the last checkpoint; `UnavailableError` unless `signer` may sign the next one."""
    signed_by = log_verifier(log_id, signer.public_key)
    kind, body = connection.execute(
        "SELECT type, body FROM event ORDER BY seq DESC LIMIT 1"
    ).fetchone() or ("", b"")
    other = UnavailableError(
        f"{path} is signed with another key than the one in the key folder",
        hint="restore the key that signed it last, or start a new database with --db",
    )
    if kind == KEY_ROTATED:  # signed by the old key, to be continued by the new one
        try:
            old, new = rotated_keys(log_id, canonical.decode(body)["details"])
        except (KeyError, TypeError) as error:
            raise AuditError("the last rotation of the key cannot be read", hint=_VERIFY) from error
        if new.public_key != signed_by.public_key:
            raise other
        signed_by = old
    try:
        return open_checkpoint(note, [signed_by])
    except UnknownKeyError as error:
        raise other from error


_VERIFY = "run `mission audit verify`; restore the file from a backup if it is damaged"
