"""Parameter types that accept several notations: durations, texts, log levels.

The validator of each annotated type converts what was written into one Python value; everywhere
else step parameters stay strict.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from core.domain.records import LogLevel
from core.step_type.parameter_text import any_text, scalar_text
from core.value.duration import parse_duration

_LEVEL_WORDS = {"WARNING": "WARN", "CRITICAL": "ERROR", "FATAL": "ERROR", "TRACE": "DEBUG"}


def parse_level(value: object) -> LogLevel:
    """Return the log level of that name in any case (`warning` is WARN); raise `ValueError`."""
    if isinstance(value, LogLevel):
        return value
    word = str(value).strip().upper()
    try:
        return LogLevel(_LEVEL_WORDS.get(word, word))
    except ValueError:
        raise ValueError("a level is one of DEBUG, INFO, WARN, ERROR") from None


Seconds = Annotated[
    float, BeforeValidator(parse_duration, json_schema_input_type=float | str), Field(ge=0)
]
"""A duration in seconds."""

Text = Annotated[str, BeforeValidator(scalar_text, json_schema_input_type=str | int | float | bool)]
"""A text; numbers and booleans are converted to text."""

Printable = Annotated[str, BeforeValidator(any_text, json_schema_input_type=Any)]
"""A text to show; anything else becomes JSON."""

Level = Annotated[LogLevel, BeforeValidator(parse_level, json_schema_input_type=str)]
"""A log level, in any case."""
