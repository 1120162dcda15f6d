"""Warns of numbers that change when used as text: 3.10 becomes 3.1, and 0123 becomes 123.

YAML reads both as numbers. Where they are used as text (a version in a matrix, an argument, an
environment variable), the original notation would be lost silently.
"""

import typing
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from core.errors import MissionDeckError
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.step_type.registry import normalise_type, step_type

_NUMERIC = ("integer", "number")
_HANDED_ON = {"set_variables": "values", "mission": "params"}
"""Parameters that later templates may use as text, whatever their values are."""


class Written(Struct, frozen=True):
    """A number not written in canonical form: its container, its key, and its notation."""

    container: Any
    key: str | int
    text: str


def check_numbers(data: Any, numbers: Iterable[Written], problems: Problems) -> None:
    """Warn of each such number that is used as text."""
    held = {(id(number.container), number.key): number.text for number in numbers}
    for number, text, path in _placed(data, (), held):
        if _counts_as_text(data, path):
            problems.warn(
                Code.NUMBER_TEXT,
                f"`{text}` is the number {number} here, not the text as written",
                path,
                hint=f'quote it: "{text}"',
            )


def _placed(
    value: Any, path: Path, held: dict[tuple[int, str | int], str]
) -> Iterator[tuple[Any, str, Path]]:
    """Yield each such number with its notation and its path, each once."""
    if value.__class__ is dict:
        pairs: Iterable[tuple[Any, Any]] = value.items()
    elif value.__class__ is list:
        pairs = enumerate(value)
    else:
        return
    for key, item in pairs:
        text = held.pop((id(value), key), None)
        if text is not None:
            yield item, text, (*path, key)
        elif item.__class__ is dict or item.__class__ is list:
            yield from _placed(item, (*path, key), held)


def _counts_as_text(data: dict[str, Any], path: Path) -> bool:
    match path:
        case ("variables", *_) | ("env", *_) | ("defaults", "env", *_):
            return True
        case ("params", name, "default" | "choices", *_):
            return data["params"][name].get("type") not in _NUMERIC
        case ("templates", name, "params", param, "default" | "choices", *_):
            return data["templates"][name]["params"][param].get("type") not in _NUMERIC
        case ("templates", name, "step", *rest):
            return _counts_in_step(data["templates"][name]["step"], rest, data)
        case ("steps", index, *rest):
            return _counts_in_step(data["steps"][index], rest, data)
        case ("handlers", name, index, *rest):
            return _counts_in_step(data["handlers"][name][index], rest, data)
    return False


def _counts_in_step(step: Any, path: list[str | int], data: dict[str, Any]) -> bool:
    match path:
        case ["env" | "matrix" | "foreach", *_]:
            return True
        case ["with", name, *_]:
            return _template_type(data, step.get("use"), name) not in _NUMERIC
        case ["steps", index, *rest]:
            return _counts_in_step(step["steps"][index], rest, data)
        case ["parameters", key, *_]:
            kind = "script" if "run" in step else step.get("step_type")
            name = normalise_type(str(kind))
            return _HANDED_ON.get(name) == key or _takes_text(name, str(key))
    return False


def _template_type(data: dict[str, Any], template: Any, param: Any) -> Any:
    """Return the type of a parameter of a template; None where this file does not tell it."""
    found: Any = data
    for key in ("templates", template, "params", param, "type"):
        found = found.get(key) if found.__class__ is dict else None
    return found


def _takes_text(type_name: str, key: str) -> bool:
    """Tell whether a parameter of a step type is text, or holds texts, and no numbers."""
    try:
        kind = step_type(type_name)
    except MissionDeckError:
        return False
    if kind is None:
        return False
    for name, field in kind.parameters.model_fields.items():
        if key in (name, field.alias):
            kinds = set(_plain_types(field.annotation))
            return str in kinds and not kinds & {int, float, Any}
    return False


def _plain_types(annotation: Any) -> Iterator[Any]:
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        inner = inner[:1]
    if not inner:
        yield annotation
    for one in inner:
        yield from _plain_types(one)
