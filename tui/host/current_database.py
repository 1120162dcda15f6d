"""Opens the user's database after migrating it, and records lost runners."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from core.errors import MissionDeckError, NotFoundError, OlderFormatError
from core.ports.reader import Reader
from tui.host.places import Paths
from tui.host.site import LocalSite

if TYPE_CHECKING:
    from core.operations.lost import LostExecution


def require_database(paths: Paths) -> None:
    """Raise `NotFoundError` when there is no database yet."""
    if not paths.has_database:
        raise _no_executions(paths)


def open_current(paths: Paths) -> tuple[Reader, bool]:
    """Open the database read-only, and tell whether it had to be migrated first.

    Raises `NotFoundError` when there is no database yet or one without tables, `OlderFormatError`
    for an older one that cannot be written, `UnavailableError` when it cannot be read.
    """
    require_database(paths)
    from storage.file.connection import EmptyDatabaseError
    from storage.read.reader import open_reader

    try:
        return open_reader(paths.db), False
    except EmptyDatabaseError as error:
        raise _no_executions(paths) from error
    except OlderFormatError:
        _migrate(paths)
        return open_reader(paths.db), True


def _no_executions(paths: Paths) -> NotFoundError:
    return NotFoundError(
        "there are no executions yet",
        hint=f"start one with `mission run FILE` (database: {paths.db})",
    )


def _migrate(paths: Paths) -> None:
    import asyncio

    from tui.host.session import migrate_database

    try:
        asyncio.run(migrate_database(paths))
    except MissionDeckError as error:
        raise OlderFormatError(
            f"{paths.db} was written by an older version of Mission Deck and cannot be migrated:"
            f" {error.message}",
            hint=error.hint,
        ) from error


def record_lost_runners(site: LocalSite) -> "Sequence[LostExecution]":
    """Record lost runners and end what they left running; return the executions to resume.

    Usually this only reads. The final error of a runner is recorded with its loss. Raises
    `MissionDeckError` when the loss cannot be written.
    """
    from core.operations.lost import find_lost, record_lost
    from storage.file.final_error import clear_final_errors, read_final_errors

    if not site.paths.has_database:
        return ()
    with closing(site.open_reader()) as reader:
        gone = find_lost(reader, site.clock.now())
        if not gone:
            return ()
        import asyncio  # a third of the start-up of a command that only reads

        words = read_final_errors(site.paths.db)
        by_execution = {one: word.message for word in words for one in word.executions}
        recorded = asyncio.run(record_lost(site, reader, gone, by_execution))
        ids = {one.execution_id for one in gone}
        clear_final_errors(site.paths.db, [word for word in words if ids & {*word.executions}])
        return recorded
