"""The interface to leases (who drives an execution), requests from users, and shared slots."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from core.domain.mission import EMPTY
from core.ports.claims import Claim, ClaimAnswer
from core.ports.executor import WorkerLoad


class RequestOutcome(Struct, frozen=True, kw_only=True):
    """The outcome of a request: done, or refused for the reason `why`."""

    request_id: int
    done: bool
    why: str | None = None


TOO_LATE = "the execution had ended"
"""The refusal of a request that was undecided when the execution ended."""


LEASE_SECONDS = 15.0
"""How long a runner on another machine is presumed alive after its last heartbeat."""


class RunnerIdentity(Struct, frozen=True, kw_only=True):
    """A process, safe against reuse of its pid: `start_time` is in clock ticks since boot."""

    pid: int
    start_time: int
    boot_id: str
    host: str


class Lease(Struct, frozen=True, kw_only=True):
    """Ownership of one execution by one runner; `epoch` rises with every owner (fencing token)."""

    execution_id: str
    owner: str
    epoch: int
    expires_at: int
    identity: RunnerIdentity
    workers: tuple[WorkerLoad, ...] = ()
    """What the workers of a cluster did at `workers_at`; empty for a runner without a cluster."""
    workers_at: int = 0


class RequestKind(StrEnum):
    """What can be requested of a running execution."""

    CANCEL = "cancel"
    CANCEL_STEP = "cancel_step"
    PAUSE = "pause"
    RESUME = "resume"
    SET_BREAKPOINT = "set_breakpoint"
    CLEAR_BREAKPOINT = "clear_breakpoint"
    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    APPROVE = "approve"
    REJECT = "reject"


class Request(Struct, frozen=True, kw_only=True):
    """One row of the request table, picked up by the owner of the lease."""

    request_id: int
    execution_id: str
    kind: RequestKind
    actor: str
    created_at: int
    task_id: str | None = None
    arguments: Mapping[str, Any] = EMPTY


class Control(Protocol):
    """Leases and requests. All methods are durable when they return."""

    async def acquire(self, execution_id: str, *, from_parent: bool = False) -> Lease:
        """Acquire the lease, also from a dead or expired owner; `LeaseHeldError` from a live one.

        With `from_parent` also from the process that started this one and held it on its behalf.
        """

    async def fence(self, execution_id: str) -> Lease:
        """Take the lease from a dead or expired owner in order to record its loss.

        The former owner can commit nothing more, but the lease goes on naming it: whoever fences
        never counts as a live owner, and may be replaced at any time. Raises `LeaseHeldError` while
        the owner is alive.
        """

    async def renew(self, lease: Lease) -> Lease:
        """Heartbeat; `LeaseHeldError` when the epoch has moved on."""

    async def note_workers(self, lease: Lease, workers: Sequence[WorkerLoad]) -> None:
        """Store what the workers of a cluster do now, for who watches.

        Raises `LeaseHeldError` when the epoch has moved on.
        """

    async def ask_claim(self, lease: Lease, claim: Claim) -> ClaimAnswer:
        """Queue a claim of the lease's execution up, and grant it when it is its turn.

        Raises `LeaseHeldError` when the epoch has moved on.
        """

    async def give_back_claim(self, lease: Lease, claim: Claim) -> None:
        """Remove a claim; the release of the lease removes all. Idempotent."""

    async def give_back_claims(self, lease: Lease) -> None:
        """Remove all claims of the lease's execution, those of an earlier runner. Idempotent."""

    async def release(self, lease: Lease) -> None:
        """Give the lease back. Idempotent."""

    async def request(
        self,
        execution_id: str,
        kind: RequestKind,
        *,
        actor: str,
        task_id: str | None = None,
        arguments: Mapping[str, Any] = EMPTY,
    ) -> int:
        """Queue a request for the owner of the lease and return its id."""

    async def take_requests(self, lease: Lease) -> Sequence[Request]:
        """Return requests not taken under this lease that have no outcome, oldest first.

        A request that an earlier owner took is delivered again unless its effect was durable.
        """


class Slots(Protocol):
    """The limit on concurrent attempts over all executions of a user on this machine."""

    def try_take(self) -> int | None:
        """Take a slot and return its number, or None while all are in use. Never blocks."""

    def give_back(self, slot: int) -> None:
        """Free a slot. A process that ends frees its slots, however it ends."""
