"""The mission as authored, as frozen data. Durations of policies are in seconds.

Nothing here parses, decides or stores.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from msgspec import Struct, field

from core.domain.process_policy import (
    DEFAULT_STOP,
    NO_LIMITS,
    Leftovers,
    ProcessLimits,
    StopPolicy,
)


class _Empty(Mapping[str, Any]):
    """The empty mapping, hashable: before Python 3.12 a mappingproxy cannot be a field default."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


Json = Any
"""Plain JSON data: None, bool, int, float, str, list, and dict with string keys."""
EMPTY: Mapping[str, Any] = _Empty()
WORKFLOW_NAMESPACE = UUID("0b3f1d1e-90f5-5b0e-8a4d-2f2b1f6f9a77")


class TriggerRule(StrEnum):
    """Which upstream outcomes let a step run."""

    ALL_SUCCESS = "all_success"
    ALL_DONE = "all_done"
    ALL_FAILED = "all_failed"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_SKIPPED = "none_skipped"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    ALWAYS = "always"


class ParamType(StrEnum):
    """The type of a mission parameter."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    PATH = "path"


class Durability(StrEnum):
    """When a step may start: after its start is on disk, or (relaxed) while it is being written."""

    STRICT = "strict"
    RELAXED = "relaxed"


class RetryOn(Struct, frozen=True, kw_only=True):
    """Which failures are retried; an empty tuple does not restrict."""

    exit_codes: tuple[int, ...] = ()
    reason_codes: tuple[str, ...] = ()
    http_status: tuple[int, ...] = ()


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """Temporal's retry fields. Intervals in seconds; `jitter` is the fraction (0..1) taken off."""

    max_attempts: int = 1
    initial_interval: float = 1.0
    backoff_coefficient: float = 2.0
    max_interval: float = 100.0
    jitter: float = 0.0
    retry_on: RetryOn | None = None


class Param(Struct, frozen=True, kw_only=True):
    """A typed input of a mission."""

    name: str
    type: ParamType = ParamType.STRING
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    pattern: str | None = None
    secret: bool = False
    description: str = ""


INPUT_PREFIX = "MISSION_SECRET_"
"""The value of the secret input NAME comes from the variable MISSION_SECRET_NAME of the runner."""


class DeclaredSecret(Struct, frozen=True):
    """A secret that a mission declares: its name, and where its value comes from.

    Without a `source` that is the secret store; otherwise `env:NAME`, `file:PATH`, `cmd:COMMAND` or
    `keyring:SERVICE/USER`.
    """

    name: str
    source: str | None = None


class ExecutorKind(StrEnum):
    """Where the processes of a mission's steps run."""

    LOCAL = "local"
    """On the machine of the runner."""
    DASK = "dask"
    """On the workers of a Dask cluster."""


class MissionConfig(Struct, frozen=True, kw_only=True):
    """How a mission is executed. `timeout_seconds` None means no deadline."""

    timeout_seconds: float | None = None
    fail_fast: bool = True
    parallel_limit: int = 8
    has_own_parallel_limit: bool = False
    """Whether the mission says it; else it is a default, which a cluster replaces."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    working_dir: str = "."
    durability: Durability = Durability.STRICT
    limits: ProcessLimits = NO_LIMITS
    stop: StopPolicy = DEFAULT_STOP
    breaker: Mapping[str, Any] = EMPTY
    """What the mission sets of a `core.domain.breaker_policy.BreakerPolicy`."""
    leftovers: Leftovers = Leftovers.EXECUTION
    executor: ExecutorKind | None = None
    """None: as the command line or the settings say."""
    shared_folders: tuple[str, ...] = ()
    """Folders that the workers of a cluster see at the same paths as this machine."""
    runs_on: Mapping[str, float | str] = EMPTY
    """What steps without their own `runs_on` need from a worker."""
    priority: int = 0
    """Who goes first where executions wait for each other: the higher one."""


class Precondition(Struct, frozen=True, kw_only=True):
    """What must hold when an attempt or a mission starts: an expression, or a script.

    A script holds when it exits with 0.
    """

    expression: str = ""
    """With its templates unresolved; empty for a script."""
    script: str = ""
    shell: str = "bash"


class Repeat(Struct, frozen=True, kw_only=True):
    """How a step is repeated whose attempts succeed."""

    every: float = 1.0
    """Seconds between the end of an attempt and the start of the next."""
    until: str | None = None
    """An expression; None repeats it `limit` times."""
    limit: int = 100
    """How many attempts may succeed in all."""


class Ready(Struct, frozen=True, kw_only=True):
    """When a service is ready: what is probed, one of five, templates unresolved."""

    port: str | None = None
    url: str | None = None
    file: str | None = None
    log: str | None = None
    """A pattern (RE2) that a line of its output matches."""
    run: str | None = None
    """The text of a script that must exit with 0."""
    timeout: float = 60.0
    """Seconds that it may take."""


class GroupPolicy(StrEnum):
    """What an execution does while another one of its group runs."""

    QUEUE = "queue"
    """It waits for its turn."""
    REFUSE = "refuse"
    """It does not run."""
    CANCEL = "cancel"
    """It cancels those before it, and runs once they have ended."""


class Concurrency(Struct, frozen=True, kw_only=True):
    """The group of a mission, its templates over parameters unresolved."""

    group: str
    policy: GroupPolicy = GroupPolicy.QUEUE


class MissionStep(Struct, frozen=True, kw_only=True):
    """One node of a mission. `parameters` is plain JSON data, templates unresolved."""

    id: str
    name: str
    step_type: str
    depends_on: tuple[str, ...] = ()
    timeout_seconds: float | None = None
    continue_on_error: bool = False
    parameters: Mapping[str, Any] = EMPTY
    retry: RetryPolicy | None = None
    when: str | None = None
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    foreach: Any = None
    matrix: Mapping[str, Any] | None = None
    max_parallel: int | None = None
    env: Mapping[str, str] = EMPTY
    env_files: tuple[str, ...] = ()
    """Environment files, relative to the folder of the mission file; `env` goes over them."""
    secrets: tuple[str, ...] = ()
    secret_files: Mapping[str, str] = EMPTY
    """Variable → secret: its value is delivered as a file whose path is in the variable."""
    working_dir: str | None = None
    idempotent: bool = True
    mutex: str | None = None
    """At most one attempt of all executions runs at once that has this mutex."""
    runs_on: Mapping[str, float | str] | None = None
    """None: as the mission says."""
    limits: ProcessLimits = NO_LIMITS
    stop: StopPolicy = DEFAULT_STOP
    leftovers: Leftovers | None = None
    """None: as the mission says."""
    artifacts: tuple[str, ...] = ()
    """Patterns of the files in its working folder that are kept, templates unresolved."""
    preconditions: tuple[Precondition, ...] = ()
    repeat: Repeat | None = None
    service: bool = False
    """Whether it runs until the steps that need it have ended."""
    ready: Ready | None = None
    """When a service is ready; None: as soon as it runs."""
    inputs: tuple[str, ...] = ()
    """Patterns of the files that it reads, templates unresolved."""
    outputs: tuple[str, ...] = ()
    """Patterns of the files that it makes."""
    template: str | None = None
    """The template of the mission that it was written with; its keys are here already."""

    @property
    def declares_files(self) -> bool:
        """Tell whether it names its files, so that it is skipped while nothing has changed."""
        return bool(self.inputs or self.outputs)

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The names of all secrets that it reads, each once."""
        if not (self.secrets or self.secret_files):
            return ()
        return tuple(dict.fromkeys((*self.secrets, *self.secret_files.values())))


MATRIX_INCLUDE, MATRIX_EXCLUDE = "include", "exclude"
"""Keys of a matrix that are no axes: combinations that are added or extended, and left out."""


class Handlers(Struct, frozen=True, kw_only=True):
    """Steps that run when the mission has ended, each with its own deadline."""

    on_success: tuple[MissionStep, ...] = ()
    on_failure: tuple[MissionStep, ...] = ()
    on_cancel: tuple[MissionStep, ...] = ()
    always: tuple[MissionStep, ...] = ()

    @property
    def all(self) -> tuple[MissionStep, ...]:
        """Every handler step, in the order of the groups."""
        return self.on_success + self.on_failure + self.on_cancel + self.always


class Mission(Struct, frozen=True, kw_only=True):
    """A validated mission: 1..N steps with unique ids, every dependency existing, no cycle."""

    version: str
    name: str
    steps: tuple[MissionStep, ...]
    description: str | None = None
    params: tuple[Param, ...] = ()
    variables: Mapping[str, Any] = EMPTY
    secrets: tuple[DeclaredSecret, ...] = ()
    env: Mapping[str, str] = EMPTY
    env_files: tuple[str, ...] = ()
    """Environment files, relative to the folder of the mission file; `env` goes over them."""
    config: MissionConfig = field(default_factory=MissionConfig)
    concurrency: Concurrency | None = None
    labels: Mapping[str, str] = EMPTY
    preconditions: tuple[Precondition, ...] = ()
    """What must hold before the first step; else none is run, and the execution is a success."""
    handlers: Handlers = field(default_factory=Handlers)

    @property
    def workflow_id(self) -> str:
        """The stable id of the mission, derived from its name."""
        return workflow_id_of(self.name)

    @property
    def all_steps(self) -> tuple[MissionStep, ...]:
        """Steps and then handlers, in the order in which their task runs are numbered."""
        return self.steps + self.handlers.all


def workflow_id_of(mission_name: str) -> str:
    """Return the stable id of the missions of that name (UUIDv5)."""
    return str(uuid5(WORKFLOW_NAMESPACE, mission_name))


class MissionSource(Struct, frozen=True, kw_only=True):
    """A mission file as it was read: `digest` is the SHA-256 (hex) of `content`'s bytes."""

    digest: str
    name: str
    content: bytes
    format: str
    """`yaml` or `json`."""
