"""`mission logs`."""

from collections import deque
from collections.abc import Callable

import click
from msgspec.structs import replace

from core.domain.records import LogEntry, LogLevel, LogStream
from core.domain.states import is_terminal
from core.errors import UsageError
from core.output.log_format import DROPPED_NOTICE
from core.ports.reader import LogQuery, Reader
from tui.cli.command import command as declare
from tui.cli.following.commit_poll import LostRunnerCheck, poll_commits
from tui.cli.following.log_source import Line, log_sources, merged
from tui.cli.invocation import Invocation
from tui.cli.printing.live_line import LiveLine
from tui.cli.printing.step_titles import StepTitles
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution, find_step, step_argument
from tui.cli.shared_options import instant_option
from tui.output import json_shapes
from tui.output.event_line import log_line
from tui.words.numbers import size
from tui.words.safe_text import last_overwritten, safe_line

_STREAMS = {
    "out": LogStream.STDOUT,
    "err": LogStream.STDERR,
    "sys": LogStream.SYSTEM,
}
_LEVELS = tuple(LogLevel)


@declare("logs")
@execution_argument
@step_argument(required=False)
@click.option(
    "-f", "--follow", is_flag=True, help="Keep printing until the execution or step has ended."
)
@click.option("-n", "--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines.")
@click.option(
    "--since",
    metavar="TIME",
    help="Only lines since this time: 5m or 1h30m ago, or an RFC 3339 timestamp.",
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
    help="Only this stream (sys: messages of the engine); may be repeated.",
)
@click.option("--search", metavar="TEXT", help="Only lines that contain this text (any case).")
@click.option("--children", is_flag=True, help="Include the logs of sub-missions, ordered by time.")
@click.option("-t", "--timestamps", is_flag=True, help="Print the time in front of each line.")
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
    children: bool,
    timestamps: bool,
) -> None:
    """Print the log of EXEC, of one STEP, or of one attempt of a step (STEP/2).

    A step of a group or sub-mission is STEP/STEP.

    With --children the lines of sub-missions are included, each with the steps above it:
    `deploy › migrate`.

    With STEP, and when stdout is not a terminal, lines are written unchanged. On a terminal,
    control characters and escape sequences are made harmless, only the last version of a line
    overwritten by carriage returns is shown, and --follow shows a line in progress as it grows.
    `--json` writes one object per line.
    """
    step, attempt = _split(step)
    query = LogQuery(
        execution_id="",
        task_id=step,
        attempt=attempt,
        streams=frozenset(_STREAMS[name] for name in streams),
        min_level=None if level is None else LogLevel(level.upper()),
        since=None if since is None else instant_option("--since", since, invocation.now),
        search=search,
        tail=tail,
    )
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        if step is not None:
            found, step = find_step(reader, found, step)
        query = replace(query, execution_id=found.execution_id, task_id=step)
        named = step is None or children
        write = _writer(invocation, StepTitles(reader), with_step=named, with_time=timestamps)
        if follow:
            _follow(invocation, reader, query, write, children=children)
            _tell_dropped(invocation, reader, query)
            return
        sources = log_sources(reader, query, children=children)
        lines = merged(reader, sources)
        is_empty = True
        for line in lines if tail is None else deque(lines, tail):
            write(line)
            is_empty = False
        if not invocation.json:  # in JSON, a line in progress would look like a complete one
            for source in sources:
                for line in source.unfinished(reader):
                    write(line)
        invocation.console.flush()
        if is_empty and found.log_entry_count:
            _tell_pruned(invocation, found.execution_id)
        for source in sources:
            _tell_dropped(invocation, reader, source.query)


def _tell_pruned(invocation: Invocation, execution_id: str) -> None:
    from storage.read.prune_mark import output_prune

    pruned = output_prune(invocation.paths.db, execution_id)
    if pruned is not None:
        invocation.console.say(safe_line(f"the output was pruned at {pruned}"))


def _tell_dropped(invocation: Invocation, reader: Reader, query: LogQuery) -> None:
    """Report attempts whose output was dropped: the notice in the log is easily overlooked."""
    for attempt in reader.attempts(query.execution_id, query.task_id):
        if attempt.log_dropped_bytes and query.attempt in (None, attempt.attempt):
            invocation.console.say(
                f"output of {safe_line(attempt.task_id)}/{attempt.attempt}: "
                f"{size(attempt.log_dropped_bytes)} dropped by the output limit, where a line"
                f" says `{DROPPED_NOTICE}`"
            )


def _follow(
    invocation: Invocation,
    reader: Reader,
    query: LogQuery,
    write: Callable[[Line], None],
    *,
    children: bool,
) -> None:
    """Write the existing lines, then new ones, including those of new sub-missions.

    New lines are read unfiltered and filtered here, so that the cursor advances past unwanted lines
    and nothing is read twice.
    """
    live = LiveLine(invocation.console, is_on=not invocation.json)
    cursors: dict[str, int] = {}
    lost = LostRunnerCheck(invocation, query.execution_id)
    there = log_sources(reader, query, children=children)
    for source in there:
        one = _everything(source.query)
        chunks = (chunk for chunk, _ in reader.logs(replace(one, tail=1)))
        cursors[one.execution_id] = max(chunks, default=0)
    known = (
        line for line in merged(reader, there) if line.chunk <= cursors[line.entry.execution_id]
    )
    for line in known if query.tail is None else deque(known, query.tail):
        write(line)
    for _ in poll_commits(reader):
        ended = _has_ended(reader, query)
        sources = log_sources(reader, query, children=children)
        news: list[Line] = []
        for source in sources:
            one = _everything(source.query)
            after = cursors.get(one.execution_id, 0)
            for line in source.lines(reader, replace(one, after_chunk=after)):
                cursors[one.execution_id] = max(cursors.get(one.execution_id, 0), line.chunk)
                news.append(line)
        if news:
            live.clear()
        for line in sorted(news, key=lambda line: line.entry.timestamp) if children else news:
            if _is_wanted(line.entry, query):
                write(line)
        unfinished = [] if ended else [line for one in sources for line in one.unfinished(reader)]
        live.show(unfinished[-1].entry.message if unfinished else "")
        invocation.console.flush()
        if ended:
            return
        lost.check()


def _everything(query: LogQuery) -> LogQuery:
    return LogQuery(execution_id=query.execution_id, task_id=query.task_id, attempt=query.attempt)


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
    """Tell whether no more lines can follow; call it before reading the last ones."""
    if is_terminal(reader.find_execution(query.execution_id).state):
        return True
    if query.task_id is None:
        return False
    return is_terminal(reader.task_run(query.execution_id, query.task_id).state)


def _writer(
    invocation: Invocation, titles: StepTitles, *, with_step: bool, with_time: bool
) -> Callable[[Line], None]:
    console = invocation.console
    palette = console.palette
    sign = palette.sign("›", ">")

    def write_json(line: Line) -> None:
        entry = line.entry
        item = titles.item(entry.execution_id, entry.task_id)
        console.out_ndjson(json_shapes.log_entry(entry, item, line.above))

    def write(line: Line) -> None:
        entry = line.entry
        if console.is_terminal:
            entry = replace(entry, message=last_overwritten(entry.message))
        title = None
        if with_step:
            own = titles.title(entry.execution_id, entry.task_id)
            title = f" {sign} ".join((*line.above, own))
        console.out(
            log_line(
                entry,
                palette,
                with_step=with_step,
                with_time=with_time,
                attempts=with_step,
                title=title,
            )
        )

    if invocation.json:
        return write_json
    if not console.is_terminal and not with_step and not with_time:
        return lambda line: console.out_raw(f"{line.entry.message}\n")
    return write


def _split(step: str | None) -> tuple[str | None, int | None]:
    """Split `STEP/2` into step and attempt; `STEP/STEP` is a step, ids begin with a letter."""
    if step is None or "/" not in step:
        return step, None
    name, _, number = step.rpartition("/")
    if name and number[:1].isalpha():
        return step, None
    if not name or not (number.isascii() and number.isdigit()) or int(number[:9]) < 1:
        raise UsageError(f"{step!r} is neither STEP nor STEP/ATTEMPT", hint="attempts count from 1")
    return name, int(number)
