"""How commands get at committed records: one reader, opened late and always closed."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.domain.state_word import counted
from core.errors import MissionDeckError
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.host.current_database import open_current, record_lost_runners
from tui.words.run_label import full_argument, full_label
from tui.words.safe_text import safe_line


@contextmanager
def open_records(invocation: Invocation) -> Iterator[Reader]:
    """Open the database read-only, migrated if need be, and record the loss of runners.

    Raises `NotFoundError` when there is no database yet, `OlderFormatError` for an older one that
    cannot be written, `UnavailableError` when it cannot be read.
    """
    reader, was_migrated = open_current(invocation.paths)
    if was_migrated:
        invocation.console.say(
            f"{safe_line(str(invocation.paths.db))} was brought up to date;"
            " a copy of it as it was is beside it"
        )
    try:
        notice_lost(invocation)
        yield reader
    finally:
        reader.close()


def notice_lost(invocation: Invocation) -> None:
    """Record the loss of runners that are gone, so that what is shown next is true.

    What cannot be written can still be read: a refusal is no reason not to show anything.
    """
    say = invocation.console.say
    try:
        gone = record_lost_runners(invocation.site)
    except MissionDeckError as error:
        say(f"a lost runner could not be recorded: {error.message}")
        return
    for execution, parts in gone:
        below = f" and of its {counted(parts, 'sub-mission')}" if parts else ""
        say(
            f"the runner of {safe_line(full_label(execution))}{below} is gone; "
            f"`mission resume {safe_line(full_argument(execution))}` goes on with it"
        )
