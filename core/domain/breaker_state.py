"""The states of the circuit breaker."""

from enum import StrEnum


class BreakerState(StrEnum):
    """Whether attempts may start: all, none, or one to see whether the shortage is over."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
