"""The claims of the execution that a runner holds the lease of."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from core.errors import ConflictError, LeaseHeldError, NotFoundError
from core.ports.claims import Claim, ClaimAnswer
from core.ports.control import Control, Lease, RequestKind


class LeasedClaims:
    """Implements `core.ports.claims.Claims` for one lease; `actor` cancels others in its name.

    `mark_lost` ends what the dead runner of an execution left running and records its loss; it
    raises `LeaseHeldError` where somebody else does so, or has resumed the execution.
    """

    def __init__(
        self,
        control: Control,
        lease: Lease,
        actor: str,
        mark_lost: Callable[[str], Awaitable[object]],
    ) -> None:
        self._control = control
        self._lease = lease
        self._actor = actor
        self._mark_lost = mark_lost

    async def ask(self, claim: Claim) -> ClaimAnswer:
        """Queue up, or see how far the queue has got.

        Who is the next one after dead runners waits until their processes have been ended.
        """
        answer = await self._control.ask_claim(self._lease, claim)
        dead = set(answer.abandoned)
        if answer.is_granted or claim.is_held or not dead:
            return answer
        if not dead.issuperset(one.execution_id for one in answer.ahead):
            return answer
        for execution_id in dead:
            with suppress(LeaseHeldError):
                await self._mark_lost(execution_id)
        return await self._control.ask_claim(self._lease, claim)

    async def give_back(self, claim: Claim) -> None:
        """Let the next one have it, or leave the queue. Idempotent."""
        await self._control.give_back_claim(self._lease, claim)

    async def cancel(self, execution_id: str, reason: str) -> None:
        """Ask for the cancel of another execution, unless it has ended."""
        with suppress(ConflictError, NotFoundError):
            await self._control.request(
                execution_id,
                RequestKind.CANCEL,
                actor=self._actor,
                arguments={"message": reason},
            )
