"""Reads all that a bundle of one execution holds, in one consistent view of the database."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from core.audit.bundle.bundle_content import Content, LogFile
from core.audit.chain.key_events import keys_of
from core.audit.format.anchor_record import AUDIT_ANCHORED, AnchorRecord, read_anchor
from core.audit.format.body import LOG_CREATED
from core.errors import AuditError, ConflictError, NotFoundError
from core.output.log_digest import covers_everything, description, heading
from storage.file.connection import open_readonly, unavailable
from storage.rows.segment import unpack_segments

_TREE = """
WITH RECURSIVE tree (id, execution_id) AS (
  SELECT id, execution_id FROM execution WHERE execution_id = ?
  UNION
  SELECT child.id, child.execution_id FROM execution AS child
  JOIN tree ON child.parent_execution_id = tree.execution_id
)
SELECT execution.id, execution.execution_id, mission_digest, chain_first_seq, chain_last_seq, sealed
FROM tree JOIN execution USING (id) ORDER BY execution.id
"""
_BODIES = "SELECT seq, body FROM event WHERE execution = ? AND seq BETWEEN ? AND ? ORDER BY seq"
_OF_THE_LOG = (
    "SELECT seq, body FROM event "
    "WHERE execution IS NULL AND (type = ? OR type GLOB 'key.*') ORDER BY seq"
)
_ANCHORS = """
SELECT seq, body FROM event WHERE execution IS NULL AND type = ? ORDER BY seq
"""
_SEAL = "SELECT size, note FROM checkpoint WHERE size >= ? ORDER BY size LIMIT 1"
_LOGS = """
SELECT attempt.task_run, task_run.task_id, task_run.position, attempt.attempt, attempt.log_digest
FROM attempt JOIN task_run ON task_run.id = attempt.task_run
WHERE task_run.execution = ? AND EXISTS (
  SELECT 1 FROM log_chunk
  WHERE log_chunk.task_run = attempt.task_run AND log_chunk.attempt = attempt.attempt
)
ORDER BY attempt.task_run, attempt.attempt
"""
_CHUNKS = """
SELECT chunk, first_seq, segments, {data} FROM log_chunk
WHERE task_run = ? AND attempt = ? ORDER BY chunk
"""
_LEAVES = """
SELECT hash FROM (SELECT seq, hash FROM event UNION ALL SELECT seq, hash FROM pruned_event)
ORDER BY seq
"""
_PAGE_CHUNKS: Final = 16
MAX_ANCHORS: Final = 16
"""How many anchors a bundle holds."""


@contextmanager
def open_evidence(path: Path, execution_id: str) -> Iterator[Content]:
    """Open the evidence of an execution; output is read while the block lasts.

    Raises `ConflictError` while it, or a sub-mission of it, has not ended.
    """
    connection = open_readonly(path)
    try:
        connection.execute("BEGIN")
        yield _read(connection, execution_id)
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    finally:
        connection.close()


def _read(connection: sqlite3.Connection, execution_id: str) -> Content:
    bodies: list[tuple[int, bytes]] = _all(connection, _OF_THE_LOG, LOG_CREATED)
    log_id, history = keys_of(body for _, body in bodies)
    seals: dict[str, tuple[int, bytes]] = {}
    missions: dict[str, tuple[str, bytes]] = {}
    logs: list[LogFile] = []
    for row_id, found_id, digest, first, last, sealed in _all(connection, _TREE, execution_id):
        if not sealed:
            raise ConflictError(
                f"execution {found_id} has not ended, so there is no evidence of it yet",
                hint="export it when it has ended; `mission watch` shows when that is",
            )
        bodies += _all(connection, _BODIES, row_id, first, last)
        seal = connection.execute(_SEAL, (last,)).fetchone()
        if seal is None:
            raise AuditError(
                "the end of the execution is not signed", hint="`mission audit verify` says more"
            )
        seals[found_id] = seal
        for kind, content in _all(
            connection, "SELECT format, content FROM mission WHERE digest = ?", digest
        ):
            missions[digest] = (kind, content)
        for key, task_id, position, attempt, digest in _all(connection, _LOGS, row_id):
            output = _Output(connection, key, attempt, b"")
            if digest is None or covers_everything(digest):
                output.heading = heading(found_id, task_id, attempt)
            logs.append(LogFile(found_id, position, attempt, output.size(), output.parts))
    if execution_id not in seals:
        raise NotFoundError(f"there is no execution {execution_id}")
    anchors = _anchors(connection, max(seq for seq, _ in bodies))
    bodies += [(seq, body) for seq, (body, _) in anchors.items()]
    last_checkpoint = connection.execute(
        "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1"
    ).fetchone()
    leaves = [row[0] for row in connection.execute(_LEAVES)]
    if last_checkpoint is None or last_checkpoint[0] != len(leaves):
        raise AuditError(
            "the log has events that are not signed", hint="`mission audit verify` says more"
        )
    return Content(
        log_id=log_id,
        execution_id=execution_id,
        leaves=leaves,
        bodies=sorted(bodies),
        checkpoint=last_checkpoint[1],
        seals=seals,
        missions=missions,
        logs=logs,
        keys=history.state.keys,
        anchors={seq: record for seq, (_, record) in anchors.items()},
    )


def _anchors(connection: sqlite3.Connection, last: int) -> dict[int, tuple[bytes, AnchorRecord]]:
    """Return the first anchor of each authority that covers the first `last` events."""
    found: dict[tuple[str, str], tuple[int, bytes, AnchorRecord]] = {}
    for seq, body in connection.execute(_ANCHORS, (AUDIT_ANCHORED,)):
        record = read_anchor(body)
        if record is not None and record.size >= last:
            found.setdefault((record.kind, record.by), (seq, body, record))
            if len(found) >= MAX_ANCHORS:
                break
    return {seq: (body, record) for seq, body, record in found.values()}


class _Output(Struct):
    """The output of one attempt as its digest covers it; without a heading its data alone."""

    connection: sqlite3.Connection
    task_run: int
    attempt: int
    heading: bytes

    def parts(self) -> Iterator[bytes]:
        """Yield the heading, then for each chunk its description and its data."""
        yield self.heading
        for line, data in self._chunks("data"):
            yield line
            yield data

    def size(self) -> int:
        """Return the length of all parts without reading the data."""
        total = len(self.heading)
        for line, count in self._chunks("length(data)"):
            total += len(line) + int(count)
        return total

    def _chunks(self, data: str) -> Iterator[tuple[bytes, Any]]:
        """Yield the description of each chunk, and what the expression `data` gives for it."""
        cursor = self.connection.execute(_CHUNKS.format(data=data), (self.task_run, self.attempt))
        while rows := cursor.fetchmany(_PAGE_CHUNKS):
            for chunk, first_seq, packed, found in rows:
                line = b""
                if self.heading:
                    line = description(chunk, first_seq, unpack_segments(packed))
                yield line, found


def _all(connection: sqlite3.Connection, sql: str, *values: object) -> list[Any]:
    return connection.execute(sql, values).fetchall()
