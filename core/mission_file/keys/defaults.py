"""The keys of `defaults`: values for the steps, handlers too, that do not have their own."""

from typing import Any

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    Key,
    check_mapping,
    label,
    shorten,
    suggest,
    wrong_type,
)
from core.mission_file.keys.step import STEP_KEYS
from core.step_type.plain_parameters import SCRIPT_SHELLS


def _check_shell(value: Any, path: Path, problems: Problems) -> Any:
    if value.__class__ is not str:
        return wrong_type(value, path, problems, f"one of {', '.join(SCRIPT_SHELLS)}")
    if value in SCRIPT_SHELLS:
        return value
    problems.error(
        Code.BAD_VALUE,
        f"{label(path)} must be one of {', '.join(SCRIPT_SHELLS)}, not {shorten(value)}",
        path,
        hint=suggest(value, SCRIPT_SHELLS),
    )
    return INVALID


DEFAULT_KEYS = {
    "shell": Key(
        check=_check_shell,
        doc="The interpreter of scripts.",
        schema={"enum": list(SCRIPT_SHELLS)},
        default="bash",
        example="sh",
    ),
    **{
        name: STEP_KEYS[name]
        for name in ("env", "working_dir", "timeout_seconds", "retry", "limits", "idempotent")
    },
}


def check_defaults(value: Any, path: Path, problems: Problems) -> Any:
    """Check `defaults`; the values themselves are used by `core.mission_file.keys.shorthand`."""
    return check_mapping(value, path, problems, DEFAULT_KEYS, "`defaults`")
