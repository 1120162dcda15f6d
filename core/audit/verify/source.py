"""The port through which verification reads a stored log and the tables projected from it.

Nothing that a source returns is trusted: fields are typed `object` where a hostile file may contain
anything (a wrong type, NULL, invalid text). A source must neither raise over such content nor
repair it, but return it unchanged. All methods read one consistent view (one read transaction).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

Row = Sequence[object]
"""One stored event, its columns in the order of `ROW`; `event_id`, `body` and `hash` as bytes."""

ROW: Final = (
    "seq",
    "event_id",
    "ts",
    "type",
    "actor",
    "target",
    "execution_id",
    "exec_seq",
    "task_id",
    "attempt",
    "body",
    "hash",
)

Record = Mapping[str, object]
"""One row of a projected table: column name → value as stored."""

EXECUTION: Final = (
    "execution_id",
    "workflow_id",
    "mission_name",
    "mission_digest",
    "state",
    "reason_code",
    "message",
    "created_at",
    "started_at",
    "ended_at",
    "duration_us",
    "updated_at",
    "cancel_requested_at",
    "cancel_requested_by",
    "breaker",
    "breaker_message",
    "actor",
    "params",
    "source_path",
    "working_dir",
    "parent_execution_id",
    "parent_task_id",
    "parent_attempt",
    "retry_of",
    "rerun_of",
    "run_key",
    "parallel_limit",
    "retry_scope",
    "run_number",
    "coverage",
    "log_entry_count",
    "counts",
    "item_counts",
)
"""Keys of an execution record: fields of `core.domain.records.Execution`, states as text, `params`,
`retry_scope`, `counts` and `item_counts` as the JSON text of `core.domain.events.dump_json`."""

TASK_RUN: Final = (
    "task_id",
    "position",
    "state",
    "reason_code",
    "message",
    "updated_at",
    "attempt",
    "ready_at",
    "started_at",
    "ended_at",
    "duration_us",
    "resume_at",
    "inputs",
    "outputs",
    "error",
    "reused_from",
    "parent_task_id",
    "item",
)
"""Keys of a task-run record: fields of `core.domain.records.TaskRun`; `inputs`, `outputs`, `error`
(see `core.domain.events.error_json`) and `item` as JSON text or None."""

ATTEMPT: Final = (
    "task_id",
    "attempt",
    "state",
    "reason_code",
    "message",
    "started_at",
    "ended_at",
    "duration_us",
    "exit_code",
    "inputs",
    "outputs",
    "error",
    "log_entry_count",
    "log_bytes",
    "log_dropped_bytes",
    "log_digest",
    "census",
    "resources",
)
"""Keys of an attempt record: fields of `core.domain.records.Attempt`, free data as JSON text or
None."""


class ChainSource(Protocol):
    """One stored audit log and the tables projected from it."""

    def log_id(self) -> object:
        """Return the log's id as stored beside the chain, or None."""

    def rows(self) -> Iterator[Row]:
        """Yield all events in order of `seq`, a bounded part in memory at a time."""

    def head(self) -> object:
        """Return the stored head (bytes of `chain.encode_head`), or None when there is none."""

    def checkpoints(self) -> Iterator[tuple[object, object]]:
        """Yield (size, note) of every signed checkpoint in order of size; notes as bytes."""

    def last_checkpoint(self) -> tuple[object, object] | None:
        """Return (size, note) of the checkpoint with the greatest size, or None."""

    def vkeys(self) -> Iterable[str]:
        """Return the trusted public keys (vkey text). They come from outside the database."""

    def missions(self) -> Iterator[tuple[object, object]]:
        """Yield (digest, content) of every stored mission file: hex SHA-256, bytes."""

    def execution_ids(self) -> Iterator[object]:
        """Yield the id of every stored execution."""

    def execution(self, execution_id: str) -> Record | None:
        """Return an execution's record with the keys of `EXECUTION`, or None."""

    def task_runs(self, execution_id: str) -> Iterator[Record]:
        """Yield an execution's task runs in order of position, keys of `TASK_RUN`."""

    def attempts(self, execution_id: str) -> Iterator[Record]:
        """Yield an execution's attempts by position and number, keys of `ATTEMPT`."""

    def log_data(self, execution_id: str, task_id: str, attempt: int) -> Iterable[bytes]:
        """Yield the stored output of one attempt, chunk by chunk in order, as it was digested."""
