"""The forms parameter values may take in a mission file: durations, texts, levels.

Each is an annotated type whose validator turns what was written into one Python value, so that
step parameters stay strict everywhere else.
"""

import json
import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from core.model import LogLevel

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern}\s*)+", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_LEVEL_WORDS = {"WARNING": "WARN", "CRITICAL": "ERROR", "FATAL": "ERROR", "TRACE": "DEBUG"}
MAX_SECONDS = 10 * 365 * 86400.0


def parse_seconds(value: object) -> float:
    """Return seconds from a number or from text like `500ms`, `90s`, `1h30m`; `ValueError` else."""
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text):
            seconds = float(text)
        elif _DURATION.fullmatch(text):
            seconds = sum(float(part[1]) * _UNITS[part[2]] for part in _PART.finditer(text))
        else:
            raise ValueError(f"{value!r} is not a duration: write 90, 500ms, 90s or 1h30m")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise ValueError("a duration is a number of seconds, or text like 500ms, 90s, 1h30m")  # noqa: TRY004 - pydantic takes ValueError
    if not math.isfinite(seconds) or seconds < 0 or seconds > MAX_SECONDS:
        raise ValueError("a duration is at least 0 and at most ten years")
    return seconds


def parse_level(value: object) -> LogLevel:
    """Return the log level of that name in any case (`warning` is WARN); `ValueError` else."""
    if isinstance(value, LogLevel):
        return value
    word = str(value).strip().upper()
    try:
        return LogLevel(_LEVEL_WORDS.get(word, word))
    except ValueError:
        raise ValueError("a level is one of DEBUG, INFO, WARN, ERROR") from None


def scalar_text(value: object) -> object:
    """Return numbers and booleans as the text a template would make of them; the rest unchanged.

    A value that is one whole template expression keeps its type, so `{{ params.port }}` arrives
    as a number where a text is wanted.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


def any_text(value: object) -> object:
    """Return scalars as text and lists and objects as JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return "null" if value is None else scalar_text(value)


Seconds = Annotated[
    float, BeforeValidator(parse_seconds, json_schema_input_type=float | str), Field(ge=0)
]
"""A duration in seconds."""

Text = Annotated[str, BeforeValidator(scalar_text, json_schema_input_type=str | int | float | bool)]
"""A text; numbers and booleans become what they look like."""

Printable = Annotated[str, BeforeValidator(any_text, json_schema_input_type=Any)]
"""A text to show; anything else becomes JSON."""

Level = Annotated[LogLevel, BeforeValidator(parse_level, json_schema_input_type=str)]
"""A log level, in any case."""
