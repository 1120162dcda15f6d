"""When the circuit breaker stops new attempts, as frozen data."""

from msgspec import Struct


class BreakerPolicy(Struct, frozen=True, kw_only=True):
    """What must be free, or may not be exceeded, for an attempt to start; 0 turns a check off.

    1 MB is 1,048,576 bytes. The defaults are far below what a healthy machine has.
    """

    free_disk_mb: int = 64
    """On the file system of the database and on that of the working directory."""
    free_memory_mb: int = 32
    """Of the machine (MemAvailable), and below the limit of each cgroup the runner is in."""
    free_open_files: int = 16
    """File descriptors that the runner can still open."""
    free_processes: int = 16
    """Processes and threads that the user, and each cgroup the runner is in, can still have."""
    loop_lag_seconds: float = 5.0
    """How late the runner's event loop may be."""
    database_busy_seconds: float = 10.0
    """How long one commit may take."""
    probe_seconds: float = 5.0
    """How long a shortage must be over before one attempt is let through, and how long that must
    run, unless it ends earlier, before all others follow."""
    max_wait_seconds: float = 600.0
    """How long a step waits before it fails."""
