"""Read access of commands to committed records; records lost runners before reading."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from core.domain.records import Execution
from core.domain.state_word import counted
from core.errors import MissionDeckError, NotFoundError, UnavailableError
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.host.current_database import open_current, record_lost_runners
from tui.words.numbers import moment
from tui.words.run_label import full_argument, full_label
from tui.words.safe_text import safe_line

if TYPE_CHECKING:
    from storage.file.final_error import FinalError

OpenRecords = Callable[[Invocation], AbstractContextManager[Reader | None]]
"""How a command opens the records: whether it needs some, does without, or waits for them."""
_DATABASE_PAUSE_SECONDS = 0.3
"""The time between two looks for a database that does not exist yet."""


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


@contextmanager
def records_if_any(invocation: Invocation) -> Iterator[Reader | None]:
    """Open the records as `open_records` does; without any yet, say so and yield None.

    For commands whose answer is empty then. With `--json` nothing is said.
    """
    with ExitStack() as stack:
        reader = None
        try:
            reader = stack.enter_context(open_records(invocation))
        except NotFoundError as error:
            if not invocation.json:
                invocation.console.say(f"{error.message}: {error.hint}")
        yield reader


@contextmanager
def awaited_records(
    invocation: Invocation, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Reader]:
    """Open the records as `open_records` does; without any yet, say so and wait for them."""
    with ExitStack() as stack:
        reader = None
        while reader is None:
            try:
                reader = stack.enter_context(open_records(invocation))
            except NotFoundError as error:
                if not invocation.json:
                    invocation.console.say_once(f"{error.message}: {error.hint}")
                sleep(_DATABASE_PAUSE_SECONDS)
        yield reader


def notice_lost(invocation: Invocation) -> frozenset[str]:
    """Record lost runners, so that the states shown next are true.

    If the database cannot be written, that is reported, but the command can still read: the ids of
    the executions whose loss is not recorded are returned. Final errors of runners that could not
    write are printed, and removed once the database can be written again. What lasts is said once.
    """
    say = invocation.console.say
    words = _print_final_errors(invocation)
    try:
        gone = record_lost_runners(invocation.site)
    except MissionDeckError as error:
        unrecorded = _lost(invocation)
        for lost in unrecorded:
            label = safe_line(full_label(lost))
            invocation.console.say_once(
                f"the runner of {label} died, which cannot be recorded: {error.message}"
            )
        return frozenset(lost.execution_id for lost in unrecorded)
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
    return frozenset()


def _lost(invocation: Invocation) -> Sequence[Execution]:
    from core.operations.lost import find_lost

    site = invocation.site
    with closing(site.open_reader()) as reader:
        return find_lost(reader, site.clock.now())


def _print_final_errors(invocation: Invocation) -> "Sequence[FinalError]":
    """Print and return the final errors of runners that could not write to the database."""
    from storage.file.final_error import read_final_errors

    words = read_final_errors(invocation.paths.db)
    for word in words:
        invocation.console.say_once(
            f"{moment(word.at)}: process {word.pid} stopped, because it could not write any more: "
            f"{safe_line(word.message)}"
        )
    return words
