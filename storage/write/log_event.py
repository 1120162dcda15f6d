"""Writes the events of a log that the ledger does not write: creation and rotation of keys."""

import sqlite3
from typing import Any

from core.audit.chain.chain import ChainWriter, Link, encode_head
from core.audit.format.checkpoint import origin_of, sign_checkpoint
from core.ports.clock import Signer
from storage.write import statement

_SET_HEAD = """
INSERT INTO head (id, data) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data
"""


def start_log(
    connection: sqlite3.Connection, log_id: str, vkey: str, signer: Signer, at: int
) -> None:
    """Write the first event, head and checkpoint of the audit log of a new database."""
    chain = ChainWriter(log_id)
    chain.start_log(vkey, at)
    insert_events(connection, chain, signer)


def insert_events(connection: sqlite3.Connection, chain: ChainWriter, signer: Signer) -> None:
    """Write the pending events of a chain, the new head, and its signed checkpoint."""
    rows = [_row(link) for link in chain.take_links()]
    statement.insert_rows(connection, statement.INSERT_EVENT, rows)
    head = chain.head
    connection.execute(_SET_HEAD, (encode_head(head),))
    note = sign_checkpoint(origin_of(chain.log_id), head.size, head.root, signer)
    connection.execute(statement.INSERT_CHECKPOINT, (head.size, note))


def _row(link: Link) -> tuple[Any, ...]:
    return (*link[:6], None, None, None, None, *link[10:])
