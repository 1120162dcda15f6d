"""Non-blocking output: a bounded queue that a thread writes to a descriptor.

After a write error (closed terminal, broken pipe, full disk) all further output is dropped. Output
that does not fit into the queue because the reader is slow is dropped too, and the number of
dropped lines is reported in its place.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable

from core.domain.state_word import counted

QUEUE_CHARACTERS = 4 * 1024 * 1024
"""The most characters queued for a slow reader; more are dropped."""
SOURCE_CHARACTERS = 256
"""The size that is assumed in the queue for a text that is generated when it is written."""
PATIENCE_SECONDS = 3.0
"""How long `close` waits for a reader that does not read."""
WRITE_BYTES = 4096
"""Size of one write: atomic on a pipe (PIPE_BUF), and small enough to detect progress."""
BATCH_CHARACTERS = 32 * 1024
"""Characters that are encoded and written together."""
PAUSE_SECONDS = 0.01
"""Pause between two batches, so that texts queued in the meantime are written together."""

Source = Callable[[], Iterable[str]]
"""Generates text on the writing thread, when it is written."""


class OutputQueue:
    """Writes to a descriptor that may be shared with other processes. `put` never blocks or fails.

    Characters that `encoding` with `errors` cannot represent are written as escapes.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        encoding: str = "utf-8",
        errors: str = "strict",
        limit: int = QUEUE_CHARACTERS,
    ) -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._errors = errors
        self._limit = limit
        self._queue: deque[str | Source] = deque()
        self._held = 0
        self._dropped = 0
        self._moved = 0
        self._is_gone = False
        self._is_closing = False
        self._idle: tuple[float, Source] | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def is_gone(self) -> bool:
        """Whether all further output is dropped."""
        return self._is_gone

    def put(self, item: str | Source, *, keep: bool = False) -> None:
        """Queue text; `keep` exempts short final output, such as the result, from the limit."""
        if self._is_gone or not item:
            return
        size = len(item) if isinstance(item, str) else SOURCE_CHARACTERS
        with self._changed:
            if self._held + size > self._limit and not keep:
                self._dropped += item.count("\n") if isinstance(item, str) else 1
                return
            self._note_dropped()
            self._queue.append(item)
            self._held += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="output", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def when_idle(self, seconds: float, source: Source) -> None:
        """Also write the text of `source` whenever nothing was queued for `seconds`."""
        with self._changed:
            self._idle = (seconds, source)
            self._changed.notify_all()

    def flush(self) -> None:
        """Do nothing: the thread writes without being asked."""

    def close(self, patience: float = PATIENCE_SECONDS) -> bool:
        """Wait until everything is written; give up after `patience` seconds without progress.

        Returns False if the reader has not closed its end but does not read.
        """
        with self._changed:
            self._note_dropped()
            self._is_closing = True
            self._changed.notify_all()
            while self._thread is not None and self._thread.is_alive() and not self._is_gone:
                before = self._moved
                if not self._changed.wait(patience) and before == self._moved:
                    self.abandon()
                    return False
        self.abandon()
        return True

    def abandon(self) -> None:
        """Drop queued and future output."""
        self._is_gone = True
        self._queue.clear()

    # --- the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        pause = threading.Event()
        try:
            while True:
                with self._changed:
                    items = self._take()
                if items is None:
                    return
                self._deliver(items)
                if not self._is_closing:
                    pause.wait(PAUSE_SECONDS)
        finally:
            with self._changed:
                self._is_gone = True  # also when a source has raised: the thread has ended
                self._changed.notify_all()

    def _take(self) -> list[str | Source] | None:
        """Wait for items to write; return None when closing."""
        while not self._queue and not self._is_closing:
            idle = self._idle
            if not self._changed.wait(idle and idle[0]) and idle is not None:
                return [idle[1]]
        items = list(self._queue)
        self._held = 0
        self._queue.clear()
        return items or None

    def _deliver(self, items: list[str | Source]) -> None:
        texts: list[str] = []
        size = 0
        for item in items:
            for text in (item,) if isinstance(item, str) else item():
                texts.append(text)
                size += len(text)
                if size >= BATCH_CHARACTERS:
                    self._hand_over("".join(texts))
                    texts.clear()
                    size = 0
                if self._is_gone:
                    return
        self._hand_over("".join(texts))

    def _hand_over(self, text: str) -> None:
        try:
            data = memoryview(text.encode(self._encoding, self._errors))
        except UnicodeEncodeError:
            data = memoryview(text.encode(self._encoding, "backslashreplace"))
        while data and not self._is_gone:
            try:
                written = os.write(self._descriptor, data[:WRITE_BYTES])
            except BlockingIOError:  # another process made the descriptor non-blocking
                import select

                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                poll.poll()
                continue
            except OSError:
                self._is_gone = True
                break
            data = data[written:]
            with self._changed:
                self._moved += written
                self._changed.notify_all()

    def _note_dropped(self) -> None:
        if self._dropped:
            self._queue.append(
                f"… {counted(self._dropped, 'line')} dropped here: the reader was too slow\n"
            )
            self._dropped = 0


def is_same_file(one: int, other: int) -> bool:
    """Tell whether two descriptors refer to the same terminal, pipe or file."""
    try:
        return os.path.samestat(os.fstat(one), os.fstat(other))
    except OSError:
        return False
