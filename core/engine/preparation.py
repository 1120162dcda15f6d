"""Prepares attempts: resolves templates, validates parameters and finds the working directory.

Whatever is wrong becomes a refusal: the attempt starts and fails with that outcome.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from core.domain.mission import EMPTY, Mission, MissionStep, Precondition, Ready
from core.domain.process_policy import DEFAULT_GRACE_SECONDS
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.engine.context import ExecutionContext
from core.errors import MissionDeckError
from core.expression.evaluate import ExpressionError, TemplateSyntaxError, has_template, render
from core.machine.environment import value_text
from core.machine.values_folder import ValuesFolder
from core.machine.working_dir import folder_within
from core.output.masker import MASK_TEXT, Masker
from core.ports.artifacts import ArtifactKeeper
from core.ports.clock import Clock
from core.ports.executor import Executor
from core.ports.journal import Journal
from core.ports.step_record import StepRecords
from core.security.attempt_gate import AttemptGate
from core.security.env_file import EnvFile, read_env_files, secrets_of, values_of
from core.security.mission_secrets import MissionSecrets
from core.step_type.permitted import NOTHING_MORE, Permitted
from core.step_type.plain_parameters import plain_parameters
from core.step_type.registry import kept_parameters, step_type
from core.step_type.step_type import Mode, StepOutcome, StepType
from core.value.path_pattern import pattern_problem


class RunContext(Struct, frozen=True, kw_only=True):
    """What all attempts of one execution share."""

    execution_id: str
    mission: Mission
    context: ExecutionContext
    executor: Executor
    journal: Journal
    clock: Clock
    working_dir: Path
    environ: Mapping[str, str]
    environ_error: str | None = None
    """Why the mission's own `env` has no value: then nothing can be started."""
    grace_seconds: float = DEFAULT_GRACE_SECONDS
    log_limit_bytes: int = 10 * 1024 * 1024
    protected_paths: tuple[Path, ...] = ()
    permitted: Permitted = NOTHING_MORE
    """What the settings let steps reach that safety otherwise refuses."""
    masker: Masker = field(default_factory=Masker)
    """Masks the secrets that steps of this runner have read; shared with sub-missions."""
    mission_digest: str = ""
    """The SHA-256 of the mission file."""
    folder: Path | None = None
    """The folder of the mission file, where environment files are; None: the working folder."""
    mission_env: Mapping[str, str] = EMPTY
    """The mission's own `env` with its values, which is part of `environ`."""
    gate: AttemptGate | None = None
    """Decides before each attempt whether it may begin; None, in tests alone, allows all."""
    values_folder: ValuesFolder = field(default_factory=ValuesFolder)
    """Where processes leave values; whoever drives the execution closes it."""
    artifacts: ArtifactKeeper | None = None
    """Keeps the artifacts of steps; None where no step declares any."""
    secrets: MissionSecrets | None = None
    """Where the mission's secrets come from; None where a mission can have none."""
    step_records: StepRecords | None = None
    """What the last successes of steps left; None, in tests alone: no step is skipped for it."""
    forced: tuple[str, ...] = ()
    """The steps that run though nothing may have changed; `*` for all of them."""


class Surroundings(Protocol):
    """What the preparation of an attempt needs to know of its execution; a plan has no more."""

    @property
    def mission(self) -> Mission: ...  # noqa: D102 - as in RunContext

    @property
    def context(self) -> ExecutionContext: ...  # noqa: D102 - as in RunContext

    @property
    def working_dir(self) -> Path: ...  # noqa: D102 - as in RunContext

    @property
    def mission_env(self) -> Mapping[str, str]: ...  # noqa: D102 - as in RunContext

    @property
    def environ_error(self) -> str | None: ...  # noqa: D102 - as in RunContext

    @property
    def folder(self) -> Path | None: ...  # noqa: D102 - as in RunContext

    @property
    def protected_paths(self) -> tuple[Path, ...]: ...  # noqa: D102 - as in RunContext

    @property
    def masker(self) -> Masker: ...  # noqa: D102 - as in RunContext


class Prepared(Struct, frozen=True, kw_only=True):
    """An attempt that can start: `inputs` are the resolved parameters as they are recorded.

    With a `refusal` it is over before it began: the attempt starts and fails with that outcome.
    """

    task: TaskRun
    step: MissionStep
    type: StepType | None
    inputs: Mapping[str, Any]
    parameters: Any = None
    """An instance of the model of the type, or of its plain form; None with a refusal."""
    env: Mapping[str, str] = EMPTY
    working_dir: Path | None = None
    env_files: tuple[EnvFile, ...] = ()
    """The environment files that the step names, as they were read."""
    artifacts: tuple[str, ...] = ()
    """The patterns of the files that are kept, templates resolved."""
    preconditions: tuple[Precondition, ...] = ()
    ready: Mapping[str, Any] | None = None
    """Of a service: when it is ready, templates resolved; None for any other step."""
    refusal: StepOutcome | None = None
    warnings: tuple[str, ...] = ()
    """What its log begins with: what policies say that only warn."""
    reads: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    """Patterns of the files that it reads and makes, relative to its working directory."""
    scope: Mapping[str, Any] = EMPTY
    """What the templates were rendered with, for a step that reads secrets: masked ones here."""

    @property
    def is_instant(self) -> bool:
        """Tell whether it runs inline, without a task of its own."""
        return self.refusal is not None or (
            self.type is not None
            and self.type.mode is Mode.INSTANT
            and not self.step.secret_names
            and not self.step.env_files
            and not self.step.artifacts
            and not self.step.preconditions
            and not self.step.declares_files
        )


def prepare(run_context: Surroundings, task: TaskRun, step: MissionStep) -> Prepared:
    """Resolve templates and validate parameters; whatever is wrong becomes a refusal."""
    kind = None
    inputs: Mapping[str, Any] = step.parameters
    if run_context.environ_error is not None:
        return _refused(task, step, inputs, run_context.environ_error)
    try:
        kind = step_type(step.step_type)
        if kind is None:
            return _refused(task, step, inputs, f"unknown step type `{step.step_type}`")
        scope = _Scope(run_context.context, task, step.secret_names)
        inputs = _inputs(step, scope)
        parameters = _validated(kind, inputs)
        env = _env(step, scope) if step.env else EMPTY
        env_files = _env_files(run_context, step) if step.env_files else ()
        if env_files:
            env = {**values_of(env_files), **env}
        folder = _working_dir(run_context, step, scope)
        artifacts = _patterns("artifacts", step.artifacts, scope)
        reads = _patterns("inputs", step.inputs, scope)
        makes = _patterns("outputs", step.outputs, scope)
    except MissionDeckError as error:
        return _refused(task, step, inputs, error.message)
    except (ExpressionError, TemplateSyntaxError) as error:
        return _refused(task, step, inputs, str(error))
    except ValueError as error:
        return _refused(task, step, inputs, reason_of(error))
    return Prepared(
        task=task,
        step=step,
        type=kind,
        inputs=inputs,
        parameters=parameters,
        env=env,
        working_dir=folder,
        env_files=env_files,
        artifacts=artifacts,
        preconditions=step.preconditions,
        ready=_ready(step, scope) if step.service else None,
        reads=reads,
        makes=makes,
        scope=scope() if step.secret_names else EMPTY,
    )


def with_secrets(prepared: Prepared, values: Mapping[str, str]) -> Prepared:
    """Return the attempt with the values of secrets in the place of their masks; `inputs` stay.

    Raises `ExpressionError` or `ValueError` for values that do not fit.
    """
    step = prepared.step
    if prepared.type is None or not (has_template(step.parameters) or has_template(step.env)):
        return prepared
    scope = {**prepared.scope, "secrets": values}
    return replace(
        prepared,
        parameters=_validated(prepared.type, _inputs(step, lambda: scope)),
        env={**values_of(prepared.env_files), **_env(step, lambda: scope)},
    )


class _Scope:
    """The names that the templates of a step may use, put together when they are first needed.

    In it secrets are masks: what is rendered is recorded.
    """

    __slots__ = ("_context", "_names", "_scope", "_task")

    def __init__(self, context: ExecutionContext, task: TaskRun, names: tuple[str, ...]) -> None:
        self._context = context
        self._task = task
        self._names = names
        self._scope: Mapping[str, Any] | None = None

    def __call__(self) -> Mapping[str, Any]:
        if self._scope is None:
            self._scope = self._context.scope(self._task)
            if self._names:
                masks = dict.fromkeys(self._names, MASK_TEXT)
                self._scope = {**self._scope, "secrets": masks}
        return self._scope


def _inputs(step: MissionStep, scope: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the parameters with templates rendered; expressions stay, the step evaluates them."""
    expressions = kept_parameters(step.step_type)
    if not expressions:
        resolved: Mapping[str, Any] = _resolved(step.parameters, scope)
        return resolved
    return {
        key: value if key in expressions else _resolved(value, scope)
        for key, value in step.parameters.items()
    }


def _resolved(value: Any, scope: Callable[[], Mapping[str, Any]]) -> Any:
    """Return `value` with templates rendered; what holds none is returned as it is."""
    return render(value, scope()) if value and has_template(value) else value


def _env(step: MissionStep, scope: Callable[[], Mapping[str, Any]]) -> dict[str, str]:
    found = _resolved(step.env, scope)
    return {name: value_text(value) for name, value in found.items()}


def _validated(kind: StepType, inputs: Mapping[str, Any]) -> Any:
    plain = plain_parameters(kind.name, inputs)
    if plain is not None:
        return plain
    return kind.parameters.model_validate(dict(inputs))


def reason_of(error: Exception) -> str:
    """Return what is wrong in one line; a pydantic error names every field."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    return "; ".join(
        f"{'.'.join(str(part) for part in found['loc']) or 'parameters'}: {found['msg']}"
        for found in errors(include_url=False, include_context=False, include_input=False)
    )


def _working_dir(
    run_context: Surroundings, step: MissionStep, scope: Callable[[], Mapping[str, Any]]
) -> Path:
    if step.working_dir is None:
        return run_context.working_dir
    name = str(_resolved(step.working_dir, scope))
    return folder_within(run_context.working_dir, run_context.working_dir, name)


def _env_files(run_context: Surroundings, step: MissionStep) -> tuple[EnvFile, ...]:
    folder = run_context.folder or run_context.working_dir
    files = tuple(read_env_files(folder, step.env_files, run_context.protected_paths))
    for name, value in secrets_of(files).items():
        run_context.masker.add(name, value)
    return files


def _ready(step: MissionStep, scope: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    if step.ready is None:
        return EMPTY
    return {name: _resolved(value, scope) for name, value in probes_of(step.ready).items()}


def probes_of(ready: Ready) -> dict[str, Any]:
    """Return when a service is ready as the parameters of a step that waits for it."""
    return {name: value for name, value in asdict(ready).items() if value is not None}


def _patterns(
    key: str, patterns: tuple[str, ...], scope: Callable[[], Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return patterns of files with templates rendered; `ValueError` for one that leaves."""
    if not patterns or not has_template(patterns):
        return patterns
    found = tuple(value_text(_resolved(pattern, scope)) for pattern in patterns)
    for pattern in found:
        problem = pattern_problem(pattern)
        if problem is not None:
            raise ValueError(f"{key}, `{pattern}`: {problem}")
    return found


def _refused(task: TaskRun, step: MissionStep, inputs: Mapping[str, Any], why: str) -> Prepared:
    outcome = StepOutcome.failure(Reason.INVALID_PARAMETERS, why, "InvalidParameters")
    return Prepared(task=task, step=step, type=None, inputs=inputs, refusal=outcome)
