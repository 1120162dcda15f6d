"""Reads which keys have signed a log, from the events that name them."""

import sqlite3
from contextlib import closing
from pathlib import Path

from core.audit.chain.key_events import KEY_EVENTS, keys_of
from core.audit.chain.key_history import KeyHistory
from storage.file.connection import open_readonly, unavailable

_EVENTS = """
SELECT body FROM event WHERE execution IS NULL AND type IN (?, ?, ?) ORDER BY seq
"""
_BEFORE = "SELECT seq FROM event WHERE ts < ? ORDER BY seq DESC LIMIT 1"


def read_keys(path: Path) -> tuple[str, KeyHistory]:
    """Return the id of the log and its keys; nothing is verified but the statements of rotations.

    Raises `AuditError` for a log whose keys cannot be read, `UnavailableError` for such a file.
    """
    with closing(open_readonly(path)) as connection:
        try:
            rows = connection.execute(_EVENTS, KEY_EVENTS).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error, path) from error
    return keys_of(body for (body,) in rows)


def first_seq_since(path: Path, instant: int) -> int:
    """Return the number of the first event at or after an instant, or behind the last event."""
    with closing(open_readonly(path)) as connection:
        try:
            row = connection.execute(_BEFORE, (instant,)).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error, path) from error
    return 1 if row is None else int(row[0]) + 1
