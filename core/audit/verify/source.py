"""The port through which verification reads a stored log and the tables projected from it.

Nothing that a source returns is trusted: fields are typed `object` where a hostile file may contain
anything (a wrong type, NULL, invalid text). A source must neither raise over such content nor
repair it, but return it unchanged. All methods read one consistent view (one read transaction).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from core.ports.journal import LogSegment

Row = Sequence[object]
"""One stored event, its columns in the order of `ROW`; `event_id`, `body` and `hash` as bytes.

Of a pruned event all is None but `seq`, `hash` and, in place of the execution id, the number of the
execution's row.
"""

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
    "breakpoints",
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
    "forced",
    "labels",
    "title",
    "keep_going",
    "run_number",
    "coverage",
    "log_entry_count",
    "counts",
    "item_counts",
)
"""Keys of an execution record: fields of `core.domain.records.Execution`, states as text,
`keep_going` as 0 or 1, `params`, `retry_scope`, `forced`, `breakpoints`, `labels`, `counts` and
`item_counts` as the JSON text of `core.domain.events.dump_json`."""

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
    "placement",
    "artifacts",
)
"""Keys of an attempt record: fields of `core.domain.records.Attempt`, free data as JSON text or
None."""


MISSION: Final = ("digest", "name", "format", "content", "first_seen")
"""Keys of a stored mission file: fields of `core.domain.mission.MissionSource`, and the instant at
which the first execution of it was created."""

META: Final = ("log_id", "created_at", "vkey", "signing_vkey")
"""Keys of what is stored beside the chain: values of its first event, and in `signing_vkey` the key
that the last rotation handed it over to."""

SUB_CHAIN: Final = (
    "task_count",
    "chain_events",
    "chain_first_seq",
    "chain_last_seq",
    "chain_last_hash",
    "sealed",
)
"""Keys of how far an execution has got: its task runs, its sub-chain, whether that is closed."""


class OutputChunk(Struct, frozen=True, kw_only=True):
    """A stored chunk of output: its columns as they are, and what they must be.

    `columns` are `execution_id`, `row`, `chunk`, `first_seq`, `data` and those of `derived`;
    `segments` are None if they cannot be unpacked, and `derived` is what follows from them.
    """

    columns: Record
    segments: tuple[LogSegment, ...] | None
    derived: Record


class ChainSource(Protocol):
    """One stored audit log and the tables projected from it."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield (field, message) of what is wrong with the file itself, apart from its records.

        `schema`: tables, indexes, triggers or views are not those of this format; `file`: pages,
        indexes, constraints or references between rows are broken.
        """

    def meta(self) -> Record:
        """Return what is stored beside the chain, with the keys of `META` and perhaps others."""

    def rows(self, *, after: int = 0) -> Iterator[Row]:
        """Yield all events behind `after` by `seq`, a bounded part in memory at a time."""

    def head(self) -> object:
        """Return the stored head (bytes of `chain.encode_head`), or None when there is none."""

    def checkpoints(self, *, after: int = 0) -> Iterator[tuple[object, object]]:
        """Yield (size, note) of every signed checkpoint of more than `after` events, by size.

        Notes are bytes.
        """

    def last_checkpoint(self) -> tuple[object, object] | None:
        """Return (size, note) of the checkpoint with the greatest size, or None."""

    def anchors(self, limit: int) -> Iterator[tuple[object, object]]:
        """Yield (seq, body) of the last events `audit.anchored`, `limit` of them at most."""

    def prunes(self) -> Iterator[tuple[object, object]]:
        """Yield (seq, body) of the events that the table `prune` refers to, in order of seq."""

    def prune_rows(self) -> Iterator[tuple[object, object, object, object]]:
        """Yield (execution's row, kind, execution id, seq) of the table `prune`."""

    def output_gaps(self) -> Iterator[tuple[int, int]]:
        """Yield the first and last number of each gap between the rows of stored output."""

    def vkeys(self) -> Iterable[str]:
        """Return the trusted public keys (vkey text). They come from outside the database."""

    def revoked_vkeys(self) -> Iterable[tuple[str, str]]:
        """Return the revoked public keys, each with the reason; from outside the database, too."""

    def missions(self) -> Iterator[Record]:
        """Yield every stored mission file with the keys of `MISSION`."""

    def last_run_numbers(self) -> Iterator[tuple[object, object]]:
        """Yield (workflow id, last run number) of every workflow."""

    def execution_ids(self) -> Iterator[object]:
        """Yield the id of every stored execution, in the order in which lists show them."""

    def execution(self, execution_id: str) -> Record | None:
        """Return an execution's record with the keys of `EXECUTION` and `SUB_CHAIN`, or None."""

    def task_runs(self, execution_id: str) -> Iterator[Record]:
        """Yield an execution's task runs in order of position, keys of `TASK_RUN`."""

    def attempts(self, execution_id: str) -> Iterator[Record]:
        """Yield an execution's attempts by position and number, keys of `ATTEMPT`."""

    def attempts_with_output(self, execution_id: str) -> Iterator[tuple[object, object]]:
        """Yield (step, attempt) of all stored output of an execution, in any order."""

    def output(self, execution_id: str, task_id: str, attempt: int) -> Iterator[OutputChunk]:
        """Yield the stored output of one attempt in order of `chunk`."""

    def output_totals(self, execution_id: str) -> tuple[object, object]:
        """Return the number of entries in an execution's stored output and its latest instant."""
