"""Recognises step parameters that are certainly valid, without loading the models of step types.

Loading pydantic takes two thirds of the time to validate a small mission, and most steps are as
simple as these. Everything else is left to the models; a test compares the two.
"""

from typing import Any


def _is_text(value: Any) -> bool:
    return value.__class__ is str and value != "" and "\0" not in value


def _is_texts(value: Any) -> bool:
    return value.__class__ is list and all(map(_is_argument, value))


def _is_argument(value: Any) -> bool:
    return value.__class__ is str and "\0" not in value


_CERTAIN = {
    "noop": ({}, ()),
    "log": ({"message": _is_text}, ("message",)),
    "fail": ({"message": _is_text}, ()),
    "command": ({"command": _is_text, "args": _is_texts}, ("command",)),
    "script": ({"script": _is_text}, ("script",)),
}


def is_certainly_valid(type_name: str, parameters: dict[str, Any]) -> bool:
    """Tell whether parameters are certainly valid; False means that the model decides."""
    known = _CERTAIN.get(type_name)
    if known is None:
        return False
    checks, required = known
    for key, value in parameters.items():
        check = checks.get(key)
        if check is None or not check(value):
            return False
    return all(map(parameters.__contains__, required))
