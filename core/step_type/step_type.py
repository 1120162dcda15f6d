"""What a step type is: a parameter model, a documented output, and one way to run.

A step has access only to what its `StepCall` holds. Expected failures are returned as
`StepOutcome.failure`; an exception that leaves `run` is a STEP_ERROR with its trace.
"""

import json
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar, Self

from msgspec import Struct

from core.domain.mission import EMPTY
from core.domain.process_policy import NO_LIMITS, Leftovers, ProcessLimits, StopSignal
from core.domain.reasons import Reason
from core.domain.records import LogLevel, TaskError
from core.domain.states import AttemptState
from core.errors import BugError
from core.ports.clock import Clock
from core.ports.executor import Executor, OutputSink, Placement, Resources
from core.step_type.host import StepHost
from core.step_type.intent import NO_INTENT, Intent
from core.step_type.lazy_model import lazy_model
from core.step_type.permitted import NOTHING_MORE, Permitted
from core.value.non_utf8 import escape_non_utf8

if TYPE_CHECKING:  # a run of plain steps needs no models, and saves the time to load pydantic
    from pydantic import BaseModel

    from core.step_type.parameter_model import StepParameters

DESCRIPTION_CHARACTERS = 200


class Mode(Enum):
    """How the engine runs a step type."""

    INSTANT = "instant"
    """Synchronous and without I/O: called inline on the event loop."""
    BLOCKING = "blocking"
    """Synchronous: runs in a thread, which cannot be interrupted."""
    ASYNC = "async"
    """A coroutine; cancelling it ends the step once its clean-up is done."""


def _allow(_intent: Intent) -> None:
    return None


class StepCall(Struct, frozen=True, kw_only=True):
    """Everything that a step has access to.

    `parameters` is the validated instance of the type's model, or of its plain form
    (`core.step_type.plain_parameters`); `env` is the complete environment of a child, `scope` plain
    JSON: `params`, `vars`, `steps` (outputs by step id), `execution`.
    """

    execution_id: str
    task_id: str
    attempt: int
    parameters: Any
    working_dir: Path
    env: Mapping[str, str]
    executor: Executor
    sink: OutputSink
    log: Callable[[LogLevel, str], None]
    clock: Clock
    grace_seconds: float = 5.0
    stop_signal: StopSignal = StopSignal.TERM
    """What a process of the step is asked to end with; KILL follows after `grace_seconds`."""
    limits: ProcessLimits = NO_LIMITS
    leftovers: Leftovers = Leftovers.EXECUTION
    """What the processes of the step may use: they go with every `Job`."""
    runs_on: Mapping[str, float | str] = EMPTY
    """What a process of the step needs from a worker of a cluster."""
    stays_here: bool = False
    """Whether its process runs on the runner's machine in any case."""
    part: str = ""
    """Tells a second process of the attempt, which runs beside the first, from that."""
    scope: Mapping[str, Any] = EMPTY
    cancelled: Event | None = None
    """Set when the attempt is cancelled: a BLOCKING step checks it in long loops and stops."""
    root: Path | None = None
    """The mission's folder, which no `working_dir` leaves; None: `working_dir` itself."""
    protected_paths: tuple[Path, ...] = ()
    """Files and folders no file step may touch: the home folder, the database, the keys."""
    permitted: Permitted = NOTHING_MORE
    """What the settings let steps reach beyond that."""
    new_values_path: Callable[[], str] | None = None
    """Names a new file to which a process may write values; None where there is no place for one.
    """
    waited: float = 0.0
    """Seconds that attempts lost with their runner have already waited."""
    recheck: Callable[[Intent], "StepOutcome | None"] = _allow
    """Asks safety and policies about what shows only while the step runs, such as where a redirect
    leads: returns the refusal, which the step ends with, or None."""
    host: StepHost | None = None
    """The engine, for steps that wait for a person or run another mission."""

    def require_host(self) -> StepHost:
        """Return the engine; `BugError` where a step is run without one."""
        if self.host is None:
            raise BugError(f"{self.task_id}: this step can only be run by an engine")
        return self.host


class StepOutcome(Struct, frozen=True, kw_only=True):
    """The outcome of an attempt: SUCCESS, FAILED or LOST, its reason and output (plain JSON)."""

    state: AttemptState
    reason_code: Reason
    message: str | None = None
    output: Mapping[str, Any] = EMPTY
    error: TaskError | None = None
    exit_code: int | None = None
    http_status: int | None = None
    variables: Mapping[str, Any] = EMPTY
    resources: Resources | None = None
    """What its process used, where it ran one and the executor can tell."""
    placement: Placement | None = None
    """Where its process ran, if not on the runner's machine."""

    @classmethod
    def success(
        cls,
        output: Mapping[str, Any] = EMPTY,
        *,
        reason: Reason = Reason.STEP_DONE,
        message: str | None = None,
        exit_code: int | None = None,
        http_status: int | None = None,
        variables: Mapping[str, Any] = EMPTY,
    ) -> Self:
        """Return the outcome of a step that succeeded."""
        return cls(
            state=AttemptState.SUCCESS,
            reason_code=reason,
            message=message,
            output=output,
            exit_code=exit_code,
            http_status=http_status,
            variables=variables,
        )

    @classmethod
    def lost(
        cls,
        message: str,
        reason: Reason = Reason.WORKER_LOST,
        *,
        placement: Placement | None = None,
    ) -> Self:
        """Return the outcome of an attempt that counts for nothing, and is made again.

        By default that is one of which nobody can tell how it ended.
        """
        message = escape_non_utf8(message)
        return cls(
            state=AttemptState.LOST,
            reason_code=reason,
            message=message,
            error=TaskError(message=message, kind="Lost"),
            placement=placement,
        )

    @classmethod
    def failure(
        cls,
        reason: Reason,
        message: str,
        kind: str,
        *,
        stack_trace: str = "",
        output: Mapping[str, Any] = EMPTY,
        exit_code: int | None = None,
        http_status: int | None = None,
    ) -> Self:
        """Return the outcome of a step that failed; `kind` names the failure for machines."""
        message = escape_non_utf8(message)
        return cls(
            state=AttemptState.FAILED,
            reason_code=reason,
            message=message,
            output=output,
            error=TaskError(
                message=message, kind=kind, stack_trace=stack_trace, exit_code=exit_code
            ),
            exit_code=exit_code,
            http_status=http_status,
        )


class StepType:
    """A kind of step. One instance serves all calls, so it keeps no state between them.

    A subclass sets the class attributes and overrides `run` (INSTANT, BLOCKING) or `run_async`
    (ASYNC). Third parties offer theirs through the entry-point group `missiondeck.step_types`.
    """

    name: ClassVar[str]
    mode: ClassVar[Mode]
    parameters: ClassVar["type[StepParameters]"]
    output: ClassVar["type[BaseModel]"] = lazy_model("core.step_type.parameter_model:NoOutput")
    """Documents the keys of the output object; `run` returns plain JSON of that shape."""
    only_waits: ClassVar[bool] = False
    """Whether it only waits: then the time that lost attempts have waited counts."""
    summary: ClassVar[str]
    """One line: what it does, in the imperative."""

    def run(self, call: StepCall) -> StepOutcome:
        """Run an INSTANT or BLOCKING step."""
        raise BugError(f"{call.task_id}: {self.name} ({self.mode.value}) has no synchronous run")

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Run an ASYNC step."""
        raise BugError(f"{call.task_id}: {self.name} ({self.mode.value}) has no coroutine")

    async def is_met(self, call: StepCall) -> bool:
        """Tell whether what a step waits for is there at this moment; False for one of no wait."""
        del call
        return False

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Say in one line what would be done, from raw parameters with templates unresolved."""
        if not parameters:
            return self.name
        shown = ", ".join(f"{key}={plain_text(value)}" for key, value in parameters.items())
        return clip(f"{self.name}: {shown}")

    def intent(self, parameters: Mapping[str, Any]) -> Intent:
        """Say what would be run, reached and written, from raw parameters as `describe` gets them.

        Safety and policy decide by it before each attempt; it never raises, whatever they are.
        """
        del parameters
        return NO_INTENT


def plain_text(value: object) -> str:
    """Return a raw parameter value as one line of text."""
    if isinstance(value, str):
        return " ".join(value.split())
    return json.dumps(value, ensure_ascii=False, default=str)


def clip(text: str, limit: int = DESCRIPTION_CHARACTERS) -> str:
    """Return `text`, cut to `limit` characters with an ellipsis."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
