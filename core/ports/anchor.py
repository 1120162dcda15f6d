"""Authorities outside the log that say when a head of it existed. Knows no format of theirs."""

from typing import Protocol

from msgspec import Struct

from core.errors import AuditError


class StampRefusedError(AuditError):
    """Raised when a time stamp does not prove what it should."""

    code = "TIME_STAMP"


class TimeStamp(Struct, frozen=True, kw_only=True):
    """What a time stamp proves: its time (nanoseconds since the epoch), and who says so."""

    at: int
    by: str


class StampCheck(Protocol):
    """Verifies responses of time-stamping authorities (RFC 3161) against trusted certificates."""

    def verify(self, digest: bytes, response: bytes) -> TimeStamp:
        """Return what a response proves about data with this SHA-256.

        Raises `StampRefusedError` with the reason when it proves nothing.
        """
