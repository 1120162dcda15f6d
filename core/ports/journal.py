"""The interface of the single writer: what is committed together, and the receipt for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from core.domain.events import Event
from core.domain.fold import Changes
from core.domain.mission import MissionSource
from core.domain.records import (
    LogLevel,
    LogStream,
)

if TYPE_CHECKING:  # asyncio is a third of the start-up of commands that run nothing
    from asyncio import Future
from core.ports.control import RequestOutcome
from core.ports.step_record import StepRecordChange


class LogSegment(Struct, frozen=True):
    """Output bytes that arrived together: one stream, one instant, whole or partial lines."""

    at: int
    stream: LogStream
    level: LogLevel
    source: str
    length: int
    """Bytes of the chunk's data that belong to it."""
    lines: int
    """Log entries that end in it: line feeds, plus one where the attempt's stream ends without."""


class LogChunk(Struct, frozen=True, kw_only=True):
    """Consecutive output of one attempt. `first_seq` is the number of its first entry, from 1."""

    execution_id: str
    task_id: str
    attempt: int
    chunk: int
    first_seq: int
    segments: tuple[LogSegment, ...]
    data: bytes


class Batch(Struct, frozen=True, kw_only=True):
    """Events in order, and the records the fold made of them; written in one transaction.

    `outcomes` are those of requests whose effects are among the events. With `finalize` every
    request that has none yet is refused as too late.
    """

    execution_id: str
    events: Sequence[Event]
    changes: Changes
    mission: MissionSource | None = None
    finalize: bool = False
    """Append `execution.finalized` after the events, sealing the execution's sub-chain."""
    outcomes: Sequence[RequestOutcome] = ()
    step_records: Sequence[StepRecordChange] = ()


class Receipt(Struct, frozen=True, kw_only=True):
    """Proof that a batch is on disk: the audit log's size and root (hex) after it."""

    size: int
    root: str
    execution_events: int
    run_number: int | None = None
    """The number of the run, for the batch that creates an execution."""


class Journal(Protocol):
    """The single writer. What it acknowledged survives `kill -9` and power loss."""

    def submit(self, batch: Batch) -> "Future[Receipt]":
        """Queue a batch; the future resolves when it is durable.

        It fails with `UnavailableError` or `AuditError` when it cannot be written; from then on
        every later submit fails likewise (fail closed).
        With `LeaseHeldError` when another runner took over.
        """

    def append_log(self, chunk: LogChunk) -> None:
        """Queue output; it is durable no later than the next batch submitted after it."""

    @property
    def backlog(self) -> int:
        """Bytes of log data queued and not yet durable; writers pause above their limit."""

    async def flush(self) -> None:
        """Wait until everything queued is durable."""

    async def close(self) -> None:
        """Flush and release the database. Idempotent."""
