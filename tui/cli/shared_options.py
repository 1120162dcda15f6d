"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from core.errors import UsageError
from core.value.duration import parse_duration
from tui.cli.completion.completions import (
    complete_execution,
    complete_file,
    complete_mission_step,
    complete_param,
)
from tui.words.numbers import parse_since

F = TypeVar("F", bound=Callable[..., Any])


class _Duration(click.ParamType[float]):
    """A duration: `30`, `90s`, `5m`, `1h30m`."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


DURATION = _Duration()


def mission_argument(function: F) -> F:
    """Add the optional argument FILE, a mission file, a mission's name or `-`, passed as `file`."""
    return click.argument(
        "file", metavar="[FILE|NAME|-]", required=False, shell_complete=complete_file
    )(function)


def read_only_option(function: F) -> F:
    """Add `--read-only`, passed as `read_only`."""
    return click.option(
        "--read-only",
        is_flag=True,
        help="Open a screen that starts, changes and writes nothing.",
    )(function)


def param_option(function: F) -> F:
    """Add `-p NAME=VALUE`, passed as `params`."""
    return click.option(
        "-p",
        "--param",
        "params",
        metavar="NAME=VALUE",
        multiple=True,
        shell_complete=complete_param,
        help="Set a parameter of the mission; may be repeated.",
    )(function)


def param_source_options(function: F) -> F:
    """Add `-p`, `--params-file` and `--params-from`."""
    from_run = click.option(
        "--params-from",
        metavar="EXEC",
        shell_complete=complete_execution,
        help="Take the parameters of an earlier run; those of -p and --params-file replace them.",
    )
    from_file = click.option(
        "--params-file",
        metavar="FILE",
        type=click.Path(),
        help="Read parameters from a YAML or JSON file; those of -p replace them.",
    )
    return param_option(from_file(from_run(function)))


def mission_step_option(*names: str, **attrs: Any) -> Callable[[F], F]:
    """Add an option that takes a step of the argument FILE."""
    return click.option(*names, metavar="STEP", shell_complete=complete_mission_step, **attrs)


def seconds_option(name: str, **attrs: Any) -> Callable[[F], F]:
    """Add an option that takes a duration and passes seconds."""
    return click.option(name, type=DURATION, metavar="TIME", **attrs)


def instant_option(name: str, text: str, now: int) -> int:
    """Return the instant that an option names, see `parse_since`; `UsageError`."""
    try:
        return parse_since(text, now)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
