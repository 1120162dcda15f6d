"""The circuit breaker: whether attempts may start, from readings of the machine. Pure.

Closed, it lets every attempt start. A shortage opens it, and none starts. When the shortage has
been over for a while it is half-open and lets one attempt through; when that has ended, or has run
for as long again, without another shortage, it closes. Times are monotonic seconds.
"""

from msgspec import Struct

from core.domain.breaker_policy import BreakerPolicy
from core.domain.breaker_state import BreakerState
from core.ports.pressure import Readings

_MB = 1024 * 1024


class BreakerChange(Struct, frozen=True):
    """A new state, or another shortage while open, and the reason in words."""

    state: BreakerState
    message: str


class Breaker:
    """Decides for one execution. `message` says why attempts do not start, while that is so."""

    def __init__(
        self,
        policy: BreakerPolicy,
        *,
        state: BreakerState = BreakerState.CLOSED,
        message: str = "",
        at: float = 0.0,
    ) -> None:
        """Begin in a state that was recorded, at the time `at`."""
        self._policy = policy
        self._short: frozenset[str] = frozenset()
        self._short_at = at
        self._probe: str | None = None
        self._probe_started_at = 0.0
        self._probe_has_ended = False
        self.state = state
        self.message = message
        self.is_short = False
        """Whether the last readings had a shortage."""

    @property
    def admits(self) -> bool:
        """Whether another attempt may start now."""
        if self.state is BreakerState.HALF_OPEN:
            return self._probe is None
        return self.state is BreakerState.CLOSED

    def observe(self, readings: Readings, at: float) -> BreakerChange | None:
        """Take readings in and return what changed by them; in half-open also by time."""
        shortages = _shortages(readings, self._policy)
        self.is_short = bool(shortages)
        if shortages:
            return self._open(frozenset(shortages), "; ".join(shortages.values()), at)
        if self.state is BreakerState.OPEN:
            if at - self._short_at < self._policy.probe_seconds:
                return None
            self._probe, self._probe_has_ended = None, False
            return self._change(
                BreakerState.HALF_OPEN, f"the shortage is over (it was: {self.message})"
            )
        if self.state is BreakerState.HALF_OPEN and self._has_probed(at):
            self._short = frozenset()
            return self._change(BreakerState.CLOSED, "attempts start again")
        return None

    def attempt_started(self, task_id: str, at: float) -> None:
        """Take note of an attempt that was let through."""
        if self.state is BreakerState.HALF_OPEN and self._probe is None:
            self._probe, self._probe_started_at = task_id, at

    def attempt_ended(self, task_id: str) -> None:
        """Take note of the end of an attempt; the next readings decide what follows."""
        if task_id == self._probe:
            self._probe_has_ended = True

    def _has_probed(self, at: float) -> bool:
        if self._probe is None:
            return False
        return self._probe_has_ended or at - self._probe_started_at >= self._policy.probe_seconds

    def _open(self, short: frozenset[str], message: str, at: float) -> BreakerChange | None:
        is_known = self.state is BreakerState.OPEN and short == self._short
        self._short, self._short_at = short, at
        if is_known:
            self.message = message
            return None
        return self._change(BreakerState.OPEN, message)

    def _change(self, state: BreakerState, message: str) -> BreakerChange:
        self.state = state
        self.message = "" if state is BreakerState.CLOSED else message
        return BreakerChange(state, message)


def _shortages(readings: Readings, policy: BreakerPolicy) -> dict[str, str]:
    """Return what is short, each in words, by what it is and where."""
    found: dict[str, str] = {}
    for disk in readings.disks:
        if disk.free_bytes < policy.free_disk_mb * _MB:
            free = _megabytes(disk.free_bytes)
            found[f"disk {disk.folder}"] = (
                f"free disk {free} of {policy.free_disk_mb:,} MB needed on {disk.folder}"
            )
    memory = readings.free_memory_bytes
    if memory is not None and memory < policy.free_memory_mb * _MB:
        found["memory"] = f"free memory {_megabytes(memory)} of {policy.free_memory_mb:,} MB needed"
    for name, free_count, needed in (
        ("file descriptors", readings.free_open_files, policy.free_open_files),
        ("processes", readings.free_processes, policy.free_processes),
    ):
        if free_count is not None and free_count < needed:
            found[name] = f"free {name} {max(0, free_count):,} of {needed:,} needed"
    for name, seconds, allowed in (
        ("event loop late by", readings.loop_lag_seconds, policy.loop_lag_seconds),
        ("database busy for", readings.database_busy_seconds, policy.database_busy_seconds),
    ):
        if allowed and seconds > allowed:
            found[name] = f"{name} {seconds:.1f} s of {allowed:g} s allowed"
    return found


def _megabytes(count: int) -> str:
    return f"{max(0, count) // _MB:,} MB"
