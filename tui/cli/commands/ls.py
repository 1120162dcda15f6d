"""`mission ls`."""

from collections.abc import Mapping

import click
from msgspec.structs import replace

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.errors import NotFoundError
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from core.value.suggestion import did_you_mean
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_execution, complete_mission
from tui.cli.following.given_labels import wanted_labels
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution, label_of, parent_labels
from tui.cli.shared_options import instant_option
from tui.output import json_shapes
from tui.output.execution_table import execution_table


@declare("ls")
@click.argument("mission", required=False, shell_complete=complete_mission)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=50,
    show_default=True,
    help="List at most N executions.",
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in ExecutionState], case_sensitive=False),
    help="Only executions in this state; may be repeated.",
)
@click.option(
    "-l",
    "--label",
    "labels",
    metavar="NAME[=VALUE]",
    multiple=True,
    help="Only executions with this label; may be repeated.",
)
@click.option(
    "--since",
    metavar="TIME",
    help="Only executions created since this time: 5m or 1h30m ago, or an RFC 3339 timestamp.",
)
@click.option(
    "--until",
    metavar="TIME",
    help="Only executions created before this time.",
)
@click.option("--ids", is_flag=True, help="Write the full ids alone, one a line.")
@click.option("--all", "everything", is_flag=True, help="Include sub-missions.")
@click.option(
    "--parent",
    metavar="EXEC",
    shell_complete=complete_execution,
    help="Only the sub-missions of EXEC.",
)
def command(
    invocation: Invocation,
    mission: str | None,
    limit: int,
    states: tuple[str, ...],
    labels: tuple[str, ...],
    since: str | None,
    until: str | None,
    ids: bool,
    everything: bool,
    parent: str | None,
) -> None:
    """List executions, newest first; with MISSION, only those of the mission of that name.

    Sub-missions are listed only with --all or --parent.
    """
    query = ExecutionQuery(
        mission_name=mission,
        limit=limit,
        states=frozenset(map(ExecutionState, states)),
        labels=wanted_labels(labels),
        created_from=_instant(invocation, "--since", since),
        created_until=_instant(invocation, "--until", until),
        include_children=everything,
    )
    _list(invocation, query, parent, only_ids=ids)


def _instant(invocation: Invocation, option: str, given: str | None) -> int | None:
    return None if given is None else instant_option(option, given, invocation.now)


def _list(
    invocation: Invocation, query: ExecutionQuery, parent: str | None, *, only_ids: bool
) -> None:
    """Print the list, with a note if it is incomplete.

    Raises `NotFoundError` for a mission or parent that never ran.
    """
    console = invocation.console
    try:
        with open_records(invocation) as reader:
            if parent is not None:
                found = find_execution(invocation, reader, parent)
                query = replace(query, parent=found.execution_id)
            if query.mission_name is not None:
                _require_mission(reader, query.mission_name)
            shown = reader.executions(query)
            total = sum(reader.count_executions(query).values())
            ids = [one.execution_id for one in shown]
            children = reader.child_counts(ids)
            if invocation.json:
                console.out_json([_json(one, children) for one in shown])
                return
            if only_ids:
                console.out_lines(ids)
                return
            lines = execution_table(
                shown,
                reader.short_ids(ids),
                console.palette,
                parents=parent_labels(reader, shown),
                children={key: sum(counts.values()) for key, counts in children.items()},
                now=invocation.now,
                width=console.width,
            )
            if not shown:
                _say_nothing(invocation, reader, query)
    except NotFoundError as error:
        if invocation.paths.has_database or query.mission_name is not None or parent is not None:
            raise
        if invocation.json:
            console.out_json([])
        else:
            console.say(f"{error.message}: {error.hint}")
        return
    if shown:
        console.out_lines(lines)
    if len(shown) < total:
        console.flush()
        console.say(f"{len(shown)} of {total}; `-n {total}` lists all")


def _require_mission(reader: Reader, name: str) -> None:
    """Raise `NotFoundError` for a mission that has never run, not even as a sub-mission."""
    names = reader.mission_names()
    if name not in names:
        hint = did_you_mean(name, names) or "`mission ls` lists all runs"
        raise NotFoundError(f"no mission named {name!r} has run", hint=hint)


def _say_nothing(invocation: Invocation, reader: Reader, query: ExecutionQuery) -> None:
    """Explain why the list is empty."""
    everything = ExecutionQuery(mission_name=query.mission_name, include_children=True)
    if query.parent is not None:
        label = label_of(reader, reader.find_execution(query.parent))
        told = f"no sub-mission of {label} matches"
    elif query.created_from is not None or query.created_until is not None:
        told = "no run was created in this time"
    elif query.labels:
        told = "no run with these labels matches"
    elif query.states:
        told = "no run is in this state"
    elif reader.count_executions(everything):
        told = "all runs are sub-missions of others: --all lists them"
    else:
        told = "there are no runs yet: start one with `mission run FILE`"
    invocation.console.say(told)


def _json(
    one: Execution, children: Mapping[str, Mapping[ExecutionState, int]]
) -> dict[str, object]:
    counts = children.get(one.execution_id, {})
    return {
        **json_shapes.execution(one),
        "child_counts": {state.value: count for state, count in counts.items()},
    }
