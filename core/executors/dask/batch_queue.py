"""The output of one attempt on its worker, in numbered batches until the runner has them.

Implements `core.ports.executor.OutputSink`. Knows nothing of who fetches the batches.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from core.domain.records import LogStream
from core.executors.dask.message import BATCH_BYTES, End, OutputBatch, Piece
from core.executors.dask.sealed_job import seal_reply
from core.ports.executor import Census, Placement

WINDOW_BYTES = 1024 * 1024
"""A process waits when so much of its output is not fetched."""


class BatchQueue:
    """Collects output; `on_more` is called when there is something to fetch."""

    def __init__(
        self, key: str, reply_key: bytes, now: Callable[[], float], on_more: Callable[[], None]
    ) -> None:
        self._reply_key = reply_key
        self._minted = b""
        self._key = key
        self._now = now
        self._on_more = on_more
        self._batches: deque[OutputBatch] = deque()
        self._pieces: list[Piece] = []
        self._censuses: list[Census] = []
        self._numbers = 0
        self._open_bytes = 0
        self._unfetched_bytes = 0
        self._room: asyncio.Future[None] | None = None
        self.waiting_since: float | None = None
        """When the oldest output came that is not in a batch yet."""
        self.has_ended = False

    @property
    def is_urgent(self) -> bool:
        """Whether there is a full batch, or the end."""
        return bool(self._batches)

    @property
    def is_over(self) -> bool:
        """Whether the runner has everything, the end included."""
        return self.has_ended and not self._batches

    def write(self, stream: LogStream, data: bytes) -> bool:
        """Take output; False when nobody fetches it and no more should come."""
        self._pieces.append(Piece(stream is LogStream.STDERR, data))
        self._open_bytes += len(data)
        self._unfetched_bytes += len(data)
        if self._open_bytes >= BATCH_BYTES:
            self._close_batch(None)
            self._on_more()
        elif self.waiting_since is None:
            self.waiting_since = self._now()
            self._on_more()
        return self._unfetched_bytes < WINDOW_BYTES

    async def drain(self) -> None:
        """Return when more may be written."""
        while self._unfetched_bytes >= WINDOW_BYTES:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def placed(self, where: Placement) -> None:
        """Say nothing: the runner knows where it has sent the job."""

    def census(self, census: Census) -> None:
        """Take a census, which keeps its place in the output."""
        self._censuses.append(census)

    def mint(self, data: bytes) -> None:
        """Take what the process wrote to its mask pipe: output that follows comes after it."""
        if self._pieces:
            self._close_batch(None)
            self._on_more()
        self._minted += data

    def finish(self, end: End) -> None:
        """Take the end, behind everything else."""
        self._close_batch(end)
        self.has_ended = True
        self._on_more()

    def received(self, received: int) -> None:
        """Forget the batches up to this number: the runner has them."""
        while self._batches and self._batches[0].number <= received:
            batch = self._batches.popleft()
            self._unfetched_bytes -= sum(len(piece.data) for piece in batch.pieces)
        if self._room is not None and self._unfetched_bytes < WINDOW_BYTES:
            if not self._room.done():
                self._room.set_result(None)
            self._room = None

    def fetch(self) -> list[OutputBatch]:
        """Return what the runner does not have."""
        if self._pieces or self._minted or (self._censuses and not self.has_ended):
            self._close_batch(None)
        return list(self._batches)

    def _sealed_minted(self) -> bytes:
        """Return what the mask pipe told since the last batch, for the runner alone."""
        data, self._minted = self._minted, b""
        return seal_reply(data, self._reply_key, self._numbers) if data else b""

    def _close_batch(self, end: End | None) -> None:
        self._numbers += 1
        self._batches.append(
            OutputBatch(
                key=self._key,
                number=self._numbers,
                pieces=self._pieces,
                censuses=self._censuses,
                minted=self._sealed_minted(),
                end=end,
            )
        )
        self._pieces, self._censuses = [], []
        self._open_bytes = 0
        self.waiting_since = None
