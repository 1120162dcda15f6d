"""Environment variables of steps: names and texts. Which of them may be set, safety decides."""

from typing import Any

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, VARIABLE_NAME, label, wrong_type


def check_env(value: Any, path: Path, problems: Problems) -> Any:
    """Check environment variables; whole numbers and booleans become text."""
    if value.__class__ is not dict:
        return wrong_type(
            value, path, problems, "a mapping of names to texts", hint="`NAME: VALUE`"
        )
    result: dict[str, str] = {}
    for name, item in value.items():
        place = (*path, name)
        if not VARIABLE_NAME.fullmatch(name):
            problems.error(
                Code.BAD_ID,
                f"`{name}` is not a name for an environment variable",
                place,
                on_key=True,
                hint="a name has letters, digits and _, and does not begin with a digit",
            )
        else:
            result[name] = _check_text(item, place, problems)
    return INVALID if len(result) != len(value) or INVALID in result.values() else result


def _check_text(value: Any, path: Path, problems: Problems) -> Any:
    if value.__class__ is str:
        if "\0" in value:
            problems.error(Code.BAD_VALUE, f"{label(path)} holds a NUL character", path)
            return INVALID
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if value.__class__ is int:
        return str(value)
    if value is None:
        return ""
    if value.__class__ is float:
        problems.error(
            Code.WRONG_TYPE,
            f"{label(path)} must be text: as a number, 1.10 would become 1.1",
            path,
            hint="quote it",
        )
        return INVALID
    return wrong_type(value, path, problems, "text")
