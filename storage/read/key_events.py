"""Reads which keys have signed a log, from the events that name them."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from core.audit.chain.key_history import KeyHistory, KnownKeys
from core.audit.format import canonical
from core.audit.format.body import LOG_CREATED
from core.audit.format.key_rotation import KEY_ROTATED
from core.errors import AuditError
from storage.file.connection import open_readonly, unavailable

_EVENTS = """
SELECT seq, body FROM event WHERE execution IS NULL AND type IN (?, ?) ORDER BY seq
"""
_BEFORE = "SELECT seq FROM event WHERE ts < ? ORDER BY seq DESC LIMIT 1"


def read_keys(path: Path) -> tuple[str, KeyHistory]:
    """Return the id of the log and its keys; nothing is verified but the statements of rotations.

    Raises `AuditError` for a log whose keys cannot be read, `UnavailableError` for such a file.
    """
    with closing(open_readonly(path)) as connection:
        try:
            rows = connection.execute(_EVENTS, (LOG_CREATED, KEY_ROTATED)).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error, path) from error
    return keys_of(rows)


def keys_of(bodies: Iterable[tuple[int, bytes]]) -> tuple[str, KeyHistory]:
    """Return the id and the keys of a log from number and body of the events that tell of them.

    Raises `AuditError` for events that do not.
    """
    history: KeyHistory | None = None
    log_id = ""
    try:
        for seq, data in bodies:
            body = canonical.decode(data)
            kind, details = body["type"], body["details"]
            if kind == LOG_CREATED:
                log_id = str(details["log_id"])
                history = KeyHistory(log_id, KnownKeys(()))
                history.created(details["vkey"])
            elif kind == KEY_ROTATED and history is not None:
                history.rotated(seq, details, None)
    except (KeyError, TypeError) as error:
        raise AuditError("the keys of the log cannot be read", hint=_VERIFY) from error
    if history is None:
        raise AuditError("the log does not begin with its creation", hint=_VERIFY)
    return log_id, history


def first_seq_since(path: Path, instant: int) -> int:
    """Return the number of the first event at or after an instant, or behind the last event."""
    with closing(open_readonly(path)) as connection:
        try:
            row = connection.execute(_BEFORE, (instant,)).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error, path) from error
    return 1 if row is None else int(row[0]) + 1


_VERIFY = "`mission audit verify` says what is wrong"
