"""Hands the audit log of a database over to a new key: the last act of the old one.

The event, the checkpoint of the old key over it, and the note of the new key in `meta` are one
transaction.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from core.audit.chain.chain import ChainWriter, Head
from core.audit.format.key_rotation import KEY_ROTATED, rotation_details
from core.errors import BugError, ConflictError, UnavailableError
from core.ports.clock import Clock, Signer
from storage.file.connection import open_any_readonly, retry_while_busy, rollback, unavailable
from storage.rows.lease import is_live, read_lease
from storage.write.log_event import insert_events
from storage.write.store import check_head
from storage.write.transactor import open_writer

_OWNED = "SELECT execution_id FROM lease WHERE owner IS NOT NULL ORDER BY execution_id"
_SET_KEY = """
INSERT INTO meta (key, value) VALUES ('signing_vkey', ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""


async def rotate_key(path: Path, old: Signer, new: Signer, *, actor: str, clock: Clock) -> None:
    """Append `key.rotated`, signed by both keys; from then on only `new` continues the log.

    Raises `ConflictError` while a runner drives an execution of this database, `UnavailableError`
    when `old` is not the key of the log, or the database cannot be written.
    """

    def rotate(connection: sqlite3.Connection) -> None:
        retry_while_busy(lambda: connection.execute("BEGIN IMMEDIATE"))
        try:
            log_id, head = check_head(connection, path, old)
            _refuse_runners(connection, clock.now())
            _hand_over(connection, log_id, head, old, new, actor, clock)
            connection.execute("COMMIT")
        except BaseException:
            rollback(connection)
            raise

    connection = await open_writer(path, _refuse_new)
    try:
        await connection.transact(rotate)
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    finally:
        await connection.close()


def require_no_runner(path: Path, now: int) -> None:
    """Raise `ConflictError` while a runner drives an execution of this database."""
    with closing(open_any_readonly(path)) as connection:
        try:
            _refuse_runners(connection, now)
        except sqlite3.Error as error:
            raise unavailable(error, path) from error


def _refuse_new(_connection: sqlite3.Connection) -> None:
    raise UnavailableError("the database disappeared before its key was rotated")


def _hand_over(
    connection: sqlite3.Connection,
    log_id: str,
    head: Head,
    old: Signer,
    new: Signer,
    actor: str,
    clock: Clock,
) -> None:
    chain = ChainWriter(log_id, head, now=clock.now)
    details = rotation_details(log_id, head.size, head.root, old, new)
    chain.append(
        type=KEY_ROTATED,
        actor=actor,
        target=f"log/{log_id}",
        details=details,
        at=max(clock.now(), head.last_ts + 1),
        sub=None,
    )
    if chain.head.size != head.size + 1:
        raise BugError("the event of a rotation does not directly follow the head that it names")
    insert_events(connection, chain, old)
    connection.execute(_SET_KEY, (details["new"],))


def _refuse_runners(connection: sqlite3.Connection, now: int) -> None:
    for (execution_id,) in connection.execute(_OWNED).fetchall():
        stored = read_lease(connection, execution_id)
        if stored is not None and is_live(stored.lease, now):
            raise ConflictError(
                f"a runner drives execution {execution_id} and signs with the old key",
                hint="rotate when it has ended; `mission ls` shows what runs",
            )
