"""The keys of `limits` and `stop`: what the processes of a step may use, and how they end."""

from typing import Any

from core.domain.process_policy import ProcessLimits, StopPolicy, StopSignal
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    Key,
    check_interval,
    check_mapping,
    one_of,
    whole,
)
from core.mission_file.keys.json_schema import DURATION, integer

_MAX_SECONDS = 366 * 24 * 3600
_MAX_MB = 1 << 30
_MAX_FILES = 1 << 20
_MAX_PROCESSES = 1 << 22
_MIN_FILES = 8
"""Below this the dynamic loader cannot open the libraries of a program."""

LIMIT_KEYS = {
    "cpu_seconds": Key(
        check=whole(1, _MAX_SECONDS),
        doc="Processor time of each process, in whole seconds; SIGXCPU ends it.",
        schema=integer(1, _MAX_SECONDS),
        default="unlimited",
        example="600",
        synonyms=("cpu", "cpu_time", "max_cpu"),
    ),
    "memory_mb": Key(
        check=whole(1, _MAX_MB),
        doc="Memory of all its processes together, in MiB; needs a delegated cgroup v2.",
        schema=integer(1, _MAX_MB),
        default="unlimited",
        example="2048",
        synonyms=("memory", "mem", "max_memory", "ram"),
    ),
    "open_files": Key(
        check=whole(_MIN_FILES, _MAX_FILES),
        doc="File descriptors of each process.",
        schema=integer(_MIN_FILES, _MAX_FILES),
        default="the runner's limit",
        example="256",
        synonyms=("nofile", "files", "descriptors", "max_open_files"),
    ),
    "processes": Key(
        check=whole(1, _MAX_PROCESSES),
        doc="Processes and threads at once, all together; needs a delegated cgroup v2.",
        schema=integer(1, _MAX_PROCESSES),
        default="unlimited",
        example="64",
        synonyms=("pids", "nproc", "max_processes"),
    ),
    "file_mb": Key(
        check=whole(1, _MAX_MB),
        doc="Size of each file that it writes, in MiB; SIGXFSZ ends it.",
        schema=integer(1, _MAX_MB),
        default="unlimited",
        example="100",
        synonyms=("fsize", "file_size", "max_file_size"),
    ),
    "nice": Key(
        check=whole(0, 19),
        doc="By how much its priority is lowered: 0 not at all, 19 the most.",
        schema=integer(0, 19),
        default="0",
        example="10",
        synonyms=("niceness", "priority"),
    ),
}

STOP_KEYS = {
    "signal": Key(
        check=one_of(StopSignal),
        doc="The first signal when it is cancelled or timed out.",
        schema={"enum": [choice.value for choice in StopSignal]},
        default="TERM",
        example="INT",
    ),
    "grace": Key(
        check=check_interval,
        doc="How long after it everything that is left is killed.",
        schema=DURATION,
        default="5 seconds",
        example="30s",
        synonyms=("grace_seconds", "timeout", "grace_period"),
    ),
}


def check_limits(value: Any, path: Path, problems: Problems) -> Any:
    """Check `limits`; return a `ProcessLimits`."""
    fields = check_mapping(value, path, problems, LIMIT_KEYS, "`limits`")
    return INVALID if fields is INVALID or INVALID in fields.values() else ProcessLimits(**fields)


def check_stop(value: Any, path: Path, problems: Problems) -> Any:
    """Check `stop`; return a `StopPolicy`."""
    fields = check_mapping(value, path, problems, STOP_KEYS, "`stop`")
    return INVALID if fields is INVALID or INVALID in fields.values() else StopPolicy(**fields)


def refuse_without_process(step_type: str, key: str, path: Path, problems: Problems) -> None:
    """Report a policy for processes at a step whose type runs none."""
    problems.error(
        Code.BAD_VALUE,
        f"`{key}` is for steps that run a process, and {step_type} runs none",
        (*path, key),
        on_key=True,
        hint="use it with command and script",
    )
