"""The journal port on top of the writer: takes batches and output, returns futures."""

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

        `LeaseHeldError`, `ConflictError` (the execution is sealed, or its id or idempotency key is
        in use) and `NotFoundError` concern this batch alone; after any other error, all later
        batches fail too.
        """
        future: Future[Receipt] = asyncio.get_running_loop().create_future()
        self._writer.put(BatchEntry(batch, future))
        return future

    def append_log(self, chunk: LogChunk) -> None:
        """Queue output; it is durable no later than the next batch submitted after it."""
        self._writer.put(ChunkEntry(chunk))

    @property
    def backlog(self) -> int:
        """Bytes of output queued and not yet durable, for backpressure."""
        return self._writer.backlog

    async def flush(self) -> None:
        """Wait until everything queued is durable; raise the error that stopped the journal."""
        await self._writer.call(FlushEntry)

    async def close(self) -> None:
        """Flush and close the database. Idempotent; does not report what could not be written."""
        await self._writer.close()
