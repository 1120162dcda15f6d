"""Who drives an execution, and what people ask of it: leases, requests, shared slots."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from core.domain.mission import EMPTY
from core.domain.mission import MissionSource as MissionSource


class RequestOutcome(Struct, frozen=True, kw_only=True):
    """What came of a person's request: it was done, or refused and `why` says the reason."""

    request_id: int
    done: bool
    why: str | None = None


TOO_LATE = "the execution had ended"
"""Why a request is refused that nobody had decided when the execution ended."""


class RunnerIdentity(Struct, frozen=True, kw_only=True):
    """A process, told from a reused pid: `start_time` is in clock ticks since boot."""

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


class RequestKind(StrEnum):
    """What somebody may ask of a running execution."""

    CANCEL = "cancel"
    CANCEL_STEP = "cancel_step"
    PAUSE = "pause"
    RESUME = "resume"
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
        """Take the lease, also over a dead or expired owner; `LeaseHeldError` while one lives.

        With `from_parent` also over the process that started this one: it held it for us.
        """

    async def renew(self, lease: Lease) -> Lease:
        """Heartbeat; `LeaseHeldError` when the epoch has moved on."""

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
        """Leave a request for the owner and return its number."""

    async def take_requests(self, lease: Lease) -> Sequence[Request]:
        """Return requests not taken under this lease that have no outcome, oldest first.

        What an earlier owner took and lost before its effect was durable comes again.
        """


class Slots(Protocol):
    """The limit on attempts at once over all executions of a user on this machine."""

    def try_take(self) -> int | None:
        """Take a slot and return its number, or None while all are taken. Never blocks."""

    def give_back(self, slot: int) -> None:
        """Free a slot. A process that ends frees its slots, however it ends."""
