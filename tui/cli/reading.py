"""How commands get at committed records: one reader, opened late and always closed."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import NotFoundError
from core.ports import Reader
from tui.cli.invocation import Invocation


@contextmanager
def open_records(invocation: Invocation) -> Iterator[Reader]:
    """Open the database read-only, after executions whose runner is gone were noticed.

    Raises `NotFoundError` when there is no database yet, `UnavailableError` when it cannot be read.
    """
    if not invocation.paths.db.exists():
        raise NotFoundError(
            "there are no executions yet",
            hint=f"start one with `mission run FILE` (database: {invocation.paths.db})",
        )
    from storage.reader import open_reader

    reader = open_reader(invocation.paths.db)
    try:
        yield reader
    finally:
        reader.close()
