"""JSON text to plain data by the json module, with the limits and refusals of the YAML reader."""

import json
import math
import re
from typing import Any

from core.spec.code import Code
from core.spec.json_locator import JsonTokens
from core.spec.limit import MAX_DEPTH, MAX_INTEGER, MAX_NODES, MAX_SCALAR
from core.spec.problem import Problems
from core.spec.text import Span

_LONG_INTEGER = re.compile(r"[0-9]{19}", re.ASCII)
_LARGE_FLOAT = re.compile(r"[0-9]{300}|[eE]\+?[0-9]{3}", re.ASCII)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]", re.ASCII)


class _NumberError(Exception):
    """Raised for a literal that is refused."""

    def __init__(self, literal: str, message: str) -> None:
        super().__init__(message)
        self.literal = literal


def read_json(text: str, problems: Problems) -> Any:
    """Return the data of `text`; whatever is wrong goes into `problems`, then possibly None."""
    if text.count(",") + text.count("[") + text.count("{") > MAX_NODES:
        problems.error(
            Code.TOO_MANY_NODES, f"more than {MAX_NODES:,} values in one file", span=Span(0, 1)
        )
        return None
    duplicates = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal duplicates
        mapping = dict(items)
        if len(mapping) != len(items):
            duplicates = True
            mapping = dict(reversed(items))  # the first value counts, as in YAML
        return mapping

    try:
        data = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_constant=_refuse_constant,
            parse_int=_integer if _LONG_INTEGER.search(text) else None,
            parse_float=_float if _LARGE_FLOAT.search(text) else None,
        )
    except json.JSONDecodeError as error:
        _report_syntax(error, text, problems)
        return None
    except _NumberError as error:
        span = JsonTokens(text).find(error.literal) or Span(0, 1)
        problems.error(Code.NUMBER_RANGE, str(error), span=span, hint="quote it to make it text")
        return None
    except RecursionError:
        _report_depth(text, problems)
        return None
    if duplicates:
        for span, key in JsonTokens(text).duplicate_keys():
            problems.error(Code.DUPLICATE_KEY, f"duplicate key {key!r}", span=span)
    if not _is_shallow(data, MAX_DEPTH, problems):
        _report_depth(text, problems)
        return None
    if _SURROGATE.search(text):
        for span in JsonTokens(text).lone_surrogates():
            problems.error(Code.ENCODING, "half of a surrogate pair is not a character", span=span)
    return None if problems.has_errors and data is None else data


def _refuse_constant(literal: str) -> Any:
    raise _NumberError(literal, f"{literal} is not a number that JSON can hold")


def _integer(literal: str) -> int:
    if len(literal) > 20 or not -MAX_INTEGER - 1 <= int(literal) <= MAX_INTEGER:
        shown = literal if len(literal) <= 40 else f"{literal[:30]}… ({len(literal)} digits)"
        raise _NumberError(literal, f"{shown} does not fit into 64 bits")
    return int(literal)


def _float(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise _NumberError(literal, f"{literal[:40]} is beyond the range of a number")
    return number


def _is_shallow(value: Any, left: int, problems: Problems) -> bool:
    """Tell whether nothing is nested deeper than `left`; take note of texts that are too long."""
    if left < 0:
        return False
    for item in value.values() if value.__class__ is dict else value:
        kind = item.__class__
        if kind is str:
            if len(item) > MAX_SCALAR:
                problems.error(
                    Code.TOO_LARGE,
                    f"a text of {len(item):,} characters is longer than {MAX_SCALAR:,}",
                    hint="put it into a file and read it there",
                )
        elif (kind is dict or kind is list) and not _is_shallow(item, left - 1, problems):
            return False
    return True


def _report_depth(text: str, problems: Problems) -> None:
    index = JsonTokens(text).first_deeper_than(MAX_DEPTH)
    problems.error(
        Code.TOO_DEEP,
        f"nested deeper than {MAX_DEPTH} levels",
        span=Span(index, index + 1),
    )


_WORDS = (
    ("Expecting value", "a value is missing", None),
    ("Expecting property name", "a key in double quotes is missing", "no comma after the last one"),
    ("Expecting ',' delimiter", "a `,` or a closing bracket is missing", None),
    ("Expecting ':' delimiter", "a key without `:`", None),
    ("Unterminated string", "the text ends inside quotes", "close the quotes"),
    ("Invalid control character", "a line break or control character in quotes", "write \\n"),
    ("Invalid \\", "unknown escape", "a backslash is written \\\\"),
    ("Extra data", "something follows the end of the mission", "remove it"),
    ("Illegal trailing comma", "a comma after the last value", "remove it"),
)


def _report_syntax(error: json.JSONDecodeError, text: str, problems: Problems) -> None:
    message, hint = error.msg, None
    for pattern, words, advice in _WORDS:
        if error.msg.startswith(pattern):
            message, hint = words, advice
            break
    index = min(error.pos, max(0, len(text) - 1))
    problems.error(Code.SYNTAX, message, span=Span(index, index + 1), hint=hint)
