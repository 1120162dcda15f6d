"""Durations: parsed as a mission file writes them, and formatted for people in one form."""

import re

MAX_SECONDS = 10 * 365 * 86400.0

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern}\s*)+", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_MAX_TEXT_CHARACTERS = 40

FORMS = "a number of seconds, or text like 500ms, 90s, 1h30m, 2d"


def parse_duration(value: object) -> float:
    """Return seconds from a number or from text like `500ms`, `90s`, `1h30m`, `2d`.

    Raises `ValueError` unless it is between 0 and ten years; its message follows the name of a key.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = _bounded(value)
    elif isinstance(value, str):
        seconds = _parse_text(value)
    else:
        raise ValueError(f"must be {FORMS}")  # noqa: TRY004 - one error for every wrong form
    if seconds < 0:
        raise ValueError("must not be negative")
    if not seconds <= MAX_SECONDS:  # NaN compares false with everything
        raise ValueError("must be at most ten years")
    return seconds


def duration_text(seconds: float) -> str:
    """Format a duration for people: `<1ms`, `340ms`, `4.2s`, `43s`, `1m17s`, `2h05m`, `3d04h`.

    Truncated, not rounded, so that a running clock never shows time that has not passed yet.
    """
    if seconds < 0:
        return "-" + duration_text(-seconds)
    millis = int(round(seconds * 1_000_000) / 1_000)
    if millis < 1_000:
        return f"{millis}ms" if millis else "<1ms"
    whole = millis // 1_000
    if whole < 10 and (tenths := millis % 1_000 // 100):
        return f"{whole}.{tenths}s"
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3_600}h{whole % 3_600 // 60:02}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3_600:02}h"


def _bounded(value: float) -> float:
    """Return `value` as a float, out of range for an int that no float can hold."""
    if value < 0:
        return -1.0
    return 2 * MAX_SECONDS if value > MAX_SECONDS else float(value)


def _parse_text(value: str) -> float:
    text = value.strip()
    if len(text) <= _MAX_TEXT_CHARACTERS:
        if _NUMBER.fullmatch(text):
            return float(text)
        if text.startswith("-") and _DURATION.fullmatch(text[1:]):
            return -1.0
        if _DURATION.fullmatch(text):
            return sum(float(part[1]) * _UNITS[part[2]] for part in _PART.finditer(text))
    raise ValueError(f"must be {FORMS}")
