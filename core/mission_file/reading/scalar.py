"""Plain scalars of the YAML 1.2 core schema (https://yaml.org/spec/1.2.2/#103-core-schema).

`no`, `on` and `12:30` are texts, `010` is ten. Infinity and NaN, which the core schema has and JSON
lacks, raise `NumberRangeError`.
"""

import math
import re

from core.mission_file.finding.limit import MAX_INTEGER

_WORDS: dict[str, object] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_MAX_DIGITS = 400

STARTS = frozenset("0123456789+-.~nNtTfF")
"""First characters of plain scalars that may be other than text; the empty one aside."""


class NumberRangeError(ValueError):
    """Raised for a number that JSON, or 64 bits, cannot hold."""


def resolve(text: str) -> object:
    """Return the value of a plain scalar: None, a bool, int, float, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return _integer(text[2:], 16)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise NumberRangeError(f"{_short(text)} is beyond the range of a number")
        return number
    if _NOT_FINITE.fullmatch(text):
        raise NumberRangeError(f"{text} is not a number that JSON can hold")
    return text


def _integer(digits: str, base: int) -> int:
    if len(digits) <= _MAX_DIGITS:  # int() itself refuses far longer ones, with a ValueError
        number = int(digits, base)
        if -MAX_INTEGER - 1 <= number <= MAX_INTEGER:
            return number
    raise NumberRangeError(f"{_short(digits)} does not fit into 64 bits")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:30]}… ({len(text)} digits)"
