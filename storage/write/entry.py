"""The entries of the writer's queue: batches, output, and calls that run inside a transaction."""

import sqlite3
from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from core.domain.events import (
    AttemptArmed,
    AttemptDisarmed,
    AttemptEnded,
    AttemptStarted,
    Event,
    TaskStateChanged,
)
from core.domain.states import TaskState
from core.ports.journal import Batch, LogChunk, Receipt
from storage.rows import codec
from storage.rows.lease import HeldLeases
from storage.rows.segment import pack_segments, segment_columns


class BatchEntry(Struct):
    """A batch and the future of its receipt; `tasks` and `attempts` are its records as columns.

    The inputs of a task run and the fixed columns of an attempt are included only in the batch that
    arms or starts them, because they do not change again; but an armed task run that never starts
    loses its inputs.
    """

    batch: Batch
    future: "Future[Receipt]"
    tasks: Sequence[tuple[Any, ...]] = ()
    attempts: Sequence[tuple[Any, ...]] = ()

    def encode(self) -> None:
        """Convert the records to column values before the transaction blocks other processes."""
        changes = self.batch.changes
        texts = codec.JsonTexts()
        begun = {
            (event.task_id, event.attempt)
            for event in self.batch.events
            if isinstance(event, AttemptStarted)
            or (isinstance(event, AttemptEnded) and event.started is not None)
        }
        tasks = {event.task for event in self.batch.events if _sets_inputs(event)}
        self.tasks = [
            (*codec.task_run_changes(task, texts), texts.data(task.inputs))
            if task.task_id in tasks
            else codec.task_run_changes(task, texts)
            for task in changes.tasks
        ]
        self.attempts = [
            (*codec.attempt_start(attempt, texts), *codec.attempt_end(attempt, texts))
            if (attempt.task_id, attempt.attempt) in begun
            else codec.attempt_end(attempt, texts)
            for attempt in changes.attempts
        ]


def _sets_inputs(event: Event) -> bool:
    """Tell whether the inputs of an event's task run may differ afterwards."""
    if isinstance(event, TaskStateChanged):
        return event.from_state is TaskState.READY
    return isinstance(event, AttemptArmed | AttemptDisarmed | AttemptStarted)


class ChunkEntry(Struct):
    """Output of an attempt; nobody waits for it. `values` are the columns computed in advance."""

    chunk: LogChunk
    values: tuple[Any, ...] = ()

    def encode(self) -> None:
        """Compute the columns."""
        segments = self.chunk.segments
        self.values = (*segment_columns(segments), pack_segments(segments))


class CallEntry(Struct):
    """A function that reads and writes leases and requests inside the group's transaction.

    If it raises, it must do so before it writes anything.
    """

    function: Callable[[sqlite3.Connection, HeldLeases], Any]
    future: "Future[Any]"


class NoteEntry(Struct):
    """An event of no execution, and a function that writes what it allows in the same transaction.

    `check` raises if that is no longer right, before anything is written; `then` gets the number
    of the event.
    """

    event: Event
    check: Callable[[sqlite3.Connection], None]
    then: Callable[[sqlite3.Connection, int], None]
    future: "Future[int]"


class ReadEntry(Struct):
    """A function that only reads, run outside any transaction."""

    function: Callable[[sqlite3.Connection], Any]
    future: "Future[Any]"


class FlushEntry(Struct):
    """Resolves once everything queued before it is durable."""

    future: "Future[None]"


Work = BatchEntry | ChunkEntry | CallEntry | NoteEntry
Entry = Work | ReadEntry | FlushEntry
