"""Converts the bodies of the chain back to domain events for the fold.

Free-form data is in the chain by digest only. A rebuilt event holds a `DigestOnly` in its place,
which the fold carries into the records, where it is compared with the contents of the tables.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec import Struct

from core.audit.format.body import EXECUTION_CREATED
from core.domain.breaker_state import BreakerState
from core.domain.events import (
    NOTE_KINDS,
    ArmedStart,
    AttemptArmed,
    AttemptDisarmed,
    AttemptEnded,
    AttemptPlaced,
    AttemptStarted,
    BreakerChanged,
    BreakpointChange,
    BreakpointChanged,
    CancelRequested,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    Noted,
    OpaqueEvent,
    Readiness,
    StepEnd,
    StepExpanded,
    TaskStateChanged,
)
from core.domain.reasons import Reason
from core.domain.state_word import counted
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.errors import AuditError

MAX_ITEMS: Final = 1_000_000
"""The most items of a fan-out; a body with more is rejected."""

_ABSENT: Final[Any] = object()

T = TypeVar("T")


class RebuildError(AuditError):
    """Raised when the details of a body do not match its type."""

    code = "REBUILD"


class DigestOnly(Struct, frozen=True):
    """Stands for free-form data of which only the SHA-256 (hex) of the JSON text is known."""

    digest: str


def event_of(
    kind: str,
    details: Mapping[str, Any],
    *,
    ts: int,
    actor: str,
    execution_id: str,
    task_id: str | None,
    step_ids: Callable[[], tuple[str, ...]],
) -> Event:
    """Return the event a body records.

    `step_ids` gives the steps of an execution that is being created, which the chain knows by count
    and digest only. A type that changes no state becomes a `Noted`; one that this version does not
    know, or that is the chain's own, an `OpaqueEvent`. Raises `RebuildError`.
    """
    make = _MAKERS.get(kind)
    if make is None and kind != EXECUTION_CREATED:
        if kind in NOTE_KINDS:
            return Noted(at=ts, execution_id=execution_id, actor=actor, kind=kind, facts=details)
        return OpaqueEvent(at=ts, execution_id=execution_id, actor=actor, kind=kind)
    found = _Details(details, task_id)
    at = found.instant("at") if "at" in details else None
    common = {"at": ts if at is None else at, "execution_id": execution_id, "actor": actor}
    if make is None:
        return _created(found, common, step_ids())
    return make(found, common)


class _Details:
    """Typed access to untrusted details."""

    __slots__ = ("_details", "_task_id")

    def __init__(self, details: Mapping[str, Any], task_id: str | None) -> None:
        self._details = details
        self._task_id = task_id

    def task(self) -> str:
        if self._task_id is None:
            raise RebuildError("a step's event that names no step")
        return self._task_id

    def text(self, name: str) -> str:
        value = self._details.get(name)
        if type(value) is not str:
            raise RebuildError(f"details without the text {name}")
        return value

    def optional(self, name: str) -> str | None:
        value = self._details.get(name, _ABSENT)
        if value is _ABSENT:
            return None
        return value if type(value) is str else self.text(name)

    def flag(self, name: str) -> bool:
        value = self._details.get(name, False)
        if type(value) is not bool:
            raise RebuildError(f"{name} is neither true nor false")
        return value

    def integer(self, name: str) -> int:
        value = self._details.get(name)
        if type(value) is not int:
            raise RebuildError(f"details without the number {name}")
        return value

    def number(self, name: str) -> int | None:
        value = self._details.get(name, _ABSENT)
        if value is _ABSENT:
            return None
        return value if type(value) is int else self.integer(name)

    def instant(self, name: str) -> int | None:
        if name not in self._details:
            return None
        text = self.text(name)  # beyond 2^53
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 25):
            raise RebuildError(f"{name} is not an instant")
        return int(text)

    def member(self, members: Mapping[str, T], name: str) -> T:
        try:
            return members[self._details[name]]
        except (KeyError, TypeError):
            raise RebuildError(f"details without a known {name}") from None

    def reason(self) -> Reason:
        return self.member(_REASONS, "reason_code")

    def policies(self) -> Mapping[str, str]:
        """Return the hashes of policy files by path; without any where there were none."""
        listed = self._details.get("policies", [])
        if type(listed) is not list:
            raise RebuildError("policies that are no list")
        found = {}
        for one in listed:
            if type(one) is not dict:
                raise RebuildError("a policy that is no object")
            entry = _Details(one, None)
            found[entry.text("path")] = entry.text("sha256")
        return found

    def numbers(self, name: str) -> Mapping[str, int]:
        value = self._details.get(name, {})
        if type(value) is not dict or any(type(number) is not int for number in value.values()):
            raise RebuildError(f"{name} is no object of numbers")
        return value

    def names(self, name: str) -> tuple[str, ...] | None:
        value = self._details.get(name)
        if value is None:
            return None
        if type(value) is not list or any(type(one) is not str for one in value):
            raise RebuildError(f"{name} is no list of names")
        return tuple(value)

    def texts(self, name: str) -> Mapping[str, str] | None:
        value = self.object(name)
        if value is not None and any(type(one) is not str for one in value.values()):
            raise RebuildError(f"{name} is no object of texts")
        return value

    def object(self, name: str) -> Mapping[str, Any] | None:
        value = self._details.get(name)
        if value is not None and type(value) is not dict:
            raise RebuildError(f"{name} is no object")
        return value

    def readiness(self) -> Readiness | None:
        """Return what the start of an attempt says of its task run becoming READY."""
        value = self.object("ready")
        if value is None:
            return None
        ready = _Details(value, None)
        at = ready.instant("at")
        if at is None:
            raise RebuildError("a step that became ready at no time")
        return Readiness(at, ready.reason(), ready.optional("message"))

    def armed_start(self) -> ArmedStart | None:
        """Return what the end of an attempt that was armed says of its start."""
        value = self.object("started")
        if value is None:
            return None
        start = _Details(value, None)
        at = start.instant("at")
        if at is None:
            raise RebuildError("an attempt that started at no time")
        return ArmedStart(at, start.reason())

    def step_end(self) -> StepEnd | None:
        """Return what the end of an attempt says of its task run; what is left out is the same."""
        value = self.object("step")
        if value is None:
            return None
        end = _Details(value, None)
        return StepEnd(
            to_state=end.member(_TASK_STATES, "to"),
            reason_code=(end if "reason_code" in value else self).reason(),
            message=(end if "message" in value else self).optional("message"),
            duration_us=end.number("duration_us"),
        )

    def sealed(self, name: str) -> Any:
        value = self._details.get(name, _ABSENT)
        if value is _ABSENT:
            return None
        return DigestOnly(value if type(value) is str else self.text(name))

    def log(self) -> dict[str, Any]:
        if "log" not in self._details:
            return {}
        value = self._details["log"]
        if type(value) is not dict:
            raise RebuildError("a log seal that is no object")
        seal = _Details(value, None)
        return {
            "log_entry_count": seal.integer("entries"),
            "log_bytes": seal.integer("bytes"),
            "log_dropped_bytes": seal.integer("dropped_bytes"),
            "log_digest": seal.text("sha256"),
        }


def _created(
    found: _Details, common: Mapping[str, Any], step_ids: tuple[str, ...]
) -> ExecutionCreated:
    return ExecutionCreated(
        **common,
        workflow_id=found.text("workflow_id"),
        mission_name=found.text("mission_name"),
        mission_digest=found.text("mission_sha256"),
        step_ids=step_ids,
        params=found.sealed("params_sha256"),
        source_path=found.optional("source_path"),
        working_dir=found.text("working_dir"),
        parent_execution_id=found.optional("parent_execution_id"),
        parent_task_id=found.optional("parent_task_id"),
        parent_attempt=found.number("parent_attempt"),
        retry_of=found.optional("retry_of"),
        rerun_of=found.optional("rerun_of"),
        run_key=found.optional("run_key"),
        parallel_limit=found.number("parallel_limit"),
        attempt_base=found.numbers("attempt_base"),
        retry_scope=found.sealed("retry_scope_sha256"),
        forced=found.names("forced"),
        breakpoints=found.names("breakpoints"),
        labels=found.texts("labels"),
        title=found.optional("title"),
        keep_going=found.flag("keep_going"),
        run_number=found.number("run_number"),
        policies=found.policies(),
    )


def _execution_changed(found: _Details, common: Mapping[str, Any]) -> ExecutionStateChanged:
    return ExecutionStateChanged(
        **common,
        from_state=found.member(_EXECUTION_STATES, "from"),
        to_state=found.member(_EXECUTION_STATES, "to"),
        reason_code=found.reason(),
        message=found.optional("message"),
        duration_us=found.number("duration_us"),
    )


def _cancel_requested(found: _Details, common: Mapping[str, Any]) -> CancelRequested:
    return CancelRequested(**common, message=found.optional("message"))


def _breaker_changed(found: _Details, common: Mapping[str, Any]) -> BreakerChanged:
    return BreakerChanged(
        **common, state=found.member(_BREAKER_STATES, "breaker"), message=found.text("message")
    )


def _breakpoint_changed(found: _Details, common: Mapping[str, Any]) -> BreakpointChanged:
    return BreakpointChanged(
        **common, task_id=found.task(), change=found.member(_BREAKPOINT_CHANGES, "breakpoint")
    )


def _task_changed(found: _Details, common: Mapping[str, Any]) -> TaskStateChanged:
    return TaskStateChanged(
        **common,
        task_id=found.task(),
        from_state=found.member(_TASK_STATES, "from"),
        to_state=found.member(_TASK_STATES, "to"),
        reason_code=found.reason(),
        message=found.optional("message"),
        resume_at=found.instant("resume_at"),
        reused_from=found.optional("reused_from"),
        outputs=found.sealed("outputs_sha256"),
        duration_us=found.number("duration_us"),
        compared=found.object("compared"),
    )


def _expanded(found: _Details, common: Mapping[str, Any]) -> StepExpanded:
    count = found.integer("items")
    if not 0 <= count <= MAX_ITEMS:
        raise RebuildError(f"a fan-out of {counted(count, 'item')}")
    return StepExpanded(
        **common,
        task_id=found.task(),
        items=(DigestOnly(found.text("items_sha256")),) * count,
        from_state=found.member(_TASK_STATES, "from"),
        reason_code=found.reason(),
    )


def _attempt_armed(found: _Details, common: Mapping[str, Any]) -> AttemptArmed:
    return AttemptArmed(
        **common,
        task_id=found.task(),
        attempt=found.integer("attempt"),
        inputs=found.sealed("inputs_sha256"),
        ready=found.readiness(),
    )


def _attempt_disarmed(found: _Details, common: Mapping[str, Any]) -> AttemptDisarmed:
    return AttemptDisarmed(
        **common,
        task_id=found.task(),
        attempt=found.integer("attempt"),
        message=found.text("message"),
    )


def _attempt_started(found: _Details, common: Mapping[str, Any]) -> AttemptStarted:
    return AttemptStarted(
        **common,
        task_id=found.task(),
        attempt=found.integer("attempt"),
        from_state=found.member(_TASK_STATES, "from"),
        reason_code=found.reason(),
        inputs=found.sealed("inputs_sha256"),
        ready=found.readiness(),
    )


def _attempt_placed(found: _Details, common: Mapping[str, Any]) -> AttemptPlaced:
    return AttemptPlaced(
        **common,
        task_id=found.task(),
        attempt=found.integer("attempt"),
        host=found.text("host"),
        worker=found.text("worker"),
    )


def _attempt_ended(found: _Details, common: Mapping[str, Any]) -> AttemptEnded:
    return AttemptEnded(
        **common,
        task_id=found.task(),
        attempt=found.integer("attempt"),
        to_state=found.member(_ATTEMPT_STATES, "to"),
        reason_code=found.reason(),
        message=found.optional("message"),
        exit_code=found.number("exit_code"),
        outputs=found.sealed("outputs_sha256"),
        error=found.sealed("error_sha256"),
        duration_us=found.number("duration_us"),
        census=found.object("census"),
        resources=found.object("resources"),
        placement=found.object("placement"),
        artifacts=found.object("artifacts"),
        started=found.armed_start(),
        step=found.step_end(),
        **found.log(),
    )


_REASONS = {reason.value: reason for reason in Reason}
_BREAKER_STATES = {state.value: state for state in BreakerState}
_BREAKPOINT_CHANGES = {change.value: change for change in BreakpointChange}
_EXECUTION_STATES = {state.value: state for state in ExecutionState}
_TASK_STATES = {state.value: state for state in TaskState}
_ATTEMPT_STATES = {state.value: state for state in AttemptState}

_Maker = Callable[[_Details, Mapping[str, Any]], Event]
_MAKERS: Mapping[str, _Maker] = {
    ExecutionStateChanged.type: _execution_changed,
    CancelRequested.type: _cancel_requested,
    BreakerChanged.type: _breaker_changed,
    BreakpointChanged.type: _breakpoint_changed,
    TaskStateChanged.type: _task_changed,
    StepExpanded.type: _expanded,
    AttemptArmed.type: _attempt_armed,
    AttemptDisarmed.type: _attempt_disarmed,
    AttemptStarted.type: _attempt_started,
    AttemptPlaced.type: _attempt_placed,
    AttemptEnded.type: _attempt_ended,
}
