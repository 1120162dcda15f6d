"""What a line of output says beyond its text: how severe it is, and what is in a JSON record.

Pure. A guess by the conventions of loggers: it colours and orders, it hides nothing for good.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from core.explain.error_line import ERROR_PATTERN
from tui.words.safe_text import clean

MAX_JUDGED_CHARACTERS = 2_000
"""How much of a line is looked at for its severity."""
MAX_JSON_CHARACTERS = 16_000
"""A longer line is not taken apart."""

MAX_INDENT_CHARACTERS = 40
"""How far into a line a record may begin."""

_LEVEL_KEY = r"\"(?:level|lvl|severity|levelname|log\.level)\"\s*:\s*"
ERROR_LINES = (
    rf"{ERROR_PATTERN}|\b(?:CRITICAL|SEVERE|PANIC|EMERG|ALERT)\b|\blevel=(?:error|fatal|critical)\b"
    rf"|{_LEVEL_KEY}(?:\"(?i:error|err|fatal|critical|panic|alert|emerg)|[5-9]0\b)"
)
"""Lines that tell of an error, in the common syntax of Python's `re` and RE2."""
WARNING_LINES = (
    r"\bWARN(?:ING)?\b|\b[Ww]arning:|\blevel=warn(?:ing)?\b"
    rf"|{_LEVEL_KEY}(?:\"(?i:warn(?:ing)?)\"|40\b)"
)
"""Lines that warn."""


class Severity(StrEnum):
    """How severe a line is by its words."""

    NONE = ""
    WARNING = "warning"
    ERROR = "error"


class JsonLine(NamedTuple):
    """A record of a structured log: level in capitals, message, and `key=value` of the rest."""

    level: str
    message: str
    rest: str

    @property
    def text(self) -> str:
        """The whole line as it is shown."""
        return "  ".join(part for part in (self.level, self.message, self.rest) if part)


_LEVELS = ("level", "lvl", "severity", "levelname", "log.level")
_MESSAGES = ("message", "msg", "event", "text")
_NUMBERED = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}
"""The levels of pino and bunyan."""


def severity_of(message: str) -> Severity:
    """Return how severe a line is."""
    return _severity_of(message[:MAX_JUDGED_CHARACTERS])


@lru_cache(maxsize=4096)
def _severity_of(text: str) -> Severity:
    if re.search(ERROR_LINES, text):
        return Severity.ERROR
    return Severity.WARNING if re.search(WARNING_LINES, text) else Severity.NONE


def json_line(message: str) -> JsonLine | None:
    """Return the parts of a line that is a JSON object with a message; None for any other."""
    if len(message) > MAX_JSON_CHARACTERS or "{" not in message[:MAX_INDENT_CHARACTERS]:
        return None
    return _json_line(message)


@lru_cache(maxsize=4096)
def _json_line(message: str) -> JsonLine | None:
    text = message.strip()
    if not text.startswith("{") or not text.endswith("}"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    message_key = next((key for key in _MESSAGES if isinstance(found.get(key), str)), None)
    if message_key is None:
        return None
    level_key = next((key for key in _LEVELS if isinstance(found.get(key), str | int)), None)
    level = "" if level_key is None else _level(found[level_key])
    rest = {key: value for key, value in found.items() if key not in (message_key, level_key)}
    return JsonLine(level, clean(_one_line(found[message_key])), _pairs(rest))


def _level(value: str | int) -> str:
    return _NUMBERED.get(value, str(value)) if isinstance(value, int) else clean(value)[:10].upper()


def _pairs(rest: Mapping[str, object]) -> str:
    return " ".join(f"{clean(_one_line(key))}={_value(value)}" for key, value in rest.items())


def _value(value: object) -> str:
    if isinstance(value, str) and value and value.isprintable() and " " not in value:
        return clean(value)
    return clean(json.dumps(value, ensure_ascii=False))


def _one_line(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", " ⏎ ")
