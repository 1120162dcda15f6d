"""Reads audit events, and the state changes that they record."""

from core.domain.records import AuditEvent, StateChange
from storage.read import history
from storage.read.row_reader import RowReader
from storage.rows import codec

# ruff: noqa: S608 - statements are put together from constants of this package alone

WITHIN_EXECUTION = """
event.execution = :execution
AND seq BETWEEN max(:after + 1, (SELECT chain_first_seq FROM execution WHERE id = :execution))
AND (SELECT chain_last_seq FROM execution WHERE id = :execution)
"""
"""Events of `:execution` with a seq above `:after`; first and last seq bound the scanned range."""
_EVENTS = "SELECT seq, ts, body, hash FROM event"
_CHANGES = f"""
SELECT seq, ts, type, task_id, body
FROM event LEFT JOIN task_run ON task_run.id = event.task_run
WHERE type IN ({", ".join(f"'{kind}'" for kind in history.TYPES)})
"""


class EventReader(RowReader):
    """The part of the reader that is about what has happened."""

    def state_changes(self, execution_id: str, task_id: str | None = None) -> list[StateChange]:
        """Return transitions in order, of the execution or of one step and its attempts."""
        with self._guard():
            row_id = self._row_id(execution_id)
            if task_id is None:
                rows = self._all(
                    f"{_CHANGES} AND {WITHIN_EXECUTION} ORDER BY seq", execution=row_id, after=0
                )
            else:
                key = self._task_run_id(execution_id, task_id)
                rows = self._all(f"{_CHANGES} AND event.task_run = ? ORDER BY seq", key)
            return [change for row in rows for change in history.changes_in(execution_id, *row)]

    def audit_events(
        self, *, after_seq: int = 0, execution_id: str | None = None, limit: int = 1000
    ) -> list[AuditEvent]:
        """Return audit events in order."""
        with self._guard():
            if execution_id is None:
                rows = self._all(f"{_EVENTS} WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit)
            else:
                row_id = self._row_id(execution_id)
                rows = self._all(
                    f"{_EVENTS} WHERE {WITHIN_EXECUTION} ORDER BY seq LIMIT :limit",
                    execution=row_id,
                    after=after_seq,
                    limit=limit,
                )
            return [codec.audit_event_of(*row) for row in rows]

    def step_events(self, execution_id: str, task_id: str) -> list[AuditEvent]:
        """Return the audit events of one step and its attempts in order."""
        with self._guard():
            key = self._task_run_id(execution_id, task_id)
            rows = self._all(f"{_EVENTS} WHERE task_run = ? ORDER BY seq", key)
            return [codec.audit_event_of(*row) for row in rows]
