"""Read access of commands to committed records; records lost runners before reading."""

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
    """Open the database read-only, after migrating it if necessary and recording lost runners.

    Raises `NotFoundError` when there is no database yet, `OlderFormatError` for an older one that
    cannot be written, `UnavailableError` when it cannot be read.
    """
    reader, was_migrated = open_current(invocation.paths)
    if was_migrated:
        invocation.console.say(
            f"{safe_line(str(invocation.paths.db))} was migrated to the current version;"
            " a backup of the old one is in the same folder"
        )
    try:
        notice_lost(invocation)
        yield reader
    finally:
        reader.close()


def notice_lost(invocation: Invocation) -> None:
    """Record lost runners, so that the states shown next are true.

    If the database cannot be written, that is reported, but the command can still read.
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
            f"the runner of {safe_line(full_label(execution))}{below} died; "
            f"`mission resume {safe_line(full_argument(execution))}` continues it"
        )
