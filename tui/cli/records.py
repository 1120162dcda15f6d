"""Read access of commands to committed records; records lost runners before reading."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from core.domain.state_word import counted
from core.errors import MissionDeckError, UnavailableError
from core.operations.lost import find_lost
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.host.current_database import open_current, record_lost_runners
from tui.words.numbers import moment
from tui.words.run_label import full_argument, full_label
from tui.words.safe_text import safe_line

if TYPE_CHECKING:
    from storage.file.final_error import FinalError


@contextmanager
def open_records(invocation: Invocation) -> Iterator[Reader]:
    """Open the database read-only, after migrating it if necessary and recording lost runners.

    Raises `NotFoundError` when there is no database yet, `OlderFormatError` for an older one that
    cannot be written, `UnavailableError` when it cannot be read.
    """
    try:
        reader, was_migrated = open_current(invocation.paths)
    except UnavailableError:  # a runner that met this before may have said more
        _print_final_errors(invocation)
        raise
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

    If the database cannot be written, that is reported, but the command can still read. Final
    errors of runners that could not write are printed, and removed once the database can be
    written again.
    """
    say = invocation.console.say
    words = _print_final_errors(invocation)
    try:
        gone = record_lost_runners(invocation.site)
    except MissionDeckError as error:
        for label in _labels_of_lost(invocation):
            say(f"the runner of {label} died, which cannot be recorded: {error.message}")
        return
    if words:
        from storage.file.final_error import clear_final_errors

        clear_final_errors(invocation.paths.db, words)
    for one in gone:
        parts = one.sub_missions
        below = f" and of its {counted(parts, 'sub-mission')}" if parts else ""
        said = [f"the runner of {safe_line(full_label(one.execution))}{below} died"]
        if one.ended:
            said.append(f"ended {counted(one.ended, 'process', 'processes')} that it left running")
        if one.survivors:
            said.append(f"{counted(one.survivors, 'process', 'processes')} could not be ended")
        said.append(f"`mission resume {safe_line(full_argument(one.execution))}` continues it")
        say("; ".join(said))


def _labels_of_lost(invocation: Invocation) -> Sequence[str]:
    site = invocation.site
    with closing(site.open_reader()) as reader:
        return [safe_line(full_label(one)) for one in find_lost(reader, site.clock.now())]


def _print_final_errors(invocation: Invocation) -> "Sequence[FinalError]":
    """Print and return the final errors of runners that could not write to the database."""
    from storage.file.final_error import read_final_errors

    words = read_final_errors(invocation.paths.db)
    for word in words:
        invocation.console.say(
            f"{moment(word.at)}: process {word.pid} stopped, because it could not write any more: "
            f"{safe_line(word.message)}"
        )
    return words
