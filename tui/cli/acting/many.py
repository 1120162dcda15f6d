"""Acts on all executions that the selecting options find: shows what would be done, asks, does it.

What fits is found once for the preview, and each execution once more right before its turn: what
has changed in between is left alone and reported.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from core.domain.records import Execution
from core.domain.state_word import WORDS, counted
from core.errors import MissionDeckError, UsageError
from core.ports.execution_query import ExecutionOrder, ExecutionQuery
from core.ports.reader import Reader
from tui.cli.acting.action import Action, Planned, planned_json
from tui.cli.command import finish
from tui.cli.invocation import Invocation
from tui.cli.records import OpenRecords, open_records, records_if_any
from tui.cli.selecting.mission_name import require_mission
from tui.cli.selecting.select_options import Selectors
from tui.output.table import Column, table
from tui.words.run_label import full_label, run_name
from tui.words.safe_text import safe_line

if TYPE_CHECKING:
    from tui.cli.acting.doing import Doing

MAX_SELECTED = 1000
"""The most executions that one command acts on: what is more was hardly meant."""


def one_or_many(execution: str | None, selectors: Selectors, alone: Mapping[str, object]) -> bool:
    """Tell whether a command is about many executions rather than EXEC.

    `alone` are the values of the options that only go with EXEC, by their names. Raises
    `UsageError` when both, neither, or such an option with many are given.
    """
    if execution is not None:
        if selectors.is_given:
            raise UsageError(
                "EXEC and options that select executions cannot be combined",
                hint="name one execution, or select many",
            )
        return False
    if not selectors.is_given:
        raise UsageError(
            "Missing argument 'EXEC'.",
            hint="name an execution, or select many with --where, -l, --name, --state, --since",
        )
    if selectors.where is not None and not selectors.where.strip():
        raise UsageError("--where is empty, which would select all executions")
    given = [name for name, value in alone.items() if value]
    if given:
        raise UsageError(f"{given[0]} goes with one EXEC, not with many")
    return True


def act_on_many(
    invocation: Invocation,
    selectors: Selectors,
    action: Action,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    """Preview an action on the selected executions, ask, and do it, to several at once.

    Ends with the exit code of the first execution that it failed for. Raises `UsageError` off a
    terminal without `yes`, and for more executions than `MAX_SELECTED`.
    """
    fitting = _fitting(selectors, action, invocation.now)
    opened: OpenRecords = records_if_any if fitting.mission_name is None else open_records
    with opened(invocation) as reader:
        if reader is None:
            if invocation.json:
                invocation.console.out_json([])
            return
        if fitting.mission_name is not None:
            require_mission(reader, fitting.mission_name)
        found = reader.executions(fitting)
        if len(found) > MAX_SELECTED:
            count = sum(reader.count_executions(fitting).values())
            raise UsageError(
                f"{count:,} executions fit, and one command acts on {MAX_SELECTED:,} at most:"
                " nothing was done",
                hint="select fewer, for instance with --since, --until or --name, and repeat it",
            )
        planned = [_plan(reader, action, one) for one in found]
        chosen = [one for one in planned if one.error is None]
        if dry_run and invocation.json:
            invocation.console.out_json([planned_json(one) for one in planned])
            return
        if not invocation.json:
            left = _left_alone(reader, selectors.query(invocation.now), fitting)
            _preview(invocation, action, planned, left, on_stdout=dry_run)
        if dry_run:
            return
        if chosen and not yes:
            _ask(invocation, action, len(chosen))
        if action.ask is not None:
            for one in chosen:
                action.ask(reader, one.execution)
        invocation.console.best_effort()
        from tui.cli.acting.doing import Doing  # and asyncio: not to show them, nor to complete

        doing = Doing(invocation, reader, action, fitting, [one.execution for one in chosen])
        _do(invocation, doing, planned)


def show_alone(
    invocation: Invocation, reader: Reader, action: Action, execution: Execution
) -> None:
    """Show what an action would do to one execution; raises what stands against it."""
    told = action.plan(reader, execution)
    if invocation.json:
        invocation.console.out_json(planned_json(Planned(execution, told)))
    else:
        label = safe_line(full_label(execution))
        invocation.console.out(f"{action.verb} {label}: {safe_line(told)}")


def _fitting(selectors: Selectors, action: Action, now: int) -> ExecutionQuery:
    """Return the query of the executions that the action is for, the oldest first."""
    query = selectors.query(now)
    states = query.states & action.states if query.states else action.states
    return replace(
        query,
        states=states,
        ids=query.ids if states else frozenset(),
        is_unattended=action.is_unattended,
        order=ExecutionOrder.NEWEST,
        reverse=True,
        limit=MAX_SELECTED + 1,
    )


def _plan(reader: Reader, action: Action, one: Execution) -> Planned:
    try:
        return Planned(one, action.plan(reader, one))
    except MissionDeckError as error:
        return Planned(one, error.message, error)


def _preview(
    invocation: Invocation,
    action: Action,
    planned: Sequence[Planned],
    left: str,
    *,
    on_stdout: bool,
) -> None:
    chosen = [one for one in planned if one.error is None]
    refused = [one for one in planned if one.error is not None]
    console = invocation.console
    none = f"nothing to {action.verb}"
    lines = [f"{action.verb}: {counted(len(chosen), 'execution')}" if chosen else none]
    lines += _rows(invocation, chosen)
    if refused:
        lines += [f"refused: {counted(len(refused), 'execution')}", *_rows(invocation, refused)]
    lines += [f"left alone: {left}"] if left else []
    lines += [action.note] if action.note and chosen else []
    if on_stdout:
        console.out_lines(lines)
    else:
        for line in lines:
            console.say(line)


def _rows(invocation: Invocation, planned: Sequence[Planned]) -> list[str]:
    if not planned:
        return []
    console = invocation.console
    rows = [
        (
            f"  {safe_line(run_name(one.execution))}",
            WORDS[one.execution.state.value],
            safe_line(one.told),
        )
        for one in planned
    ]
    columns = (Column(""), Column(""), Column("", shrink=True))
    return table(columns, rows, console.error_palette, width=console.width)[1:]


def _left_alone(reader: Reader, selected: ExecutionQuery, fitting: ExecutionQuery) -> str:
    """Return how many of the selected executions the action is not for, by state."""
    every = reader.count_executions(selected)
    fit = reader.count_executions(fitting)
    told = []
    for state, count in every.items():
        rest = count - fit.get(state, 0)
        if rest and state in fitting.states:
            told.append(f"{rest:,} {WORDS[state.value]} that were retried or run again")
        elif rest:
            told.append(f"{rest:,} {WORDS[state.value]}")
    return ", ".join(told)


def _ask(invocation: Invocation, action: Action, count: int) -> None:
    """Ask on a terminal; raises `UsageError` elsewhere, and ends the command after a no."""
    if invocation.json or not (sys.stdin and sys.stdin.isatty() and os.isatty(2)):
        raise UsageError(
            f"{counted(count, 'execution')} fit: nothing was done without --yes",
            hint=f"add --yes to {action.verb} them, or --dry-run to see them",
        )
    if not click.confirm(f"{action.verb} {counted(count, 'execution')}?", err=True):
        invocation.console.say("nothing was done")
        raise click.exceptions.Exit(0)


def _do(invocation: Invocation, doing: "Doing", planned: Sequence[Planned]) -> None:
    try:
        if any(one.error is None for one in planned):
            import asyncio

            asyncio.run(doing.run())
    finally:
        if invocation.json:
            refused = [planned_json(one) for one in planned if one.error is not None]
            invocation.console.out_json([*refused, *doing.rows])
        elif len(doing.rows) > 1:
            invocation.console.say(doing.summary())
    if doing.bug is not None:
        from tui.cli.bug_report import write_bug_report

        report = write_bug_report(doing.bug, invocation, sys.argv[1:])
        invocation.console.say(f"report: {report}")
    finish(doing.code)
