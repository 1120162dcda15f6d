"""The writer's cache entry for one execution, kept between transactions to save reads."""

import sqlite3

from msgspec import Struct, field

from core.audit.chain.chain import SubChain
from core.domain.records import Execution
from core.errors import BugError
from storage.rows.codec import POSITION_BITS

_READ = """
SELECT id, task_count, sealed, chain_events, chain_first_seq, chain_last_seq, chain_last_hash
FROM execution WHERE execution_id = ?
"""
_READ_TASKS = "SELECT task_id, position FROM task_run WHERE id BETWEEN ? AND ?"


class CachedExecution(Struct):
    """One execution as stored in the tables; `is_fresh` until another process has written."""

    row_id: int
    sub: SubChain
    task_count: int = 0
    sealed: bool = False
    is_fresh: bool = True
    positions: dict[str, int] = field(default_factory=dict)
    open_streams: dict[tuple[int, int], int] = field(default_factory=dict)
    """Streams (bits) in the middle of a line after the last chunk, by (task run, attempt)."""
    record: Execution | None = None
    """The execution record as this writer last wrote it, if it has."""

    def task_run(self, task_id: str) -> int:
        """Return the row id of a step's task run; `BugError` for an unknown step."""
        try:
            return (self.row_id << POSITION_BITS) + self.positions[task_id]
        except KeyError:
            raise BugError(f"execution {self.sub.execution_id} has no step {task_id!r}") from None


def load_execution(
    connection: sqlite3.Connection, execution_id: str, known: CachedExecution | None
) -> CachedExecution | None:
    """Load the execution, or return None; with `known`, unchanged steps are not read again."""
    row = connection.execute(_READ, (execution_id,)).fetchone()
    if row is None:
        return None
    row_id, task_count, sealed, events, first_seq, last_seq, last_hash = row
    run = CachedExecution(
        row_id=row_id,
        sub=SubChain(execution_id, events, first_seq, last_seq, last_hash),
        task_count=task_count,
        sealed=bool(sealed),
    )
    if known is not None and known.task_count == task_count:
        run.positions = known.positions
        run.open_streams = known.open_streams
    else:
        first = row_id << POSITION_BITS
        run.positions = dict(connection.execute(_READ_TASKS, (first, first + task_count - 1)))
    return run
