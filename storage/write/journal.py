"""The journal port over the writer: batches and output in, futures out."""

import asyncio
from asyncio import Future

from core.ports.journal import Batch, LogChunk, Receipt
from storage.write.entry import BatchEntry, ChunkEntry, FlushEntry
from storage.write.writer import Writer


class SqliteJournal:
    """Implements `core.ports.Journal`. Belongs to one event loop."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def submit(self, batch: Batch) -> "Future[Receipt]":
        """Queue a batch; the future resolves when it is durable.

        It fails with `LeaseHeldError`, `ConflictError` (the execution is sealed, its id or run key
        is taken) or `NotFoundError` for this batch alone; with anything else, all later ones do.
        """
        future: Future[Receipt] = asyncio.get_running_loop().create_future()
        self._writer.put(BatchEntry(batch, future))
        return future

    def append_log(self, chunk: LogChunk) -> None:
        """Queue output; it is durable no later than the next batch submitted after it."""
        self._writer.put(ChunkEntry(chunk))

    @property
    def backlog(self) -> int:
        """Bytes of log data queued and not yet durable."""
        return self._writer.backlog

    async def flush(self) -> None:
        """Wait until everything queued is durable; raises what stopped the journal."""
        await self._writer.call(FlushEntry)

    async def close(self) -> None:
        """Flush and release the database. Idempotent; what could not be written is not reported."""
        await self._writer.close()
