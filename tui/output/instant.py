"""Instants and spans of time as text, and back. Instants are nanoseconds since the epoch (UTC)."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from core.value.timestamp import MAX_INSTANT, SECOND, rfc3339

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3_600 * SECOND,
    "d": 86_400 * SECOND,
}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_FAR = 2**63 - 1
"""The last instant a 64-bit column holds, in the year 2262."""


def rfc3339_or_none(instant: int | None) -> str | None:
    """Return `rfc3339(instant)`, and None for None."""
    return None if instant is None else rfc3339(instant)


def clock_time(instant: int) -> str:
    """Return the local time of day with milliseconds, `12:06:22.001`."""
    seconds, nanos = divmod(max(0, min(instant, MAX_INSTANT)), SECOND)
    return f"{_time_of_day(seconds, time.tzname)}.{nanos // 1_000_000:03d}"


@lru_cache(maxsize=8)
def _time_of_day(seconds: int, _zone: tuple[str, str]) -> str:
    return f"{(_EPOCH + timedelta(seconds=seconds)).astimezone():%H:%M:%S}"


def local_time(instant: int) -> str:
    """Return the local date and time to the second, `2025-01-20 12:06:22`."""
    seconds = max(0, min(instant, MAX_INSTANT)) // SECOND
    return f"{(_EPOCH + timedelta(seconds=seconds)).astimezone():%Y-%m-%d %H:%M:%S}"


def parse_span(text: str) -> int:
    """Read `90s`, `5m`, `1h30m`, `500ms` or a bare number of seconds as nanoseconds.

    Raises ValueError for anything else.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return round(float(text) * SECOND)
    if not _SPAN.fullmatch(text):
        raise ValueError(f"{text!r} is not a length of time such as 90s, 5m or 1h30m")
    return sum(round(float(number) * _UNITS[unit]) for number, unit in _PART.findall(text))


def parse_since(text: str, now: int) -> int:
    """Read a span before `now` (`5m`) or an instant (`2025-01-20T12:00:00Z`, local without a zone).

    Raises ValueError with a sentence for people.
    """
    try:
        return max(0, now - parse_span(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is neither a span such as 5m nor an RFC 3339 instant") from None
    if moment.tzinfo is None:
        moment = moment.astimezone()
    delta = moment - _EPOCH
    instant = (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1_000
    return max(0, min(instant, _FAR))
