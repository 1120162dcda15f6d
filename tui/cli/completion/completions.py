"""Completion candidates for arguments: files, steps, parameters, executions, missions.

The shell waits for the answer on every tab, so imports are kept to a minimum, and any error with a
file or database just means that there are no candidates.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from core.domain.mission import MissionStep, Param
from core.domain.records import Execution
from core.domain.state_word import state_word
from core.errors import MissionDeckError
from core.launch.run_number import run_reference
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.host.places import FOLDER_MISSIONS

OPEN = "open"
"""The type of an incomplete candidate, after which no space is inserted: a folder, `NAME=`."""
MAX_EXECUTIONS = 50
"""The most executions that are offered, newest first."""
MAX_FILE_BYTES = 1_000_000
"""A larger mission file is not read for its steps, because it would take too long."""
SUFFIXES = (".yaml", ".yml", ".json")
_LAST = (("@last", "the newest run"), ("@last-failed", "the newest run that failed"))


def complete_file(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer mission files first, then folders, then every other file.

    If nothing is typed yet, the missions of `./missions` are offered too.
    """
    found = list(_paths(incomplete))
    if not incomplete:
        found += [item for item in _paths("missions/") if item.value.endswith(SUFFIXES)]
    ranks = {True: 0, False: 1}
    found.sort(key=lambda item: (ranks[item.value.endswith(SUFFIXES)], item.type != OPEN))
    return found


def complete_subject(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer mission files and executions, for an argument that takes either."""
    files = [
        item
        for item in complete_file(ctx, param, incomplete)
        if item.type == OPEN or item.value.endswith(SUFFIXES)
    ]
    return [*files, *complete_execution(ctx, param, incomplete)]


def complete_execution(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer `@last`, the newest runs, missions by name and, once something is typed, short ids."""

    def offer(reader: Reader) -> Iterator[CompletionItem]:
        for symbol, told in _LAST:
            yield CompletionItem(symbol, help=told)
        words = (incomplete,) if incomplete and not incomplete.startswith("@") else ()
        found = reader.executions(
            ExecutionQuery(limit=MAX_EXECUTIONS, words=words, include_children=bool(words))
        )
        short = reader.short_ids([one.execution_id for one in found])
        for one in found:
            reference = run_reference(one.mission_name, one.run_number)
            yield CompletionItem(reference or short[one.execution_id], help=_told(one))
        for name in reader.mission_names() if incomplete else ():
            yield CompletionItem(name, help="its newest run")
        for one in found if incomplete else ():
            yield CompletionItem(short[one.execution_id], help=_told(one))

    return from_records(ctx, offer, incomplete)


def complete_mission(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the names of missions that have run."""

    def offer(reader: Reader) -> Iterator[CompletionItem]:
        return map(CompletionItem, reader.mission_names())

    return from_records(ctx, offer, incomplete)


def complete_step(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the steps and fan-out items of the execution named earlier on the command line."""
    reference = _first(ctx, "execution")

    def offer(reader: Reader) -> Iterator[CompletionItem]:
        if reference is not None:
            folder = str(_invocation(ctx).cwd)
            found = reader.find_execution(reference, folder=folder)
            for task in reader.task_states(found.execution_id)[1]:
                told = state_word(task.state, task.reason_code)
                yield CompletionItem(task.task_id, help=told)

    return from_records(ctx, offer, incomplete)


def complete_mission_step(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the steps of the mission file named earlier on the command line."""
    steps, _ = _outline(ctx)
    return [
        CompletionItem(step.id, help=None if step.name == step.id else step.name)
        for step in steps
        if step.id.startswith(incomplete)
    ]


def complete_param(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer `NAME=` for the parameters of the mission file, then values of choices and booleans."""
    _, params = _outline(ctx)
    name, equals, value = incomplete.partition("=")
    if not equals:
        return [
            CompletionItem(f"{one.name}=", type=OPEN, help=one.description or one.type.value)
            for one in params
            if one.name.startswith(name)
        ]
    for one in params:
        if one.name == name:
            if one.type.value == "path":
                return [
                    CompletionItem(f"{name}={item.value}", type=item.type) for item in _paths(value)
                ]
            choices = ("true", "false") if one.type.value == "boolean" else one.choices
            return [
                CompletionItem(f"{name}={choice}")
                for choice in choices
                if str(choice).startswith(value)
            ]
    return []


def from_records(
    ctx: click.Context, offer: Callable[[Reader], Iterable[CompletionItem]], incomplete: str
) -> list[CompletionItem]:
    """Return the matching candidates of `offer` without duplicates; none without a database."""
    from storage.read.reader import open_reader

    try:
        reader = open_reader(_invocation(ctx).paths.db)
    except MissionDeckError:
        return []
    found: dict[str, CompletionItem] = {}
    try:
        for item in offer(reader):
            value = str(item.value)
            if value.lower().startswith(incomplete.lower()) and value.isprintable():
                found.setdefault(value, item)
    except MissionDeckError:
        pass
    finally:
        reader.close()
    return list(found.values())


def _invocation(ctx: click.Context) -> Invocation:
    return ctx.find_object(Invocation) or Invocation.from_process()


def _first(ctx: click.Context, name: str) -> str | None:
    """Return the first argument of the command, whose parameter name is `name`.

    Before an unfinished option click leaves it in the unparsed arguments.
    """
    found = ctx.params.get(name) or next(iter(ctx.args), None)
    return found if isinstance(found, str) else None


def _outline(ctx: click.Context) -> tuple[tuple[MissionStep, ...], tuple[Param, ...]]:
    """Return steps and parameters of the mission named earlier, as far as it can be read."""
    invocation, named = _invocation(ctx), _first(ctx, "file")
    if named is None and not any((invocation.cwd / one).is_file() for one in FOLDER_MISSIONS):
        return (), ()  # rather than to look for all missions, to name them in an error
    from core.mission_file.load import read_outline
    from tui.cli.mission_argument import mission_file

    try:
        path = Path(mission_file(invocation, named))
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return (), ()
        return read_outline(path)
    except (OSError, ValueError, MissionDeckError):
        return (), ()


def _paths(incomplete: str) -> Iterator[CompletionItem]:
    """Yield the files and folders whose path starts with the typed text."""
    head, slash, start = incomplete.rpartition("/")
    try:
        folder = Path(head + slash).expanduser()
        entries = sorted(os.scandir(folder), key=lambda one: one.name)
    except (OSError, ValueError, RuntimeError):  # no such folder, or `~nobody`
        return
    for entry in entries:
        name = entry.name
        hidden = name.startswith(".") and not start.startswith(".")
        if hidden or not name.startswith(start) or not name.isprintable():
            continue
        is_folder = entry.is_dir()
        value = f"{head}{slash}{name}{'/' if is_folder else ''}"
        yield CompletionItem(value, type=OPEN if is_folder else "plain")


def _told(one: Execution) -> str:
    return f"{one.mission_name}: {state_word(one.state)}"
