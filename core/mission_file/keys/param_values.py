"""Resolves the parameters of a mission: from launch values to typed ones, or all errors at once."""

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from core.domain.mission import Mission, Param, ParamType
from core.errors import UsageError
from core.value.non_utf8 import escape_non_utf8, is_utf8

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def resolve_params(mission: Mission, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for every parameter of `mission`, text converted to the parameter's type.

    Secret inputs are left out, because what is returned is recorded. Raises `UsageError` that lists
    every unknown, missing and ill-typed parameter, and every secret one among the values.
    """
    return resolve_values(mission.params, given, of="this mission")


def resolve_values(params: Sequence[Param], given: Mapping[str, Any], *, of: str) -> dict[str, Any]:
    """Return a value for every one of `params`; `of` names in errors what has them.

    None counts as not given. Raises `UsageError` as `resolve_params` does.
    """
    known = {param.name: param for param in params}
    problems = []
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f", did you mean `{near[0]}`?" if near else ""
            problems.append(f"`{name}` is not a parameter of {of}{hint}")
    values: dict[str, Any] = {}
    for param in params:
        if param.secret:
            if given.get(param.name) is not None:
                problems.append(
                    f"`{param.name}` is secret, and the parameters of a run are recorded"
                )
        elif given.get(param.name) is not None:
            try:
                values[param.name] = convert(param, given[param.name])
            except ValueError as error:
                problems.append(f"`{param.name}`: {error}")
        elif param.required and param.default is None:
            problems.append(f"`{param.name}` is required{_wanted(param)}")
        else:
            values[param.name] = param.default
    if problems:
        shown = ", ".join(known) or "none"
        raise UsageError("; ".join(problems), hint=f"parameters of {of}: {shown}")
    return values


def convert(param: Param, value: Any) -> Any:
    """Return `value` as the parameter's type; `ValueError` says what is expected instead."""
    converted = _CONVERTERS[param.type](value)
    if param.type is ParamType.CHOICE:
        converted = next((c for c in param.choices if str(c) == str(value)), value)
    if param.choices and converted not in param.choices:
        shown = ", ".join(str(choice) for choice in param.choices)
        raise ValueError(f"{value!r} is not one of {shown}")
    if param.pattern is not None:
        _check_pattern(param.pattern, str(converted), value)
    return converted


def _check_pattern(pattern: str, text: str, value: Any) -> None:
    from core.value.regex import compile_pattern  # few parameters have a pattern

    if not compile_pattern(pattern).is_found_in(text):
        raise ValueError(f"{value!r} does not match {pattern}")


def _wanted(param: Param) -> str:
    if param.choices:
        return f" (one of {', '.join(str(choice) for choice in param.choices)})"
    return f" ({param.type})"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")  # noqa: TRY004 - one error type for all converters
    if "\0" in value:
        raise ValueError("text must not contain a NUL character")
    if not is_utf8(value):
        raise ValueError(f"{escape_non_utf8(value)} is not UTF-8 text")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not an integer")  # noqa: TRY004 - one error type
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an integer") from None


def _number(value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 - one error type
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r} is not a number") from None
    if not math.isfinite(found):
        raise ValueError(f"{value!r} is not a finite number")
    return int(value) if isinstance(value, int) else found


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError(f"{value!r} is not a boolean (true or false)")


def _choice(value: Any) -> Any:
    return value


_CONVERTERS = {
    ParamType.STRING: _text,
    ParamType.INTEGER: _integer,
    ParamType.NUMBER: _number,
    ParamType.BOOLEAN: _boolean,
    ParamType.CHOICE: _choice,
    ParamType.PATH: _text,
}
