"""The states of executions, task runs and attempts, and the one table of their transitions.

Terminal states are derived from the table: a state is terminal when nothing leads out of it
except a user's retry of a task run within a live execution.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType

from core.errors import IllegalTransitionError


class State(Enum):
    """A state of any entity; unlike StrEnum's, those of different entities are never equal."""

    __hash__ = object.__hash__  # identity, at C speed: states are keys in the hot path

    def __init__(self, text: str) -> None:
        self.text = text
        """The value as a plain attribute: `value` is a Python-level property, ten times slower."""

    def __str__(self) -> str:
        return self.text


class ExecutionState(State):
    """The state of one run of a mission."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class TaskState(State):
    """The state of one step within one execution."""

    PENDING = "PENDING"
    READY = "READY"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


class AttemptState(State):
    """The state of one attempt of a task run."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"


class Trigger(StrEnum):
    """What moves an entity from one state to the next."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    MEET = "meet"
    WAIT = "wait"
    WAKE = "wake"
    SUCCEED = "succeed"
    FAIL = "fail"
    SKIP = "skip"
    CANCEL = "cancel"
    LOSE = "lose"
    REUSE = "reuse"
    REOPEN = "reopen"
    RESET = "reset"


_E, _T, _A, _G = ExecutionState, TaskState, AttemptState, Trigger

TRANSITIONS: Mapping[tuple[State, Trigger], State] = MappingProxyType(
    {
        (_E.PENDING, _G.START): _E.RUNNING,
        (_E.PENDING, _G.PAUSE): _E.PAUSED,
        (_E.PENDING, _G.FAIL): _E.FAILED,
        (_E.PENDING, _G.CANCEL): _E.CANCELLED,
        (_E.RUNNING, _G.PAUSE): _E.PAUSED,
        (_E.RUNNING, _G.SUCCEED): _E.SUCCESS,
        (_E.RUNNING, _G.FAIL): _E.FAILED,
        (_E.RUNNING, _G.CANCEL): _E.CANCELLED,
        (_E.PAUSED, _G.RESUME): _E.RUNNING,
        (_E.PAUSED, _G.SUCCEED): _E.SUCCESS,  # what ran when it was paused was all that was left
        (_E.PAUSED, _G.FAIL): _E.FAILED,
        (_E.PAUSED, _G.CANCEL): _E.CANCELLED,
        (_T.PENDING, _G.MEET): _T.READY,
        (_T.PENDING, _G.SKIP): _T.SKIPPED,
        (_T.PENDING, _G.FAIL): _T.FAILED,
        (_T.PENDING, _G.CANCEL): _T.CANCELLED,
        (_T.PENDING, _G.REUSE): _T.SUCCESS,
        (_T.READY, _G.START): _T.RUNNING,
        (_T.READY, _G.WAIT): _T.WAITING,
        (_T.READY, _G.FAIL): _T.FAILED,
        (_T.READY, _G.SKIP): _T.SKIPPED,
        (_T.READY, _G.CANCEL): _T.CANCELLED,
        (_T.RUNNING, _G.WAIT): _T.WAITING,
        (_T.RUNNING, _G.SUCCEED): _T.SUCCESS,
        (_T.RUNNING, _G.FAIL): _T.FAILED,
        (_T.RUNNING, _G.SKIP): _T.SKIPPED,
        (_T.RUNNING, _G.CANCEL): _T.CANCELLED,
        (_T.WAITING, _G.WAKE): _T.READY,
        (_T.WAITING, _G.START): _T.RUNNING,
        (_T.WAITING, _G.SUCCEED): _T.SUCCESS,
        (_T.WAITING, _G.FAIL): _T.FAILED,
        (_T.WAITING, _G.SKIP): _T.SKIPPED,
        (_T.WAITING, _G.CANCEL): _T.CANCELLED,
        (_T.FAILED, _G.REOPEN): _T.READY,
        (_T.CANCELLED, _G.REOPEN): _T.READY,
        (_T.SKIPPED, _G.REOPEN): _T.READY,
        (_T.FAILED, _G.RESET): _T.PENDING,
        (_T.CANCELLED, _G.RESET): _T.PENDING,
        (_T.SKIPPED, _G.RESET): _T.PENDING,
        (_A.RUNNING, _G.SUCCEED): _A.SUCCESS,
        (_A.RUNNING, _G.FAIL): _A.FAILED,
        (_A.RUNNING, _G.CANCEL): _A.CANCELLED,
        (_A.RUNNING, _G.LOSE): _A.LOST,
    }
)

USER_RETRY = frozenset({Trigger.REOPEN, Trigger.RESET})
"""The only triggers out of a terminal state: a user's retry of a task run in a live execution."""

TERMINAL: frozenset[State] = frozenset(
    state for kind in (_E, _T, _A) for state in kind
) - frozenset(source for source, trigger in TRANSITIONS if trigger not in USER_RETRY)
"""The terminal states of all three entities."""

_EDGES = frozenset((source, target) for (source, _), target in TRANSITIONS.items())


def is_terminal(state: State) -> bool:
    """Tell whether only a user's retry can lead out of `state`."""
    return state in TERMINAL


def check_transition(source: State, target: State, *, subject: str = "") -> None:
    """Raise `IllegalTransitionError` unless the table leads from `source` to `target`.

    A transition to the same state is idempotent and therefore allowed.
    """
    if source is not target and (source, target) not in _EDGES:
        raise IllegalTransitionError(f"{subject or 'entity'}: {source} cannot become {target}")


class StepStatus(StrEnum):
    """A step's outcome in the terms of the result schema."""

    COMPLETED = "Completed"
    FAILED = "Failed"
    SKIPPED = "Skipped"


class Coverage(StrEnum):
    """Whether an execution runs, or reuses, every step of its mission, or leaves some out."""

    FULL = "full"
    SUBSET = "subset"


class OverallStatus(StrEnum):
    """A mission's outcome in the terms of the result schema."""

    SUCCESS = "Success"
    PARTIAL = "Partial"
    FAILED = "Failed"


def step_status(state: TaskState, *, started: bool) -> StepStatus:
    """Map a terminal task-run state to the result schema.

    A cancelled step is Failed when it had started, else Skipped. A step that is not terminal counts
    as Skipped: a result is only asked of it when its execution has ended without it.
    """
    if state is TaskState.SUCCESS:
        return StepStatus.COMPLETED
    if state is TaskState.FAILED or (state is TaskState.CANCELLED and started):
        return StepStatus.FAILED
    return StepStatus.SKIPPED


def overall_status(*, failed: int, completed: int, may_continue: bool) -> OverallStatus:
    """Aggregate step outcomes.

    Success: no failed step. Partial: some failed, some completed, and the mission was allowed to
    continue (`continue_on_error` on what failed, or `fail_fast: false`). Otherwise Failed.
    """
    if not failed:
        return OverallStatus.SUCCESS
    if completed and may_continue:
        return OverallStatus.PARTIAL
    return OverallStatus.FAILED
