"""The keys of `config.breaker`: when the circuit breaker stops new attempts."""

from typing import Any

from core.domain.breaker_policy import BreakerPolicy
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, Key, check_interval, check_mapping, whole
from core.mission_file.keys.json_schema import DURATION, integer

_MAX_MB = 1 << 30
_MAX_COUNT = 1 << 20
_DEFAULT = BreakerPolicy()

BREAKER_KEYS = {
    "free_disk_mb": Key(
        check=whole(0, _MAX_MB),
        doc="MiB that must be free where the database is and where the steps work.",
        schema=integer(0, _MAX_MB),
        default=str(_DEFAULT.free_disk_mb),
        example="500",
        synonyms=("disk", "disk_mb", "min_free_disk"),
    ),
    "free_memory_mb": Key(
        check=whole(0, _MAX_MB),
        doc="MiB of memory that must be available, on the machine and in the runner's cgroup.",
        schema=integer(0, _MAX_MB),
        default=str(_DEFAULT.free_memory_mb),
        example="256",
        synonyms=("memory", "memory_mb", "min_free_memory"),
    ),
    "free_open_files": Key(
        check=whole(0, _MAX_COUNT),
        doc="File descriptors that the runner must still be able to open.",
        schema=integer(0, _MAX_COUNT),
        default=str(_DEFAULT.free_open_files),
        example="64",
        synonyms=("open_files", "descriptors"),
    ),
    "free_processes": Key(
        check=whole(0, _MAX_COUNT),
        doc="Processes and threads that the user and the cgroup must still be able to have.",
        schema=integer(0, _MAX_COUNT),
        default=str(_DEFAULT.free_processes),
        example="50",
        synonyms=("processes", "pids"),
    ),
    "loop_lag_seconds": Key(
        check=check_interval,
        doc="How late the runner's event loop may be.",
        schema=DURATION,
        default=f"{_DEFAULT.loop_lag_seconds:g} seconds",
        example="2s",
        synonyms=("loop_lag", "lag"),
    ),
    "database_busy_seconds": Key(
        check=check_interval,
        doc="How long one commit to the database may take.",
        schema=DURATION,
        default=f"{_DEFAULT.database_busy_seconds:g} seconds",
        example="5s",
        synonyms=("database_busy", "commit_seconds"),
    ),
    "probe_seconds": Key(
        check=check_interval,
        doc="How long a shortage must be over before one attempt is tried, and how long that must"
        " run, unless it ends before, until the others follow.",
        schema=DURATION,
        default=f"{_DEFAULT.probe_seconds:g} seconds",
        example="30s",
        synonyms=("recovery_seconds", "cooldown"),
    ),
    "max_wait_seconds": Key(
        check=check_interval,
        doc="How long a step waits for the end of a shortage before it fails.",
        schema=DURATION,
        default="10 minutes",
        example="1h",
        synonyms=("max_wait", "timeout", "timeout_seconds"),
    ),
}


def check_breaker(value: Any, path: Path, problems: Problems) -> Any:
    """Check `config.breaker`; return what is set of a `BreakerPolicy`."""
    fields = check_mapping(value, path, problems, BREAKER_KEYS, "`breaker`")
    return INVALID if fields is INVALID or INVALID in fields.values() else fields
