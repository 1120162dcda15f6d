"""`--executor`: where the processes of the runners that a command starts run."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tui.cli.command import invocation_of

F = TypeVar("F", bound=Callable[..., Any])


def executor_option(told: str = "") -> Callable[[F], F]:
    """Add `--executor`, which the `Invocation` takes; `told` says what holds without it."""
    help_text = "Run processes on this machine (local) or on a cluster (dask=tls://HOST:8786)."
    return click.option(
        "--executor",
        metavar="WHERE",
        expose_value=False,
        callback=_give_executor,
        help=f"{help_text} {told}".rstrip(),
    )


def earlier_executor_option() -> Callable[[F], F]:
    """Add `--executor` to a command that goes on with an earlier execution."""
    return executor_option("Without it: where the execution ran before.")


def _give_executor(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None and not ctx.resilient_parsing:
        invocation_of(ctx).give_executor(value)
