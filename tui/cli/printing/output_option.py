"""The options that select the printed output: `--output`, `-v` and `-q`."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from core.errors import UsageError
from tui.cli.printing.step_output import OutputMode

F = TypeVar("F", bound=Callable[..., Any])


def output_option(function: F) -> F:
    """Add `--output`, passed as `output`, None if it was not given."""
    return click.option(
        "--output",
        type=click.Choice([mode.value for mode in OutputMode]),
        callback=lambda _ctx, _param, value: None if value is None else OutputMode(value),
        help=(
            "Step output to print: live, as it arrives; group, one block per step when it ends;"
            " errors, the last lines of failed steps; or none."
        ),
    )(function)


def output_options(function: F) -> Any:
    """Add `--output`, `-v` for `--output live`, and `-q`, passed as `output` and `quiet`."""

    @wraps(function)
    def with_verbose(
        *args: Any, verbose: bool, output: OutputMode | None, quiet: bool, **rest: Any
    ) -> Any:
        if verbose and quiet:
            raise UsageError("--verbose and --quiet cannot be combined")
        chosen = output or (OutputMode.LIVE if verbose else None)
        return function(*args, output=chosen, quiet=quiet, **rest)

    told = "Print nothing unless the run fails."
    decorated = click.option("-q", "--quiet", is_flag=True, help=told)(with_verbose)
    told = "Print step output as it arrives, prefixed with the step (--output live)."
    decorated = click.option("-v", "--verbose", is_flag=True, help=told)(decorated)
    return output_option(decorated)
