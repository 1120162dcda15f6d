"""Instants as RFC 3339 text: UTC, nine fractional digits, so that they sort and lose nothing."""

import time
from functools import lru_cache

SECOND_NS = 1_000_000_000
"""Nanoseconds in a second."""

MAX_INSTANT = 253_402_300_799_999_999_999
"""The last instant that RFC 3339 can represent: 9999-12-31T23:59:59.999999999Z."""


def rfc3339(instant: int) -> str:
    """Return nanoseconds since the epoch as text; instants outside 1970..9999 are clamped."""
    second, fraction = divmod(max(0, min(instant, MAX_INSTANT)), SECOND_NS)
    return f"{second_text(second)}.{fraction:09d}Z"


@lru_cache(maxsize=8)
def second_text(second: int) -> str:
    """Return whole seconds since the epoch as `2025-01-20T12:06:22`."""
    t = time.gmtime(second)
    return f"{t[0]:04d}-{t[1]:02d}-{t[2]:02d}T{t[3]:02d}:{t[4]:02d}:{t[5]:02d}"


def file_stamp() -> str:
    """Return the current UTC time for use in a file name, `20250120T120622Z`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
