"""Acts on all executions that the selecting options find: shows what would be done, asks, does it.

What fits is found once for the preview, and each execution once more right before its turn: what
has changed in between is left alone and reported.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from msgspec import Struct
from msgspec.structs import replace

from core.domain.records import Execution
from core.domain.state_word import WORDS, counted
from core.domain.states import ExecutionState
from core.errors import ConflictError, MissionDeckError, UsageError
from core.ports.execution_query import ExecutionOrder, ExecutionQuery
from core.ports.reader import Reader
from tui.cli.command import finish
from tui.cli.invocation import Invocation
from tui.cli.records import has_records, open_records
from tui.cli.selecting.mission_name import require_mission
from tui.cli.selecting.select_options import Selectors
from tui.output import json_shapes
from tui.output.table import Column, table
from tui.words.run_label import full_label, run_name
from tui.words.safe_text import safe_line

MAX_AT_ONCE = 1000
"""The most executions that one command acts on."""


class Action(Struct, frozen=True, kw_only=True):
    """What is to be done to each execution.

    `plan` says what would be done and raises the error that stands against it; `act` does it and
    returns what was done in words, and more of it for JSON.
    """

    verb: str
    states: frozenset[ExecutionState]
    """Executions in other states are left alone."""
    is_unattended: bool = False
    """Whether those are left alone that another execution retries or runs again."""
    plan: Callable[[Reader, Execution], str]
    act: Callable[[Reader, Execution], tuple[str, Mapping[str, Any]]]
    note: str = ""
    """What holds of all of them, for the preview."""


class _Planned(Struct, frozen=True):
    """An execution with what would be done to it, or the error that stands against it."""

    execution: Execution
    told: str
    error: MissionDeckError | None = None


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
    """Preview an action on the selected executions, ask, and do it one after the other.

    Ends with the exit code of the first execution that it failed for. Raises `UsageError` off a
    terminal without `yes`, and for more executions than `MAX_AT_ONCE`.
    """
    fitting = _fitting(selectors, action, invocation.now)
    if fitting.mission_name is None and not has_records(invocation):
        if invocation.json:
            invocation.console.out_json([])
        return
    with open_records(invocation) as reader:
        if fitting.mission_name is not None:
            require_mission(reader, fitting.mission_name)
        found = reader.executions(fitting)
        if len(found) > MAX_AT_ONCE:
            raise UsageError(
                f"more than {MAX_AT_ONCE:,} executions fit: nothing was done",
                hint="select fewer, for instance with --since",
            )
        planned = [_plan(reader, action, one) for one in found]
        chosen = [one for one in planned if one.error is None]
        if dry_run and invocation.json:
            invocation.console.out_json([_json(one, "planned") for one in planned])
            return
        if not invocation.json:
            left = _left_alone(reader, selectors.query(invocation.now), fitting)
            _preview(invocation, action, planned, left, on_stdout=dry_run)
        if dry_run:
            return
        if chosen and not yes:
            _ask(invocation, action, len(chosen))
        invocation.console.best_effort()
        _do(invocation, reader, action, fitting, planned)


def show_alone(
    invocation: Invocation, reader: Reader, action: Action, execution: Execution
) -> None:
    """Show what an action would do to one execution; raises what stands against it."""
    told = action.plan(reader, execution)
    if invocation.json:
        invocation.console.out_json(_json(_Planned(execution, told), "planned"))
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
        limit=MAX_AT_ONCE + 1,
    )


def _plan(reader: Reader, action: Action, one: Execution) -> _Planned:
    try:
        return _Planned(one, action.plan(reader, one))
    except MissionDeckError as error:
        return _Planned(one, error.message, error)


def _preview(
    invocation: Invocation,
    action: Action,
    planned: Sequence[_Planned],
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


def _rows(invocation: Invocation, planned: Sequence[_Planned]) -> list[str]:
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


def _do(
    invocation: Invocation,
    reader: Reader,
    action: Action,
    fitting: ExecutionQuery,
    planned: Sequence[_Planned],
) -> None:
    results = [_json(one, "refused") for one in planned if one.error is not None]
    code = 0
    try:
        for one in planned:
            if one.error is not None:
                continue
            label = safe_line(full_label(one.execution))
            try:
                told, facts = action.act(reader, _as_it_is_now(reader, fitting, one.execution))
            except MissionDeckError as error:
                code = code or error.exit_code
                results.append(_json(_Planned(one.execution, error.message, error), "failed"))
                if not invocation.json:
                    hint = f" ({safe_line(error.hint)})" if error.hint else ""
                    invocation.console.say(f"{label}: {safe_line(error.message)}{hint}")
                continue
            results.append({**_json(_Planned(one.execution, told), "done"), **facts})
            if not invocation.json:
                invocation.console.say(f"{label}: {safe_line(told)}")
    finally:
        if invocation.json:
            invocation.console.out_json(results)
    finish(code)


def _as_it_is_now(reader: Reader, fitting: ExecutionQuery, one: Execution) -> Execution:
    """Return the execution as it is now; `ConflictError` if the action is not for it any more."""
    found = reader.executions(replace(fitting, ids=frozenset({one.execution_id})))
    if found:
        return found[0]
    now = reader.find_execution(one.execution_id)
    if now.state is not one.state:
        raise ConflictError(f"left alone: it is {WORDS[now.state.value]} now")
    raise ConflictError("left alone: it does not fit any more, somebody else has acted on it")


def _json(one: _Planned, outcome: str) -> dict[str, Any]:
    """Return an execution and what becomes of it: `planned`, `done`, `refused` or `failed`."""
    return {
        "execution_id": one.execution.execution_id,
        "reference": json_shapes.reference_of(one.execution),
        "outcome": outcome if one.error is None or outcome == "failed" else "refused",
        "message": one.told,
        "error": None if one.error is None else json_shapes.failure(one.error)["error"],
    }
