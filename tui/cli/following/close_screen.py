"""Closes a screen when the execution for which it was opened has ended."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from core.errors import MissionDeckError
from storage.read.reader import open_reader
from tui.cli.following.outcome import is_over

POLL_SECONDS = 0.2
JOIN_SECONDS = 1.0


class Closable(Protocol):
    """The part of a Textual application that other threads use."""

    def exit(self) -> None:
        """Close."""

    def call_from_thread(self, callback: Callable[[], Any]) -> Any:
        """Call in the application's event loop; `RuntimeError` while it is not running."""


@contextmanager
def closed_at_end(app: Closable, database: Path, execution_id: str) -> Iterator[None]:
    """Poll for the end of an execution in a thread, and close `app` when it has ended."""
    closed = threading.Event()
    thread = threading.Thread(
        target=_wait_for_end,
        args=(app, database, execution_id, closed),
        name="screen-end",
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        closed.set()
        thread.join(JOIN_SECONDS)  # it may wait for the application's loop, which has ended


def _wait_for_end(
    app: Closable, database: Path, execution_id: str, closed: threading.Event
) -> None:
    reader = open_reader(database)
    try:
        while not closed.wait(POLL_SECONDS):
            try:
                if not is_over(reader.find_execution(execution_id)):
                    continue
                app.call_from_thread(app.exit)
            except (MissionDeckError, RuntimeError):  # the database is busy, or the app not running
                continue
            return
    finally:
        reader.close()
