"""Reads what a prune may take, and what the event must say that names it."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from core.audit.format.prune_record import LeavesDigest, PrunedExecution, PrunedOutput
from core.errors import AuditError, NotFoundError
from storage.file.connection import open_readonly, unavailable
from storage.rows.codec import POSITION_BITS

_ALL: Final = """
SELECT execution_id, workflow_id, ended_at, sealed, parent_execution_id, retry_of, rerun_of,
  EXISTS (SELECT 1 FROM log_chunk WHERE log_chunk.execution = execution.id),
  EXISTS (SELECT 1 FROM prune WHERE prune.execution = execution.id)
FROM execution ORDER BY id
"""
_ONE: Final = """
SELECT id, workflow_id, mission_name, run_number, mission_digest, state, created_at, ended_at,
  chain_events, chain_first_seq, chain_last_seq, mission.name, mission.format
FROM execution JOIN mission ON mission.digest = mission_digest
WHERE execution_id = ? AND sealed
"""
_EVENTS: Final = """
SELECT seq, hash FROM event WHERE execution = ? AND seq BETWEEN ? AND ? ORDER BY seq
"""
_OUTPUT: Final = """
SELECT count(*), coalesce(min(id), 0), coalesce(max(id), 0), coalesce(sum(lines), 0),
  coalesce(sum(length(data)), 0)
FROM log_chunk WHERE execution = ?
"""

_ARTIFACTS_OF: Final = """
SELECT artifacts FROM attempt WHERE task_run BETWEEN ? AND ? AND artifacts IS NOT NULL
"""
_ARTIFACTS: Final = "SELECT task_run, artifacts FROM attempt WHERE artifacts IS NOT NULL"
_ROW: Final = "SELECT id FROM execution WHERE execution_id = ?"
_OPEN: Final = """
SELECT EXISTS (SELECT 1 FROM execution WHERE state IN ('PENDING', 'RUNNING', 'PAUSED'))
"""
_USED: Final = """
SELECT DISTINCT user.execution_id, task_run.reused_from
FROM task_run JOIN execution AS user ON user.id = task_run.id >> ?
JOIN execution AS source ON source.execution_id = task_run.reused_from
WHERE task_run.reused_from IS NOT NULL AND task_run.reason_code = 'UP_TO_DATE' AND EXISTS (
  SELECT 1 FROM attempt WHERE artifacts IS NOT NULL
  AND attempt.task_run BETWEEN source.id << ? AND (source.id << ?) + ?
)
"""
_ANY_ARTIFACTS: Final = "SELECT EXISTS (SELECT 1 FROM attempt WHERE artifacts IS NOT NULL)"


class StoredExecution(NamedTuple):
    """What decides whether an execution may be pruned."""

    execution_id: str
    workflow_id: str
    ended_at: int | None
    is_sealed: bool
    linked: tuple[str, ...]
    uses: tuple[str, ...]
    is_root: bool
    has_output: bool
    is_output_pruned: bool


class PrunePlanReader:
    """Reads one state of the database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def executions(self) -> list[StoredExecution]:
        """Return all executions in the order of their creation."""
        uses = self._uses()
        return [
            StoredExecution(
                execution_id=key,
                workflow_id=workflow_id,
                ended_at=ended_at,
                is_sealed=bool(sealed),
                linked=tuple(one for one in (parent, retry_of, rerun_of) if one is not None),
                uses=tuple(uses[key]),
                is_root=parent is None,
                has_output=bool(has_output),
                is_output_pruned=bool(is_pruned),
            )
            for key, workflow_id, ended_at, sealed, parent, retry_of, rerun_of,
            has_output, is_pruned in self._connection.execute(_ALL)
        ]  # fmt: skip

    def _uses(self) -> dict[str, list[str]]:
        """Return by execution which others have the artifacts of its steps that were up to date."""
        found: dict[str, list[str]] = defaultdict(list)
        if self._connection.execute(_ANY_ARTIFACTS).fetchone()[0]:
            bits = POSITION_BITS
            span = (bits, bits, bits, (1 << bits) - 1)
            for user, source in self._connection.execute(_USED, span):
                found[user].append(source)
        return found

    def entry(self, execution_id: str, archive_sha256: str | None = None) -> PrunedExecution:
        """Return what a prune event says of a sealed execution; reads all its events.

        Raises `NotFoundError` if there is no such execution, `AuditError` if its events are not
        those that it counts.
        """
        row = self._connection.execute(_ONE, (execution_id,)).fetchone()
        if row is None:
            raise NotFoundError(f"there is no execution {execution_id} that has ended")
        (
            key, workflow_id, name, run_number, digest, state, created_at, ended_at, events, first,
            last, mission_name, mission_format,
        ) = row  # fmt: skip
        leaves = LeavesDigest()
        for seq, leaf in self._connection.execute(_EVENTS, (key, first, last)):
            leaves.add(seq, leaf)
        seal = self._connection.execute("SELECT body FROM event WHERE seq = ?", (last,)).fetchone()
        if (leaves.count, leaves.first_seq, leaves.last_seq) != (events, first, last):
            raise AuditError(
                f"execution {execution_id} does not have the events that it counts",
                hint="`mission audit verify` lists all that is wrong",
            )
        chunks, first_row, last_row, entries, size = self._connection.execute(
            _OUTPUT, (key,)
        ).fetchone()
        return PrunedExecution(
            execution_id=execution_id,
            row=key,
            workflow_id=workflow_id,
            name=name,
            run_number=run_number,
            mission_sha256=digest,
            mission_name=mission_name,
            mission_format=mission_format,
            state=state,
            created_at=str(created_at),
            ended_at=str(ended_at),
            events=events,
            first_seq=first,
            last_seq=last,
            leaves_sha256=leaves.text,
            seal=seal[0].decode(),
            output=PrunedOutput(
                chunks=chunks, first_row=first_row, last_row=last_row, entries=entries, bytes=size
            ),
            archive_sha256=archive_sha256,
        )

    def rows_of(self, execution_ids: Iterable[str]) -> set[int]:
        """Return the numbers of executions in the table."""
        found = set()
        for key in execution_ids:
            row = self._connection.execute(_ROW, (key,)).fetchone()
            if row is not None:
                found.add(row[0])
        return found

    def artifacts_only_of(self, rows: Set[int]) -> dict[str, int]:
        """Return digest and bytes of the artifacts that no other execution than these has.

        Reads the attempts of these executions, and if one of them has artifacts, all attempts.
        """
        found: dict[str, int] = {}
        for row in rows:
            first = row << POSITION_BITS
            span = (first, first + (1 << POSITION_BITS) - 1)
            for (text,) in self._connection.execute(_ARTIFACTS_OF, span):
                found |= {one["sha256"]: one["bytes"] for one in json.loads(text).values()}
        others = self._connection.execute(_ARTIFACTS) if found else ()
        for task_run, text in others:
            if task_run >> POSITION_BITS not in rows:
                for one in json.loads(text).values():
                    found.pop(one["sha256"], None)
        return found

    def has_open(self) -> bool:
        """Tell whether an execution has not ended."""
        return bool(self._connection.execute(_OPEN).fetchone()[0])

    def sizes(self, execution_ids: Iterable[str]) -> tuple[int, int]:
        """Return how many events and bytes of output these executions have."""
        events = size = 0
        for key in execution_ids:
            found = self._connection.execute(
                "SELECT chain_events, (SELECT coalesce(sum(length(data)), 0) FROM log_chunk"
                " WHERE log_chunk.execution = execution.id) FROM execution WHERE execution_id = ?",
                (key,),
            ).fetchone()
            if found is not None:
                events += found[0]
                size += found[1]
        return events, size


@contextmanager
def open_prune_plan(path: Path) -> Iterator[PrunePlanReader]:
    """Open the database for one look; raises `UnavailableError`."""
    connection = open_readonly(path)
    try:
        connection.execute("BEGIN")
        yield PrunePlanReader(connection)
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    finally:
        connection.close()
