"""`mission logs`."""

from collections.abc import Callable

import click
from msgspec.structs import replace

from core.errors import UsageError
from core.model import LogEntry, LogLevel, LogStream
from core.ports import LogQuery, Reader
from core.states import is_terminal
from tui.cli.command import command as declare
from tui.cli.follow import LostWatch, rounds
from tui.cli.invocation import Invocation
from tui.cli.live_line import LiveLine
from tui.cli.reading import open_records
from tui.cli.reference import execution_argument, step_argument
from tui.escape import last_overwritten
from tui.output import shape
from tui.output.instant import parse_since
from tui.output.line import log_line

_STREAMS = {
    "out": LogStream.STDOUT,
    "err": LogStream.STDERR,
    "sys": LogStream.SYSTEM,
}
_LEVELS = tuple(LogLevel)


@declare("logs")
@execution_argument
@step_argument(required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until the execution or step has ended.")
@click.option("-n", "--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines.")
@click.option(
    "--since", metavar="TIME", help="Only lines since then: 5m, 1h30m, or an RFC 3339 instant."
)
@click.option(
    "--level",
    type=click.Choice([level.value for level in LogLevel], case_sensitive=False),
    help="Only lines of at least this level.",
)
@click.option(
    "--stream",
    "streams",
    multiple=True,
    type=click.Choice(tuple(_STREAMS)),
    help="Only this stream (sys: the engine's own words); may be repeated.",
)
@click.option("--search", metavar="TEXT", help="Only lines with this text, of all that is stored.")
@click.option("-t", "--timestamps", is_flag=True, help="Put the time in front of each line.")
def command(
    invocation: Invocation,
    execution: str,
    step: str | None,
    follow: bool,
    tail: int | None,
    since: str | None,
    level: str | None,
    streams: tuple[str, ...],
    search: str | None,
    timestamps: bool,
) -> None:
    """Print what the steps of EXEC wrote; of one STEP, or of one attempt of it (STEP/2).

    With STEP and off a terminal the lines are passed on as they were written; on a terminal,
    control characters and escape sequences are made harmless, of a line that carriage returns start
    over the last version is shown, and with --follow a line in progress is shown as it grows.
    `--json` writes one object a line.
    """
    step, attempt = _split(step)
    query = LogQuery(
        execution_id="",
        task_id=step,
        attempt=attempt,
        streams=frozenset(_STREAMS[name] for name in streams),
        min_level=None if level is None else LogLevel(level.upper()),
        since=_instant(since, invocation.now),
        search=search,
        tail=tail,
    )
    with open_records(invocation) as reader:
        found = reader.find_execution(execution)
        if step is not None:
            reader.task_run(found.execution_id, step)
        query = replace(query, execution_id=found.execution_id)
        write = _writer(invocation, with_step=step is None, with_time=timestamps)
        if follow:
            _follow(invocation, reader, query, write)
            return
        for _, entry in reader.logs(query):
            write(entry)
        if not invocation.json:  # there a line in progress would pass for one that has ended
            for entry in reader.unfinished_lines(query):
                write(entry)


def _follow(
    invocation: Invocation, reader: Reader, query: LogQuery, write: Callable[[LogEntry], None]
) -> None:
    """Write what is there, then what comes.

    What comes is read unfiltered and filtered here, so that the cursor moves on over lines that are
    not wanted and nothing is read twice.
    """
    everything = LogQuery(
        execution_id=query.execution_id, task_id=query.task_id, attempt=query.attempt
    )
    live = LiveLine(invocation.console, is_on=not invocation.json)
    cursor = max((chunk for chunk, _ in reader.logs(replace(everything, tail=1))), default=0)
    for chunk, entry in reader.logs(query):
        if chunk <= cursor:
            write(entry)
    lost = LostWatch(invocation)
    for _ in rounds(reader):
        ended = _has_ended(reader, query)
        for chunk, entry in reader.logs(replace(everything, after_chunk=cursor)):
            live.clear()
            if _is_wanted(entry, query):
                write(entry)
            cursor = max(cursor, chunk)
        unfinished = () if ended else reader.unfinished_lines(query)
        live.show(unfinished[-1].message if unfinished else "")
        invocation.console.flush()
        if ended:
            return
        lost.look()


def _is_wanted(entry: LogEntry, query: LogQuery) -> bool:
    return (
        (not query.streams or entry.stream in query.streams)
        and (
            query.min_level is None or _LEVELS.index(entry.level) >= _LEVELS.index(query.min_level)
        )
        and (query.since is None or entry.timestamp >= query.since)
        and (not query.search or query.search.lower() in entry.message.lower())
    )


def _has_ended(reader: Reader, query: LogQuery) -> bool:
    """Tell whether nothing more can come: asked before the last lines are read."""
    if is_terminal(reader.find_execution(query.execution_id).state):
        return True
    if query.task_id is None:
        return False
    return is_terminal(reader.task_run(query.execution_id, query.task_id).state)


def _writer(
    invocation: Invocation, *, with_step: bool, with_time: bool
) -> Callable[[LogEntry], None]:
    console = invocation.console
    if invocation.json:
        return lambda entry: console.out_ndjson(shape.log_entry(entry))
    if not console.is_terminal and not with_step and not with_time:
        return lambda entry: console.out(entry.message)
    palette = console.palette

    def write(entry: LogEntry) -> None:
        if console.is_terminal:
            entry = replace(entry, message=last_overwritten(entry.message))
        console.out(
            log_line(entry, palette, with_step=with_step, with_time=with_time, attempts=with_step)
        )

    return write


def _split(step: str | None) -> tuple[str | None, int | None]:
    """Split `STEP/2` into step and attempt."""
    if step is None or "/" not in step:
        return step, None
    name, _, number = step.rpartition("/")
    if not name or not (number.isascii() and number.isdigit()) or int(number[:9]) < 1:
        raise UsageError(f"{step!r} is neither STEP nor STEP/ATTEMPT", hint="attempts count from 1")
    return name, int(number)


def _instant(since: str | None, now: int) -> int | None:
    if since is None:
        return None
    try:
        return parse_since(since, now)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
