"""Takes the values of secret inputs out of what is given for a run, before anything is recorded.

A value goes into the environment of the runner and nowhere else; `core.security.mission_secrets`
reads it there, as it reads any secret.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from core.domain.mission import INPUT_PREFIX, Mission, Param
from core.errors import UsageError

MAX_VALUE_BYTES = 100 * 1024
"""Linux starts no program with 128 KiB in one variable."""


def secret_inputs(mission: Mission) -> tuple[Param, ...]:
    """Return the secret inputs of a mission, in file order."""
    return tuple(param for param in mission.params if param.secret)


def split_inputs(
    mission: Mission, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what is recorded of the given parameters, and variables with the secret ones.

    Raises `UsageError` for a secret value that cannot be used; the value is not shown.
    """
    names = {param.name: param for param in secret_inputs(mission)}
    recorded = {name: value for name, value in given.items() if name not in names}
    variables = {}
    for name, param in names.items():
        if given.get(name) is not None:
            check_secret_value(param, given[name])
            variables[f"{INPUT_PREFIX}{name}"] = given[name]
    return recorded, variables


def check_given(mission: Mission, environ: Mapping[str, str]) -> None:
    """Raise `UsageError` for a secret input in the environment whose value cannot be used."""
    for param in secret_inputs(mission):
        value = environ.get(f"{INPUT_PREFIX}{param.name}")
        if value is not None:
            check_secret_value(param, value)


def missing_inputs(
    mission: Mission, needed: Iterable[str], environ: Mapping[str, str]
) -> tuple[Param, ...]:
    """Return the secret inputs that are required or `needed` by a step and have no value yet."""
    names = set(needed)
    return tuple(
        param
        for param in secret_inputs(mission)
        if (param.required or param.name in names) and f"{INPUT_PREFIX}{param.name}" not in environ
    )


def check_secret_value(param: Param, value: Any) -> None:
    """Raise `UsageError`, without the value, when it does not fit its secret input."""
    from core.output.secret_forms import MIN_FORM_BYTES  # most missions have no secret input

    if not isinstance(value, str) or "\0" in value:
        raise UsageError(f"the value of the secret input `{param.name}` is not text")
    size = len(value.encode("utf-8", "surrogateescape"))
    if size < MIN_FORM_BYTES:
        raise UsageError(
            f"the value of the secret input `{param.name}` has {size} bytes, fewer than"
            f" {MIN_FORM_BYTES}: it could not be masked in output"
        )
    if size > MAX_VALUE_BYTES:
        raise UsageError(
            f"the value of the secret input `{param.name}` has more than {MAX_VALUE_BYTES:,} bytes"
        )
    if param.pattern is not None:
        from core.value.regex import compile_pattern  # few parameters have a pattern

        if not compile_pattern(param.pattern).is_found_in(value):
            raise UsageError(
                f"the value of the secret input `{param.name}` does not match {param.pattern}"
            )
