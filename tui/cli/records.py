"""How commands get at committed records: one reader, opened late and always closed."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from core.domain.records import Execution
from core.domain.state_word import counted
from core.errors import MissionDeckError, NotFoundError, OlderFormatError
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.words.run_label import full_argument, full_label
from tui.words.safe_text import safe_line


@contextmanager
def open_records(invocation: Invocation) -> Iterator[Reader]:
    """Open the database read-only, and record the loss of runners that are gone.

    Raises `NotFoundError` when there is no database yet, `UnavailableError` when it cannot be read.
    """
    reader = open_current(invocation)
    try:
        notice_lost(invocation)
        yield reader
    finally:
        reader.close()


def open_current(invocation: Invocation) -> Reader:
    """Open the database read-only; migrate it first when it is of an older version.

    Raises `NotFoundError` when there is no database yet, `OlderFormatError` for an older one that
    cannot be written, `UnavailableError` when it cannot be read.
    """
    require_database(invocation)
    from storage.read.reader import open_reader

    try:
        return open_reader(invocation.paths.db)
    except OlderFormatError:
        _migrate(invocation)
        return open_reader(invocation.paths.db)


def _migrate(invocation: Invocation) -> None:
    import asyncio

    from tui.host.session import migrate_database

    try:
        asyncio.run(migrate_database(invocation.paths))
    except MissionDeckError as error:
        raise OlderFormatError(
            f"{invocation.paths.db} is of an older version of Mission Deck and cannot be brought"
            f" up to date: {error.message}",
            hint=error.hint,
        ) from error
    _say(
        invocation,
        f"{safe_line(str(invocation.paths.db))} was brought up to date;"
        " a copy of it as it was is beside it",
    )


def require_database(invocation: Invocation) -> None:
    """Raise `NotFoundError` when there is no database yet."""
    if not invocation.paths.has_database:
        raise NotFoundError(
            "there are no executions yet",
            hint=f"start one with `mission run FILE` (database: {invocation.paths.db})",
        )


def notice_lost(invocation: Invocation) -> None:
    """Record the loss of runners that are gone, so that what is shown next is true.

    What cannot be written can still be read: a refusal is no reason not to show anything.
    """
    try:
        gone = _record_lost(invocation)
    except MissionDeckError as error:
        _say(invocation, f"a lost runner could not be recorded: {error.message}")
        return
    for execution, parts in gone:
        below = f" and of its {counted(parts, 'sub-mission')}" if parts else ""
        _say(
            invocation,
            f"the runner of {safe_line(full_label(execution))}{below} is gone; "
            f"`mission resume {safe_line(full_argument(execution))}` goes on with it",
        )


def _record_lost(invocation: Invocation) -> Sequence[tuple[Execution, int]]:
    """Record what dead runners left and return what is to be resumed. Usually it only reads."""
    from core.operations.lost import find_lost, record_lost

    if not invocation.paths.has_database:
        return ()
    site = invocation.site
    with closing(site.open_reader()) as reader:
        gone = find_lost(reader, site.clock.now())
        if not gone:
            return ()
        import asyncio

        return asyncio.run(record_lost(site, reader, gone))


def _say(invocation: Invocation, text: str) -> None:
    if not invocation.quiet:
        invocation.console.say(text)
