"""The interface of queues between executions: groups of missions, and mutexes of steps.

A claim counts for as long as the runner of its execution holds the lease. What a dead runner had is
free once its loss is recorded, since its processes are ended before that; what it waited for is
asked for again when its execution is resumed.
"""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class ClaimKind(StrEnum):
    """What is claimed."""

    GROUP = "group"
    """The turn of an execution among those of its concurrency group."""
    MUTEX = "mutex"
    """The mutex of a step, for one attempt."""


class Claim(Struct, frozen=True, kw_only=True):
    """One place in a queue. It is had since `granted_at`, and waited for while that is None.

    `tree` is the execution that the claiming one is a part of, or its own id: executions of one
    tree do not wait for each other in a group; empty, it is in no tree. Times are in nanoseconds
    since the epoch. A claim that `is_held` is passed over: a person has put the
    execution on hold, or has paused it while its step waits for a mutex.
    """

    kind: ClaimKind
    name: str
    execution_id: str
    task_id: str | None = None
    tree: str = ""
    priority: int = 0
    asked_at: int = 0
    granted_at: int | None = None
    is_held: bool = False
    label: str = ""
    """The mission's name and run number, `NAME#7`."""


class ClaimAnswer(Struct, frozen=True, kw_only=True):
    """Whether a claim is granted, and else which claims are ahead of it, the next one first.

    `abandoned` are the executions ahead whose runners died having what is claimed.
    """

    is_granted: bool
    ahead: tuple[Claim, ...] = ()
    abandoned: tuple[str, ...] = ()


class Claims(Protocol):
    """The claims of one execution."""

    async def ask(self, claim: Claim) -> ClaimAnswer:
        """Queue up, or see how far the queue has got; the place is kept until it is given back.

        Those with a higher priority go first, then those that asked first. Raises `LeaseHeldError`
        when the lease is lost.
        """

    async def give_back(self, claim: Claim) -> None:
        """Let the next one have it, or leave the queue. Idempotent."""

    async def cancel(self, execution_id: str, reason: str) -> None:
        """Ask for the cancel of another execution; nothing happens to one that has ended."""
