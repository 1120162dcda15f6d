"""The claims of the execution that a runner holds the lease of."""

from contextlib import suppress

from core.errors import ConflictError, NotFoundError
from core.ports.claims import Claim, ClaimAnswer
from core.ports.control import Control, Lease, RequestKind


class LeasedClaims:
    """Implements `core.ports.claims.Claims` for one lease; `actor` cancels others in its name."""

    def __init__(self, control: Control, lease: Lease, actor: str) -> None:
        self._control = control
        self._lease = lease
        self._actor = actor

    async def ask(self, claim: Claim) -> ClaimAnswer:
        """Queue up, or see how far the queue has got."""
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
