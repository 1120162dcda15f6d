"""Reads JSON text into data that can be stored as JSON again: no NaN, no infinity."""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 200
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_CONTAINERS = (dict, list)


class JsonTextError(ValueError):
    """Raised when a text is not JSON; `line` and `column` (from 1) are None when unknown."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        where = "" if line is None else f"line {line}, column {column}: "
        super().__init__(where + message)
        self.line = line
        self.column = column


def parse_json_text(text: str) -> Any:
    """Return the data; raise `JsonTextError` with the position where there is one."""
    try:
        data = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise _fault(error, text) from error
    except RecursionError as error:
        raise JsonTextError(_TOO_DEEP) from error
    except JsonTextError:
        raise
    except ValueError as error:  # an integer of more digits than Python converts
        raise JsonTextError(str(error).partition(";")[0]) from error
    if "\\ud" in text or "\\uD" in text:
        check_surrogates(data)
    if _is_deeper(data, MAX_DEPTH):
        raise JsonTextError(_TOO_DEEP)
    return data


def _fault(error: json.JSONDecodeError, text: str) -> JsonTextError:
    """Return the error with words and a position of ours, the same on every Python."""
    from core.value.json_syntax import JsonFault, find_fault  # only a mistake needs it

    fault = find_fault(text) or JsonFault(error.pos, error.msg)
    before = text[: fault.offset]
    line_start = before.rfind("\n") + 1
    return JsonTextError(fault.message, before.count("\n") + 1, fault.offset - line_start + 1)


def _refuse_constant(name: str) -> NoReturn:
    raise JsonTextError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise JsonTextError(f"the number {text[:40]} is too large")
    return value


def check_surrogates(data: Any) -> None:
    """Raise `JsonTextError` for a text that no encoding can represent: a lone surrogate."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise JsonTextError("a lone surrogate in a text") from error


def _is_deeper(data: Any, limit: int) -> bool:
    level = [data] if type(data) in _CONTAINERS else []
    for _ in range(limit):
        if not level:
            return False
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item)
            if type(child) in _CONTAINERS
        ]
    return bool(level)
