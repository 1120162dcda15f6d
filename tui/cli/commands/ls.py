"""`mission ls`."""

from collections.abc import Callable, Mapping, Sequence

import click
from msgspec.structs import replace

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.errors import UsageError
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_execution, complete_mission
from tui.cli.completion.selector_completions import complete_fields, complete_sort
from tui.cli.invocation import Invocation
from tui.cli.records import OpenRecords, awaited_records, open_records, records_if_any
from tui.cli.reference import find_execution, label_of, parent_labels
from tui.cli.selecting.list_fields import chosen_fields, chosen_order, field_table, listed_json
from tui.cli.selecting.list_watch import redraw, rows_within, write_changes
from tui.cli.selecting.mission_name import require_mission
from tui.cli.selecting.select_options import Selectors, select_options
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
@select_options
@click.option("--ids", is_flag=True, help="Write the full ids alone, one a line.")
@click.option(
    "--fields",
    metavar="NAME,...",
    shell_complete=complete_fields,
    help="Write these fields, also with --json: id, mission, run, state, reason, created, started,"
    " ended, took, who, parent, labels, title, or any key that --json has.",
)
@click.option(
    "--sort",
    metavar="FIELD[:desc]",
    shell_complete=complete_sort,
    default="created:desc",
    show_default=True,
    help="Sort by created, mission, state (what needs attention first) or took.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Go on: draw the list again in place when it changes; in a pipe write a line for every"
    " change of a state. Ctrl-C ends it.",
)
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
    selectors: Selectors,
    ids: bool,
    fields: str | None,
    sort: str,
    watch: bool,
    everything: bool,
    parent: str | None,
) -> None:
    """List executions, newest first; with MISSION, only those of the mission of that name.

    Sub-missions are listed only with --all or --parent.
    """
    if ids and (fields is not None or watch):
        raise UsageError(f"--ids and --{'watch' if watch else 'fields'} cannot be combined")
    order, reverse = chosen_order(sort)
    named = () if fields is None else chosen_fields(fields)

    def query() -> ExecutionQuery:
        return replace(
            selectors.query(invocation.now, mission=mission),
            include_children=everything,
            limit=limit,
            order=order,
            reverse=reverse,
        )

    asked = query()
    opened: OpenRecords = open_records
    if asked.mission_name is None and parent is None:
        opened = awaited_records if watch else records_if_any
    with opened(invocation) as reader:
        if reader is None:
            if invocation.json:
                invocation.console.out_json([])
            return
        found = None if parent is None else find_execution(invocation, reader, parent)
        if asked.mission_name is not None:
            require_mission(reader, asked.mission_name)
        _List(
            invocation,
            reader,
            lambda: replace(query(), parent=None if found is None else found.execution_id),
            named,
        ).write(only_ids=ids, watch=watch)


class _List:
    """The list of executions that a query finds each time it is asked."""

    def __init__(
        self,
        invocation: Invocation,
        reader: Reader,
        query: Callable[[], ExecutionQuery],
        fields: Sequence[str],
    ) -> None:
        self._invocation = invocation
        self._console = invocation.console
        self._reader = reader
        self._query = query
        self._fields = fields

    def write(self, *, only_ids: bool, watch: bool) -> None:
        """Write the list once, or with `watch` whenever it changes."""
        if watch and self._console.is_terminal and not self._invocation.json:
            redraw(self._invocation, self._reader, self._screen)
        elif watch:
            found = lambda: self._reader.executions(self._query())  # noqa: E731 - one expression
            write_changes(self._invocation, self._reader, found, self._write_changed)
        elif self._invocation.json:
            shown = self._reader.executions(self._query())
            children = self._children(shown)
            self._console.out_json([listed_json(one, children, self._fields) for one in shown])
        elif only_ids:
            shown = self._reader.executions(self._query())
            self._console.out_lines([one.execution_id for one in shown])
        else:
            self._write_once()

    def _write_once(self) -> None:
        query = self._query()
        shown = self._reader.executions(query)
        if shown:
            self._console.out_lines(self._lines(shown))
        else:
            self._console.say(_nothing(self._reader, query))
        total = self._count(query, shown)
        if len(shown) < total:
            self._console.flush()
            self._console.say(f"{len(shown)} of {total}; `-n {total}` lists all")

    def _screen(self) -> Sequence[str]:
        """Return the lines that the terminal shows: as many executions as fit, and their count."""
        query = self._query()
        query = replace(query, limit=rows_within(query.limit))
        shown = self._reader.executions(query)
        if not shown:
            return [_nothing(self._reader, query)]
        total = self._count(query, shown)
        more = [f"{len(shown)} of {total}"] if len(shown) < total else []
        return [*self._lines(shown), *more]

    def _write_changed(self, changed: Sequence[Execution], is_first: bool) -> None:
        if self._invocation.json:
            children = self._children(changed)
            for one in changed:
                self._console.out_ndjson(listed_json(one, children, self._fields))
        elif changed:
            self._console.out_lines(self._lines(changed)[0 if is_first else 1 :])
        elif is_first:
            self._console.say(_nothing(self._reader, self._query()))

    def _count(self, query: ExecutionQuery, shown: Sequence[Execution]) -> int:
        """Return how many executions there are; they are counted only if the list is full."""
        if len(shown) < query.limit:
            return len(shown)
        return sum(self._reader.count_executions(query).values())

    def _lines(self, shown: Sequence[Execution]) -> list[str]:
        children = self._children(shown)
        palette, width = self._console.palette, self._console.width
        if self._fields:
            rows = [listed_json(one, children, self._fields) for one in shown]
            return field_table(rows, self._fields, palette, width=width)
        return execution_table(
            shown,
            self._reader.short_ids([one.execution_id for one in shown]),
            palette,
            parents=parent_labels(self._reader, shown),
            children={key: sum(counts.values()) for key, counts in children.items()},
            now=self._invocation.now,
            width=width,
        )

    def _children(self, shown: Sequence[Execution]) -> Mapping[str, Mapping[ExecutionState, int]]:
        return self._reader.child_counts([one.execution_id for one in shown])


def _nothing(reader: Reader, query: ExecutionQuery) -> str:
    """Return why the list is empty."""
    everything = ExecutionQuery(mission_name=query.mission_name, include_children=True)
    if query.parent is not None:
        label = label_of(reader, reader.find_execution(query.parent))
        return f"no sub-mission of {label} matches"
    if query.words or query.without or query.fields or query.coverage is not None:
        return "no run matches"
    if query.created_from is not None or query.created_until is not None:
        return "no run was created in this time"
    if query.labels:
        return "no run with these labels matches"
    if query.states:
        return "no run is in this state"
    if reader.count_executions(everything):
        return "all runs are sub-missions of others: --all lists them"
    return "there are no runs yet: start one with `mission run FILE`"
