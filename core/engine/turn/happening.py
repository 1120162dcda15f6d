"""What the engine takes in on its next turn. Knows nothing of how it is handled."""

from msgspec import Struct

from core.engine.attempt import Ended
from core.engine.breaker_gate import Starved
from core.engine.preparation import Prepared
from core.engine.requests import Question
from core.engine.turn.mission_preconditions import PreconditionsChecked
from core.engine.up_to_date.step_check import Answers
from core.planning.breaker import BreakerChange
from core.ports.claims import Claim
from core.ports.control import Request
from core.ports.executor import Placement


class Woken(Struct, frozen=True):
    """A backoff is over."""

    task_id: str


class ServiceReady(Struct, frozen=True):
    """A service is ready for the steps that need it; `message` says how that is known."""

    task_id: str
    attempt: int
    message: str


class SlotsTight(Struct, frozen=True):
    """The limit over all executions was reached; it is time to try again."""


class ArmedStarted(Struct, frozen=True):
    """An armed attempt has been started, `at` in nanoseconds since the epoch."""

    prepared: Prepared
    attempt: int
    at: int
    loop_time: float


class PlacedAttempt(Struct, frozen=True):
    """A running attempt got its place on a cluster."""

    task_id: str
    attempt: int
    where: Placement


class MutexGranted(Struct, frozen=True):
    """A step that waited for a mutex has it."""

    task_id: str
    claim: Claim


class DeadlinePassed(Struct, frozen=True):
    """The mission's own time is over."""


Happening = (
    Ended
    | ArmedStarted
    | PlacedAttempt
    | MutexGranted
    | Answers
    | Request
    | Woken
    | Question
    | ServiceReady
    | PreconditionsChecked
    | SlotsTight
    | DeadlinePassed
    | BreakerChange
    | Starved
)
