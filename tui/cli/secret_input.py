"""Values of secret inputs on the command line: from a file, standard input, or the terminal."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.domain.mission import INPUT_PREFIX, Mission
from core.errors import UnavailableError, UsageError
from core.operations.secret_input import (
    MAX_VALUE_BYTES,
    check_secret_value,
    missing_inputs,
    secret_inputs,
    split_inputs,
)
from tui.cli.invocation import Invocation


def take_secret_inputs(
    invocation: Invocation, mission: Mission, given: Mapping[str, Any], *, is_stdin_used: bool
) -> dict[str, Any]:
    """Return the parameters without the secret ones, whose values the runner will have.

    Raises `UsageError` for a secret value in an argument or one that cannot be used.
    """
    values = dict(given)
    for param in secret_inputs(mission):
        if param.name not in values:
            continue
        text = str(values[param.name])
        if not text.startswith("@"):
            raise UsageError(
                f"`{param.name}` is secret, and everybody on this machine can see arguments",
                hint=f"give the file that holds it, `-p {param.name}=@FILE`, standard input,"
                f" `-p {param.name}=@-`, or the variable {INPUT_PREFIX}{param.name};"
                " on a terminal you are asked for it",
            )
        if text == "@-":
            if is_stdin_used:
                raise UsageError(f"standard input is already read: it cannot give `{param.name}`")
            is_stdin_used = True
        values[param.name] = _read(param.name, text[1:])
    recorded, variables = split_inputs(mission, values)
    if variables:
        invocation.give_secrets(variables)
    return recorded


def ask_secret_inputs(invocation: Invocation, mission: Mission, needed: Iterable[str]) -> None:
    """Ask for the secret inputs that have no value, without echo; off a terminal do nothing."""
    if not (sys.stdin and sys.stdin.isatty() and os.isatty(2)):
        return
    missing = missing_inputs(mission, needed, invocation.environ)
    if missing:
        import getpass

        variables = {}
        for param in missing:
            value = getpass.getpass(f"value of {param.name} (not shown): ")
            check_secret_value(param, value)
            variables[f"{INPUT_PREFIX}{param.name}"] = value
        invocation.give_secrets(variables)


def _read(name: str, place: str) -> str:
    """Return the content of a file, or of standard input for `-`, without one final line feed."""
    if place == "-":
        if sys.stdin is None:
            raise UsageError(f"standard input is closed: it cannot give `{name}`")
        data = sys.stdin.buffer.read(MAX_VALUE_BYTES + 2)
    else:
        try:
            with Path(place).open("rb") as file:
                data = file.read(MAX_VALUE_BYTES + 2)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UnavailableError(
                f"the file for the secret input `{name}` cannot be read: {reason}"
            ) from error
    return os.fsdecode(data.removesuffix(b"\n"))
