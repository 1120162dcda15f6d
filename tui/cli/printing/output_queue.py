"""Output that can neither stop nor delay who writes it: a bounded queue, emptied by a thread.

A terminal that is gone, a pipe without a reader, a full disk: what cannot be written is dropped
from then on. A reader that does not read loses what does not fit the queue, and is told how much.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable

QUEUE_CHARACTERS = 4 * 1024 * 1024
"""What may wait for a slow reader; more is dropped."""
SOURCE_CHARACTERS = 256
"""What a text that is made only when it is written counts for in the queue."""
PATIENCE_SECONDS = 3.0
"""How long the end waits for a reader that takes nothing."""
PIECE = 4096
"""Bytes written at once: a pipe takes them whole (PIPE_BUF), and taking them is progress."""
TOGETHER = 32 * 1024
"""Characters that are encoded and handed over together."""
PAUSE_SECONDS = 0.01
"""Between two looks at the queue: what comes meanwhile is written at once."""

Source = Callable[[], Iterable[str]]
"""Text that is made by the writing thread, when its turn has come."""


class Outlet:
    """Writes to a descriptor that others may write to as well. `put` never blocks or fails.

    What `encoding` cannot carry with `errors` is written as an escape.
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
        """Whether nothing can be written any more."""
        return self._is_gone

    def put(self, item: str | Source, *, keep: bool = False) -> None:
        """Queue text; `keep` for the little at the end that is worth more than the limit."""
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
        """Also write what `source` gives whenever nothing else came for so many seconds."""
        with self._changed:
            self._idle = (seconds, source)
            self._changed.notify_all()

    def flush(self) -> None:
        """Do nothing: the thread hands over what it has without being asked."""

    def close(self, patience: float = PATIENCE_SECONDS) -> bool:
        """Wait until all is written; give up once nothing was taken for `patience` seconds.

        Return False for a reader that is still there and does not read.
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
        """Drop what is queued, and whatever comes."""
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
                self._is_gone = True  # also when a source has raised: nobody writes any more
                self._changed.notify_all()

    def _take(self) -> list[str | Source] | None:
        """Wait for something to write; None at the end."""
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
                if size >= TOGETHER:
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
                written = os.write(self._descriptor, data[:PIECE])
            except BlockingIOError:  # somebody made the descriptor non-blocking
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
            self._queue.append(f"… {self._dropped} lines dropped here: nobody read them in time\n")
            self._dropped = 0


def is_same_place(one: int, other: int) -> bool:
    """Tell whether two descriptors lead to the same terminal, pipe or file."""
    try:
        return os.path.samestat(os.fstat(one), os.fstat(other))
    except OSError:
        return False
