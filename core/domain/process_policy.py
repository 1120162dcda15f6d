"""How the processes of a step are limited and stopped, as frozen data. Nothing here enforces it."""

from enum import StrEnum

from msgspec import Struct


class ProcessLimits(Struct, frozen=True, kw_only=True):
    """What the processes of one attempt may use; None limits nothing beyond what the runner has.

    `cpu_seconds`, `open_files`, `file_mb` and `nice` hold for each process (`setrlimit(2)`,
    `setpriority(2)`), `memory_mb` and `processes` for all of them together (cgroup v2:
    `memory.max`, `pids.max`). 1 MB is 1,048,576 bytes.
    """

    cpu_seconds: int | None = None
    memory_mb: int | None = None
    open_files: int | None = None
    processes: int | None = None
    file_mb: int | None = None
    nice: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The limits that are set, in the order of the fields."""
        return tuple(name for name in self.__struct_fields__ if getattr(self, name) is not None)


class StopSignal(StrEnum):
    """The signals that may ask a process to end."""

    TERM = "TERM"
    INT = "INT"
    HUP = "HUP"
    QUIT = "QUIT"
    USR1 = "USR1"
    USR2 = "USR2"
    KILL = "KILL"


class Leftovers(StrEnum):
    """When the processes that a step leaves behind are ended."""

    EXECUTION = "execution"
    """When the execution ends."""
    STEP = "step"
    """When the step ends."""
    KEEP = "keep"
    """Never: they are left running on purpose."""


DEFAULT_GRACE_SECONDS = 5.0
"""Seconds between the first signal and SIGKILL where neither step nor mission says otherwise."""


class StopPolicy(Struct, frozen=True, kw_only=True):
    """How a process is asked to end: the first signal, and the seconds before it is killed."""

    signal: StopSignal | None = None
    grace: float | None = None


LIMIT_EXCEEDED = "LimitExceeded"
"""The kind of the error of a step that failed because all its processes together met a limit."""

NO_LIMITS = ProcessLimits()
DEFAULT_STOP = StopPolicy()


def limits_over(own: ProcessLimits, default: ProcessLimits) -> ProcessLimits:
    """Return the limits of a step: each of its own, else the mission's."""
    if own == NO_LIMITS:
        return default
    if default == NO_LIMITS:
        return own
    names = ProcessLimits.__struct_fields__
    chosen = {name: getattr(own, name) for name in names}
    return ProcessLimits(
        **{
            name: getattr(default, name) if value is None else value
            for name, value in chosen.items()
        }
    )


def stop_over(own: StopPolicy, default: StopPolicy) -> StopPolicy:
    """Return how a step is stopped: each part its own, else the mission's."""
    if own == DEFAULT_STOP:
        return default
    return StopPolicy(
        signal=own.signal or default.signal,
        grace=default.grace if own.grace is None else own.grace,
    )
