"""Finds what was pruned of an execution that is gone, or of one whose output is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from core.audit.format.prune_record import PrunedExecution, PruneRecord, read_body
from core.errors import NotFoundError
from core.launch.run_number import run_reference
from core.value.timestamp import rfc3339
from storage.file.connection import open_readonly

MAX_EVENTS: Final = 200
"""How many prune events are searched for a run number: there is no index of these."""
MIN_CHARACTERS: Final = 8
"""Characters of an id by which an execution that is gone is still recognised."""

_EVENTS: Final = """
SELECT event.ts, event.actor, event.body FROM event
WHERE event.seq IN (SELECT seq FROM prune WHERE kind = ?{where}) ORDER BY event.seq DESC LIMIT ?
"""


def pruned_error(connection: sqlite3.Connection, reference: str) -> NotFoundError | None:
    """Return the error for a reference to an execution that was pruned, None if none was.

    `reference` is a run (`NAME#7`), or an id or at least eight characters of its beginning.
    """
    key = reference.encode("utf-8", "replace").decode().lower()
    where = ""
    values: tuple[str, ...] = ()
    if "#" not in key:
        if len(key) < MIN_CHARACTERS:
            return None
        where, values = " AND execution_id >= ? AND execution_id < ?", (key, f"{key}\U0010ffff")
    for ts, actor, record in _records(connection, "executions", where, *values):
        for entry in record.executions:
            if entry.execution_id.startswith(key) or _run(entry) == reference:
                archive = record.archive.get("file")
                hint = f"it was archived, see {archive}" if archive else None
                return NotFoundError(
                    f"{_run(entry)} {entry.execution_id} was pruned at {rfc3339(ts)} by {actor}; it"
                    f" had ended {entry.state} at {rfc3339(int(entry.ended_at))}",
                    hint=hint or "`mission audit verify` lists what was pruned",
                )
    return None


def output_prune(path: Path, execution_id: str) -> str | None:
    """Return when and by whom the output of an execution was pruned, None if it was not."""
    with closing(open_readonly(path)) as connection:
        for ts, actor, _ in _records(connection, "logs", " AND execution_id = ?", execution_id):
            return f"{rfc3339(ts)} by {actor}"
    return None


def _run(entry: PrunedExecution) -> str:
    return run_reference(entry.name, entry.run_number) or entry.name


def _records(
    connection: sqlite3.Connection, kind: str, where: str, *values: Any
) -> Iterator[tuple[int, str, PruneRecord]]:
    rows = connection.execute(_EVENTS.format(where=where), (kind, *values, MAX_EVENTS))
    for ts, actor, body in rows.fetchall():
        record = read_body(body)
        if record is not None:
            yield ts, actor, record
