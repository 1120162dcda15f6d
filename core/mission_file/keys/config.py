"""The keys of `config`: how a mission is executed."""

import os
from typing import Any

from msgspec.structs import replace

from core.domain.mission import Durability, ExecutorKind, MissionConfig
from core.domain.process_policy import Leftovers
from core.mission_file.finding.code import Code
from core.mission_file.finding.limit import MAX_PARALLEL_ATTEMPTS
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    Key,
    check_boolean,
    check_mapping,
    check_timeout,
    mapping_schema,
    one_of,
    text,
    whole,
)
from core.mission_file.keys.breaker_thresholds import BREAKER_KEYS, check_breaker
from core.mission_file.keys.json_schema import BOOLEAN, TEXT, TIMEOUT, integer
from core.mission_file.keys.limits_and_stop import (
    LIMIT_KEYS,
    STOP_KEYS,
    check_limits,
    check_stop,
)
from core.mission_file.keys.not_yet import refuse_unsupported
from core.mission_file.keys.placement import (
    FOLDERS_SCHEMA,
    RUNS_ON_SCHEMA,
    check_runs_on,
    check_shared_folders,
    warn_not_shared,
)
from core.mission_file.keys.retry_policy import RETRY_KEYS, check_retry
from core.mission_file.shapes.concurrency_key import PRIORITY

_PARALLEL_LIMIT = Key(
    check=whole(1, MAX_PARALLEL_ATTEMPTS),
    doc="How many attempts may run at once.",
    schema=integer(1, MAX_PARALLEL_ATTEMPTS),
    default="the number of CPUs + 4, at most 64; on a cluster its slots",
    example="4",
    synonyms=("parallelism", "max_parallel", "concurrency", "max_workers", "jobs", "parallel"),
)

OLD_SPELLINGS = ("max_parallel_steps", "max_concurrent_steps")
"""Names of `parallel_limit` in the schema that this one derives from."""

CONFIG_KEYS = {
    "timeout_seconds": Key(
        check=check_timeout,
        doc="The mission's deadline, and the ceiling for a step without its own.",
        schema=TIMEOUT,
        default="no deadline",
        example="3600",
        synonyms=("timeout", "deadline", "max_duration"),
    ),
    "fail_fast": Key(
        check=check_boolean,
        doc="Whether the first failure cancels running steps and skips waiting ones; otherwise only"
        " the steps that depend on the failed one are skipped.",
        schema=BOOLEAN,
        default="true",
        example="false",
        synonyms=("stop_on_error", "abort_on_error"),
    ),
    "parallel_limit": _PARALLEL_LIMIT,
    "priority": PRIORITY,
    "retry": Key(
        check=check_retry,
        doc="The retry policy of steps without their own.",
        schema=mapping_schema(RETRY_KEYS),
        default="no retry",
        example="{max_attempts: 3}",
        synonyms=("retries", "retry_policy"),
    ),
    "working_dir": Key(
        check=text(4096),
        doc="The folder steps work in, relative to the mission file; file steps never leave it.",
        schema=TEXT,
        default="the folder of the mission file",
        example="build",
        synonyms=("cwd", "workdir", "working_directory"),
    ),
    "durability": Key(
        check=one_of(Durability),
        doc="strict: a step starts once its start is on disk; relaxed: while it is being written,"
        " so that the last steps may run again after a power failure.",
        schema={"enum": [choice.value for choice in Durability]},
        default="strict",
        example="strict",
    ),
    "limits": Key(
        check=check_limits,
        doc="What the processes of command and script may use; a step's limits go over these.",
        schema=mapping_schema(LIMIT_KEYS),
        default="no limits",
        example="{cpu_seconds: 600, file_mb: 1024}",
        synonyms=("ulimit", "rlimits", "resources"),
    ),
    "stop": Key(
        check=check_stop,
        doc="How the process of a command or script is ended when it has to stop.",
        schema=mapping_schema(STOP_KEYS),
        default="{signal: TERM, grace: 5s}",
        example="{grace: 30s}",
    ),
    "breaker": Key(
        check=check_breaker,
        doc="When the circuit breaker stops new attempts for a shortage on the machine.",
        schema=mapping_schema(BREAKER_KEYS),
        default="the settings, then the defaults of its keys",
        example="{free_disk_mb: 500, max_wait_seconds: 1h}",
        synonyms=("circuit_breaker", "pressure"),
    ),
    "leftovers": Key(
        check=one_of(Leftovers),
        doc="When processes that a command or script leaves behind are ended: with the execution,"
        " with the step, or never (keep).",
        schema={"enum": [choice.value for choice in Leftovers]},
        default="execution",
        example="step",
    ),
    "executor": Key(
        check=one_of(ExecutorKind),
        doc="Where the processes of command and script run: local, on this machine; dask, on the"
        " cluster that the option `--executor` or the setting `executor` names.",
        schema={"enum": [choice.value for choice in ExecutorKind]},
        default="as the command line or the settings say, else local",
        example="dask",
    ),
    "shared_folders": Key(
        check=check_shared_folders,
        doc="Folders that the workers of a cluster see at the same paths. A step that works in"
        " another folder runs on this machine.",
        schema=FOLDERS_SCHEMA,
        default="[]",
        example="[/data]",
    ),
    "runs_on": Key(
        check=check_runs_on,
        doc="What steps without their own need from a worker of a cluster.",
        schema=RUNS_ON_SCHEMA,
        default="{}",
        example="{gpu: 1}",
    ),
}

_ACCEPTED = {
    **CONFIG_KEYS,
    **dict.fromkeys(OLD_SPELLINGS, replace(_PARALLEL_LIMIT, is_old=True, synonyms=())),
}


def default_parallel_limit() -> int:
    """Return how many attempts run at once when a mission does not say."""
    return min(64, (os.cpu_count() or 1) + 4)


def check_config(value: Any, path: Path, problems: Problems) -> Any:
    """Check `config`; return a `MissionConfig`."""
    fields = check_mapping(value, path, problems, _ACCEPTED, "`config`")
    if fields is INVALID:
        return INVALID
    for old in OLD_SPELLINGS:
        if old not in fields:
            continue
        limit = fields.pop(old)
        if "parallel_limit" in fields:
            problems.error(
                Code.DUPLICATE_KEY,
                f"`{old}` and `parallel_limit` are the same",
                (*path, old),
                on_key=True,
                hint="keep `parallel_limit`",
            )
            return INVALID
        fields["parallel_limit"] = limit
        problems.warn(
            Code.RENAMED_KEY,
            f"`{old}` is read as `parallel_limit`",
            (*path, old),
            on_key=True,
            hint="write `parallel_limit`",
        )
    if fields.get("durability") is Durability.RELAXED:
        refuse_unsupported("durability: relaxed", (*path, "durability"), problems)
    if INVALID in fields.values():
        return INVALID
    warn_not_shared(fields, path, problems)
    return make_config(fields)


def make_config(fields: dict[str, Any]) -> MissionConfig:
    """Return a config with defaults where `fields` has none."""
    is_own = "parallel_limit" in fields
    fields.setdefault("parallel_limit", default_parallel_limit())
    return MissionConfig(**fields, has_own_parallel_limit=is_own)
