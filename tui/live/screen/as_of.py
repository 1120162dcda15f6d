"""The moment of the past that a screen shows, as a limit of what it reads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AsOf:
    """Up to the event `seq` of the audit log, and up to an instant, in nanoseconds."""

    seq: int
    instant: int
