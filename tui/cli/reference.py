"""The arguments EXEC and STEP: how they are declared, and how a shell completes them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from core.errors import MissionDeckError
from core.execution_query import ExecutionQuery
from core.ports import Reader
from tui.cli.invocation import Invocation
from tui.cli.reading import open_records

F = TypeVar("F", bound=Callable[..., Any])
_OFFERED = 50


def _complete(
    ctx: click.Context, offer: Callable[[Reader], Sequence[CompletionItem]], incomplete: str
) -> list[CompletionItem]:
    """Return what `offer` finds; a shell is told nothing when there is no database to ask."""
    invocation = ctx.find_object(Invocation) or Invocation.from_process()
    try:
        with open_records(invocation) as reader:
            return [item for item in offer(reader) if str(item.value).startswith(incomplete)]
    except MissionDeckError:
        return []


def complete_execution(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer short ids with mission and state, and the `@` references."""

    def offer(reader: Reader) -> list[CompletionItem]:
        found = reader.executions(ExecutionQuery(limit=_OFFERED))
        short = reader.short_ids([one.execution_id for one in found])
        items = [
            CompletionItem(short[one.execution_id], help=f"{one.mission_name} {one.state}")
            for one in found
        ]
        return [*items, CompletionItem("@last"), CompletionItem("@last-failed")]

    return _complete(ctx, offer, incomplete)


def complete_step(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the steps of the execution named before."""
    reference = ctx.params.get("execution")

    def offer(reader: Reader) -> list[CompletionItem]:
        if not isinstance(reference, str):
            return []
        found = reader.find_execution(reference)
        return [
            CompletionItem(task.task_id, help=str(task.state))
            for task in reader.task_runs(found.execution_id)
        ]

    return _complete(ctx, offer, incomplete)


def execution_argument(function: F) -> F:
    """Add the argument EXEC, passed as `execution`."""
    return click.argument("execution", metavar="EXEC", shell_complete=complete_execution)(function)


def step_argument(*, required: bool) -> Callable[[F], F]:
    """Add the argument STEP, passed as `step`."""
    return click.argument(
        "step",
        metavar="STEP" if required else "[STEP]",
        required=required,
        shell_complete=complete_step,
    )
