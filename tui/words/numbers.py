"""Formats instants, ages, sizes and shares, and parses instants.

Instants are nanoseconds since the epoch (UTC), durations are seconds. Durations are formatted and
parsed by `core.value.duration`, counts are formatted by `core.domain.tally`.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from core.value.duration import parse_duration
from core.value.timestamp import MAX_INSTANT, SECOND_NS, rfc3339

if TYPE_CHECKING:
    from core.domain.records import Execution

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_STORED_INSTANT = 2**63 - 1
"""The last instant that a 64-bit column holds, in the year 2262."""
_SPARKS = "▁▂▃▄▅▆▇█"


def rough(seconds: float) -> str:
    """Format an estimated duration in one unit: `8s`, `19m`, `3h`, `2d`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m"
    if whole < 86_400:
        return f"{whole // 3_600}h"
    return f"{whole // 86_400}d"


def elapsed(
    start: int | None, end: int | None, now: int, took_us: int | None = None
) -> float | None:
    """Return the seconds between two instants, up to `now` while the second is missing.

    A measured duration (`took_us`) takes precedence: the wall clock may have been changed.
    """
    if end is not None and took_us is not None:
        return took_us / 1_000_000
    return None if start is None else max(0, (now if end is None else end) - start) / SECOND_NS


def ago(at: int, now: int) -> str:
    """Format an instant relative to now: `3m ago`, `in 8s`."""
    seconds = (now - at) / SECOND_NS
    if -1 < seconds < 1:
        return "just now"
    text = rough(abs(seconds))
    return f"{text} ago" if seconds > 0 else f"in {text}"


def when(execution: "Execution", now: int) -> str:
    """Format how long ago an execution ended; `now` while it has not ended."""
    return "now" if execution.ended_at is None else ago(execution.ended_at, now)


def rfc3339_or_none(at: int | None) -> str | None:
    """Return `rfc3339(at)`, or None for None."""
    return None if at is None else rfc3339(at)


def time_of_day(at: int) -> str:
    """Format an instant as the local time of day with milliseconds, `12:06:22.001`."""
    seconds, nanos = divmod(max(0, min(at, MAX_INSTANT)), SECOND_NS)
    return f"{_time_of_day(seconds, time.tzname)}.{nanos // 1_000_000:03d}"


@lru_cache(maxsize=8)
def _time_of_day(seconds: int, _zone: tuple[str, str]) -> str:
    return f"{(_EPOCH + timedelta(seconds=seconds)).astimezone():%H:%M:%S}"


def moment(at: int) -> str:
    """Format an instant as local date and time to the second, `2025-01-20 12:06:22`."""
    seconds = max(0, min(at, MAX_INSTANT)) // SECOND_NS
    return f"{(_EPOCH + timedelta(seconds=seconds)).astimezone():%Y-%m-%d %H:%M:%S}"


def parse_since(text: str, now: int) -> int:
    """Parse a span before `now` (`5m`) or an instant (`2025-01-20T12:00:00Z`, local without zone).

    Raises ValueError with a message for the user.
    """
    try:
        return max(0, now - round(parse_duration(text) * SECOND_NS))
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        raise ValueError(f"{text!r} is neither a span such as 5m nor an RFC 3339 instant") from None
    if instant.tzinfo is None:
        instant = instant.astimezone()
    delta = instant - _EPOCH
    at = (delta.days * 86_400 + delta.seconds) * SECOND_NS + delta.microseconds * 1_000
    return max(0, min(at, _MAX_STORED_INSTANT))


def size(count: int) -> str:
    """Format a number of bytes: `812 B`, `1.4 MiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{int(value)} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def dropped_note(count: int) -> str:
    """Return a note that output is missing, to follow its name; empty when none is missing."""
    return f" ({size(count)} of it dropped by the output limit)" if count else ""


def bar(share: float, width: int) -> tuple[str, str]:
    """Return the filled and the empty part of a progress bar, together `width` cells."""
    halves = round(min(1.0, max(0.0, share)) * width * 2)
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    return filled, "─" * (width - len(filled))


def percent(share: float) -> str:
    """Format a share; 100 % only when complete, 0 % only when zero."""
    if share >= 1:
        return "100%"
    return f"{max(1, min(99, int(share * 100))) if share > 0 else 0}%"


def sparkline(values: Sequence[float]) -> str:
    """Draw values, oldest first, as bars scaled to the largest."""
    top = max(values, default=0.0)
    if top <= 0:
        return _SPARKS[0] * len(values)
    return "".join(_SPARKS[min(7, int(value / top * 7.999))] for value in values)


def remaining(spent: float, share: float, history: Sequence[float]) -> float | None:
    """Estimate the remaining seconds of a run that took `spent` seconds for `share` of its work.

    The median duration of earlier runs of the mission decides while the run has not exceeded it,
    after that the run's own pace; None when there is too little to estimate from.
    """
    if history:
        left = sorted(history)[len(history) // 2] - spent
        if left > 0:
            return left
    return spent * (1 - share) / share if share >= 0.02 and spent >= 2 else None
