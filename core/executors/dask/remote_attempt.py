"""One attempt as its runner sees it: waiting for a slot, running on a worker, ended.

Puts the batches of output in order into the sink; knows nothing of how they come.
"""

import asyncio
import os
from collections import deque
from typing import Any

from core.domain.records import LogStream
from core.executors.dask.message import End, OutputBatch
from core.executors.dask.sealed_job import KEY_BYTES, open_reply
from core.ports.executor import Job, Outcome, OutcomeKind, OutputSink, Placement


class RemoteAttempt:
    """A job, its sink, and how far it is. `ended` gets the outcome, None for a cancelled one."""

    def __init__(self, job: Job, sink: OutputSink) -> None:
        loop = asyncio.get_running_loop()
        self.job = job
        self.sink = sink
        self.ended: asyncio.Future[Outcome | None] = loop.create_future()
        self.slot: Any = None
        """The request for a slot, a future of Dask's."""
        self.placement: Placement | None = None
        self.worker: str | None = None
        """The address of the worker that got the job."""
        self.is_stopping = False
        self.error: Exception | None = None
        """What the sink raised."""
        self.result: bytes | None = None
        """What the process left in the job's `result_file`."""
        self.reply_key = os.urandom(KEY_BYTES)
        """With it the worker encrypts what only this runner may read."""
        self.received = 0
        self._queue: deque[OutputBatch] = deque()
        self._draining: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether no more output can be taken now."""
        return self._draining is not None

    def receive(self, batch: OutputBatch) -> None:
        """Take the next batch; one that came before is passed over."""
        if batch.number != self.received + 1:
            return  # sent again, since its receipt was not known yet
        self.received = batch.number
        if batch.minted and self.job.on_minted is not None:
            try:
                self.job.on_minted(open_reply(batch.minted, self.reply_key, batch.number))
            except ValueError as error:
                self.error = error  # its output is not written: nobody knows what to mask in it
        self._queue.append(batch)
        if self._draining is None:
            self._flow()

    def stop(self) -> None:
        """Take all that comes from now on, whatever the sink says: the end must not wait for it."""
        self.is_stopping = True
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
            self._flow()

    def end(self, outcome: Outcome | None) -> None:
        """Tell the outcome, once."""
        if not self.ended.done():
            self.ended.set_result(outcome)

    def lose(self, message: str) -> None:
        """Tell that nobody knows how it ended."""
        outcome = Outcome(kind=OutcomeKind.LOST, message=message, placement=self.placement)
        self.end(outcome)

    def _flow(self) -> None:
        """Write what is queued until the sink is full."""
        while self._queue:
            batch = self._queue[0]
            while batch.pieces:
                piece = batch.pieces.pop(0)
                stream = LogStream.STDERR if piece.is_stderr else LogStream.STDOUT
                if not self._write(stream, piece.data):
                    self._draining = asyncio.create_task(
                        self._drain(), name=f"drain {self.job.key}"
                    )
                    return
            self._queue.popleft()
            for census in batch.censuses:
                self.sink.census(census)
            if batch.end is not None:
                self.result = batch.end.result
                self.end(self._outcome(batch.end))

    def _write(self, stream: LogStream, data: bytes) -> bool:
        """Write, and tell whether to go on."""
        if self.error is not None:
            return True
        try:
            return self.sink.write(stream, data) or self.is_stopping
        except Exception as error:  # noqa: BLE001 - passed on to who waits in `run`
            self.error = error
            return True

    async def _drain(self) -> None:
        await self.sink.drain()
        self._draining = None
        self._flow()

    def _outcome(self, end: End) -> Outcome | None:
        where = self.placement
        if end.outcome is not None:
            found = end.outcome
            return Outcome(
                kind=found.kind,
                exit_code=found.exit_code,
                message=found.message,
                resources=found.resources,
                limits_met=found.limits_met,
                placement=where,
                redactions=end.redactions,
            )
        if end.has_lapsed:
            message = "its worker ended it: it was closed, or had not heard from the runner"
            return Outcome(kind=OutcomeKind.LOST, message=message, placement=where)
        if end.exit_code is None:
            message = "it was ended: nobody could tell how"
            return Outcome(kind=OutcomeKind.LOST, message=message, placement=where)
        return Outcome(
            kind=OutcomeKind.EXITED,
            exit_code=end.exit_code,
            placement=where,
            redactions=end.redactions,
        )
