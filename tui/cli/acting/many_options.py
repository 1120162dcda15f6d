"""The arguments and options of commands that act on one execution or on many."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tui.cli.completion.completions import complete_execution
from tui.cli.selecting.select_options import select_options

F = TypeVar("F", bound=Callable[..., Any])

_DRY_RUN = "Show what would be done, and do nothing."


def one_or_many_options(*, dry_run: str = _DRY_RUN) -> Callable[[F], F]:
    """Add EXEC, which may be left out, the selecting options, `--yes` and `--dry-run`.

    They are passed as `execution`, `selectors`, `yes` and `dry_run`; `dry_run` is its help.
    """

    def add(function: F) -> F:
        found = click.option("--dry-run", is_flag=True, help=dry_run)(function)
        found = click.option(
            "-y",
            "--yes",
            is_flag=True,
            help="Act on many executions, at most 1,000, without asking.",
        )(found)
        found = select_options(found)
        return click.argument(
            "execution", metavar="[EXEC]", required=False, shell_complete=complete_execution
        )(found)

    return add
