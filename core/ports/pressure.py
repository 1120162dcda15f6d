"""How much of its resources the machine has left."""

from typing import Protocol

from msgspec import Struct


class DiskSpace(Struct, frozen=True):
    """The bytes that an unprivileged process can still write in a folder."""

    folder: str
    free_bytes: int


class Readings(Struct, frozen=True, kw_only=True):
    """What was measured at one time; None, or a folder left out, is not known here.

    `free_processes` counts threads, as the kernel's limits do.
    """

    disks: tuple[DiskSpace, ...] = ()
    free_memory_bytes: int | None = None
    free_open_files: int | None = None
    free_processes: int | None = None
    loop_lag_seconds: float = 0.0
    database_busy_seconds: float = 0.0


class PressureGauge(Protocol):
    """Measures the machine; cheap enough to be asked once a second."""

    async def read(self) -> Readings:
        """Measure without blocking the event loop; never raises for what cannot be measured."""

    def awake(self) -> float:
        """Return monotonic seconds that do not count suspends: a machine asleep is not slow."""
