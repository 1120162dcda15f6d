"""The writer's SQL statements, built once from the column lists of `storage.rows.codec`."""

# ruff: noqa: S608 - statements are put together from constants of this package alone

import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice
from typing import Any

from storage.rows import codec

MAX_ROWS = 64


def insert_rows(connection: sqlite3.Connection, insert: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run `insert` (an INSERT up to `VALUES`) for all rows, up to 64 per statement.

    The connection's thread releases the interpreter lock around every statement, and may get it
    back from a busy event loop only after a switch interval (5 ms): fewer statements, fewer waits.
    Row counts are powers of two, so that only a few statements are prepared and stay in the cache.
    """
    left = iter(rows)
    while page := list(islice(left, MAX_ROWS)):
        at = 0
        while at < len(page):
            count = 1 << (len(page) - at).bit_length() - 1
            values = [value for row in page[at : at + count] for value in row]
            connection.execute(_insert(insert, len(page[0]), count), values)
            at += count


@cache
def _insert(insert: str, width: int, count: int) -> str:
    row = f"({', '.join('?' * width)})"
    return f"{insert} {', '.join([row] * count)}"


def _assign(*columns: str) -> str:
    return ", ".join(f"{column} = ?" for column in columns)


_CHAIN = ("task_count", "chain_events", "chain_first_seq", "chain_last_seq", "chain_last_hash")

INSERT_EXECUTION = f"""
INSERT INTO execution ({codec.names(codec.EXECUTION)}, {codec.names(_CHAIN)}, id)
VALUES ({", ".join("?" * len(codec.EXECUTION))}, 0, 0, 0, 0, x'', 1 + max(
  ifnull((SELECT max(id) FROM execution), 0), ifnull((SELECT max(execution) FROM prune), 0)
))
"""
"""The row of an execution that was pruned is never given to another one."""

UPDATE_EXECUTION = f"""
UPDATE execution SET {_assign(*codec.EXECUTION_CHANGING, *_CHAIN)} WHERE id = ?
""".replace("updated_at = ?", "updated_at = max(updated_at, ?)")
"""Output that was written in the meantime may be newer than the last event."""

UPDATE_PROGRESS = f"""
UPDATE execution SET {_assign(*codec.EXECUTION_PROGRESS, *_CHAIN)} WHERE id = ?
""".replace("updated_at = ?", "updated_at = max(updated_at, ?)")
"""UPDATE_EXECUTION without the state, so that the index by state need not be updated."""

COUNT_LOGS = """
UPDATE execution SET log_entry_count = log_entry_count + ?, updated_at = max(updated_at, ?)
WHERE id = ?
"""

UPDATE_CHAIN = f"UPDATE execution SET {_assign(*_CHAIN)} WHERE id = ?"

SELECT_RUN_KEY = "SELECT execution_id FROM execution WHERE workflow_id = ? AND run_key = ?"

TAKE_RUN_NUMBER = """
INSERT INTO run_number (workflow_id, last) VALUES (?, 1)
ON CONFLICT (workflow_id) DO UPDATE SET last = last + 1 RETURNING last
"""

SETTLE_REQUEST = """
UPDATE request SET outcome = ?, why = ?, settled_at = ? WHERE id = ? AND outcome IS NULL
"""

SETTLE_LATE_REQUESTS = """
UPDATE request SET outcome = 'refused', why = ?, settled_at = ?
WHERE execution = ? AND outcome IS NULL
"""

INSERT_MISSION = """
INSERT INTO mission (digest, name, format, content, first_seen) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (digest) DO NOTHING
"""

INSERT_TASK_RUN = f"INSERT INTO task_run (id, execution, {codec.names(codec.TASK_RUN)}) VALUES"

_CHANGING = (*codec.TASK_RUN_STATE, "outputs", "error")

START_VALUES = len(_CHANGING) + 1

START_TASK_RUN = f"""
UPDATE task_run SET {_assign(*_CHANGING, "inputs")} WHERE id = ?
"""

UPDATE_TASK_RUN = f"""
UPDATE task_run SET {_assign(*_CHANGING)} WHERE id = ?
"""

INSERT_ATTEMPT = f"INSERT INTO attempt (task_run, {codec.names(codec.ATTEMPT)}) VALUES"

END_ATTEMPT = f"""
UPDATE attempt SET {_assign(*codec.ATTEMPT_END)} WHERE task_run = ? AND attempt = ?
"""

INSERT_EVENT = "INSERT INTO event VALUES"

INSERT_CHECKPOINT = "INSERT INTO checkpoint (size, note) VALUES (?, ?)"

INSERT_LOG_CHUNK = f"""
INSERT INTO log_chunk (execution, task_run, attempt, chunk, first_seq, lines, at_first, at_last,
  streams, levels, open_streams, segments, data)
VALUES ({", ".join("?" * 13)})
"""

SELECT_OPEN_STREAMS = """
SELECT open_streams FROM log_chunk WHERE task_run = ? AND attempt = ? ORDER BY chunk DESC LIMIT 1
"""

BEGIN_STEP_RECORD = """
INSERT INTO step_record (mission, folder, step, holder, data, updated_at)
VALUES (?, ?, ?, ?, NULL, ?)
ON CONFLICT DO UPDATE SET holder = excluded.holder, data = NULL, updated_at = excluded.updated_at
"""

KEEP_STEP_RECORD = """
UPDATE step_record SET data = ?, updated_at = ?
WHERE mission = ? AND folder = ? AND step = ? AND holder = ?
"""
