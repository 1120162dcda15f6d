"""Close a screen when the execution it was opened for has ended."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from core.errors import MissionDeckError
from storage.read.reader import open_reader
from tui.cli.following.outcome import is_over

LOOK_SECONDS = 0.2
JOIN_SECONDS = 1.0


class Closable(Protocol):
    """What a Textual application offers other threads."""

    def exit(self) -> None:
        """Close."""

    def call_from_thread(self, callback: Callable[[], Any]) -> Any:
        """Call in the application's loop; RuntimeError while it has none."""


@contextmanager
def closed_at_end(app: Closable, database: Path, execution_id: str) -> Iterator[None]:
    """Look, in a thread, for the end of an execution and close `app` then."""
    closed = threading.Event()
    thread = threading.Thread(
        target=_look, args=(app, database, execution_id, closed), name="screen-end", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        closed.set()
        thread.join(JOIN_SECONDS)  # it may wait for the loop of the application, which is gone


def _look(app: Closable, database: Path, execution_id: str, closed: threading.Event) -> None:
    reader = open_reader(database)
    try:
        while not closed.wait(LOOK_SECONDS):
            try:
                if not is_over(reader.find_execution(execution_id)):
                    continue
                app.call_from_thread(app.exit)
            except (MissionDeckError, RuntimeError):  # a busy database, or not yet an application
                continue
            return
    finally:
        reader.close()
