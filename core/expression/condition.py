"""Evaluates conditions at run time: expressions that must give true or false.

A template engine treats every non-empty text as true, `false` and `0` included.
"""

import json
from collections.abc import Mapping
from typing import Any

from core.domain.mission import Precondition
from core.expression.evaluate import ExpressionError, TemplateSyntaxError, evaluate, references
from core.expression.template import Reference, as_template

BOOLEAN, TEXT, NUMBER, LIST, MAPPING, NOTHING = "boolean", "text", "number", "list", "map", "none"
KIND_WORDS = {
    BOOLEAN: "true or false",
    TEXT: "a text",
    NUMBER: "a number",
    LIST: "a list",
    MAPPING: "a mapping",
    NOTHING: "nothing",
}
_VALUE_LIMIT = 80
_SHOWN_VALUES = 10


class ConditionError(Exception):
    """Raised when a condition cannot be evaluated."""


class NotBooleanError(ConditionError):
    """Raised when a condition gives anything but true or false."""


def decide(condition: str, scope: Mapping[str, Any]) -> bool:
    """Return the value of a condition, bare or in `{{ }}`; raise `ConditionError`."""
    try:
        value = evaluate(condition, scope)
    except ExpressionError as error:
        raise ConditionError(str(error)) from error
    if isinstance(value, bool):
        return value
    written = without_braces(condition)
    kind = kind_of_value(value)
    shown = referenced_values(condition, scope)
    raise NotBooleanError(
        f"`{written}` is {KIND_WORDS[kind]}{shown}, but a condition must be true or false;"
        f" {comparison(written, kind)}"
    )


def without_braces(expression: str) -> str:
    """Return an expression on one line, without the braces around it."""
    text = expression.strip()
    if text.startswith("{{") and text.endswith("}}"):
        text = text[2:-2].strip("-").strip()
    return " ".join(text.split())


def precondition_line(one: Precondition) -> str:
    """Return a precondition on one line: its expression, or the shell and the script."""
    if one.expression:
        return without_braces(one.expression)
    return f"{one.shell}: {' '.join(one.script.split())}"


def comparison(text: str, kind: str) -> str:
    """Return a hint what to write instead of an expression that gives a value of this kind."""
    if text.startswith(("'", '"')):
        return "write `true` or `false`, without quotes"
    if kind == NUMBER:
        return f"compare it: `{text} != 0`"
    if kind in (LIST, MAPPING):
        return f"compare its length: `{text}|length > 0`"
    if kind == NOTHING:
        return f"compare it: `{text} is not none`, or give a default: `{text}|default(false, true)`"
    trimmed = f"{text}|trim" if text.endswith((".stdout", ".stderr")) else text
    declared = ", or declare the input with `type: boolean`" if text.startswith("params.") else ""
    return f"compare it: `{trimmed} == 'true'`{declared}"


def kind_of_value(value: object) -> str:
    """Return the kind of a JSON value."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, str):
        return TEXT
    if isinstance(value, int | float):
        return NUMBER
    return MAPPING if isinstance(value, Mapping) else LIST


def referenced_values(expression: str, scope: Mapping[str, Any]) -> str:
    """Return the values that an expression refers to: ` (vars.count = 3)`."""
    try:
        found = sorted(references(as_template(expression)))[:_SHOWN_VALUES]
    except TemplateSyntaxError:
        return ""
    shown = [
        f"{'.'.join(reference)} = {_shown_value(reference, scope)}"
        for reference in found
        if reference[0] != "secrets" and "*" not in reference
    ]
    return f" ({', '.join(shown)})" if shown else ""


def _shown_value(reference: Reference, scope: Mapping[str, Any]) -> str:
    value: Any = scope
    for name in reference:
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (LookupError, TypeError, ValueError):
            return "undefined"
    if isinstance(value, Mapping):
        value = dict(value)
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= _VALUE_LIMIT else f"{shown[: _VALUE_LIMIT - 1]}…"
