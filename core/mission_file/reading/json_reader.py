"""Reads JSON text with the json module, under the limits and restrictions of the YAML reader."""

import json
import re
from collections.abc import Iterable
from math import isfinite
from typing import Any

from core.mission_file.finding.code import Code
from core.mission_file.finding.limit import (
    MAX_DEPTH_LEVELS,
    MAX_INTEGER,
    MAX_NODES,
    MAX_SCALAR_CHARACTERS,
)
from core.mission_file.finding.problem import Problems
from core.mission_file.finding.source_text import Span
from core.mission_file.finding.value_check import shorten
from core.mission_file.reading.json_locator import JsonTokens
from core.value.json_syntax import JsonFault, find_fault

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|NaN|-?Infinity", re.ASCII)
_MAX_DIGITS = 400


def read_json(text: str, problems: Problems) -> Any:
    """Return the data of `text`, None if it cannot be read; errors are added to `problems`."""
    if text.count(",") + text.count("[") + text.count("{") > MAX_NODES:
        problems.error(
            Code.TOO_MANY_NODES, f"more than {MAX_NODES:,} values in one file", span=Span(0, 1)
        )
        return None
    if not text.strip():
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
        )
    except json.JSONDecodeError as error:
        _report_syntax(error, text, problems)
        return None
    except ValueError:  # an integer of thousands of digits
        _report_numbers(text, problems)
        return None
    except RecursionError:
        _report_depth(text, problems)
        return None
    if duplicates:
        for span, key in JsonTokens(text).duplicate_keys():
            problems.error(Code.DUPLICATE_KEY, f"duplicate key {shorten(key)}", span=span)
    walk = _Walk()
    if not walk.is_shallow([data], MAX_DEPTH_LEVELS + 1):
        _report_depth(text, problems)
        return None
    if walk.has_bad_number:
        _report_numbers(text, problems)
    if walk.longest > MAX_SCALAR_CHARACTERS:
        _report_length(walk.longest, text, problems)
    if _SURROGATE.search(text):
        for span in JsonTokens(text).lone_surrogates():
            problems.error(Code.ENCODING, "a lone surrogate is not a character", span=span)
    return None if problems.has_errors and data is None else data


class _Walk:
    """Visits every value once: nesting depth, length of texts, range of numbers."""

    def __init__(self) -> None:
        self.has_bad_number = False
        self.longest = 0

    def is_shallow(self, values: Iterable[Any], left: int) -> bool:
        """Tell whether nothing is nested deeper than `left`."""
        if left < 0:
            return False
        for value in values:
            kind = value.__class__
            if kind is str:
                if len(value) > self.longest:
                    self.longest = len(value)
            elif kind is dict:
                if not self.is_shallow(value.values(), left - 1):
                    return False
            elif kind is list:
                if not self.is_shallow(value, left - 1):
                    return False
            elif kind is int:
                if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
                    self.has_bad_number = True
            elif kind is float and not isfinite(value):
                self.has_bad_number = True
        return True


def _report_numbers(text: str, problems: Problems) -> None:
    for match in JsonTokens(text).all():
        literal = match[0]
        if _NUMBER.fullmatch(literal) and (reason := _refusal(literal)) is not None:
            shown = literal if len(literal) <= 40 else f"{literal[:30]}… ({len(literal)} digits)"
            span = Span(match.start(), match.end())
            hint = "quote it if it is meant as text"
            problems.error(Code.NUMBER_RANGE, f"{shown} {reason}", span=span, hint=hint)


def _refusal(literal: str) -> str | None:
    if literal.lstrip("-").isdigit():
        fits = len(literal) <= _MAX_DIGITS and -MAX_INTEGER - 1 <= int(literal) <= MAX_INTEGER
        return None if fits else "does not fit into 64 bits"
    return None if isfinite(float(literal)) else "is not a number that JSON can hold"


def _report_length(length: int, text: str, problems: Problems) -> None:
    for match in JsonTokens(text).all():
        if len(match[0]) > length:
            problems.error(
                Code.TOO_LARGE,
                f"a text of {length:,} characters is longer than {MAX_SCALAR_CHARACTERS:,}",
                span=Span(match.start(), match.start() + 1),
                hint="put it into a file and read it there",
            )
            return


def _report_depth(text: str, problems: Problems) -> None:
    index = JsonTokens(text).first_deeper_than(MAX_DEPTH_LEVELS)
    problems.error(
        Code.TOO_DEEP,
        f"nested deeper than {MAX_DEPTH_LEVELS} levels",
        span=Span(index, index + 1),
    )


def _report_syntax(error: json.JSONDecodeError, text: str, problems: Problems) -> None:
    fault = find_fault(text) or JsonFault(error.pos, error.msg)
    index = min(fault.offset, max(0, len(text) - 1))
    problems.error(Code.SYNTAX, fault.message, span=Span(index, index + 1), hint=fault.hint)
