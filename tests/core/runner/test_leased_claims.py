"""What a dead runner had is taken over only when its processes have been ended."""

import asyncio
from typing import Any, cast

from core.errors import LeaseHeldError
from core.ports.claims import Claim, ClaimAnswer, ClaimKind
from core.runner.leased_claims import LeasedClaims

CLAIM = Claim(kind=ClaimKind.MUTEX, name="db", execution_id="mine", task_id="s")
GRANTED = ClaimAnswer(is_granted=True)


def behind(*names: str, dead: tuple[str, ...] = ()) -> ClaimAnswer:
    ahead = tuple(Claim(kind=ClaimKind.MUTEX, name="db", execution_id=name) for name in names)
    return ClaimAnswer(is_granted=False, ahead=ahead, abandoned=dead)


class Control:
    """Gives the answers that are left."""

    def __init__(self, *answers: ClaimAnswer) -> None:
        self.answers = list(answers)

    async def ask_claim(self, lease: object, claim: Claim) -> ClaimAnswer:
        del lease, claim
        return self.answers.pop(0)


def ask(*answers: ClaimAnswer, held_by: str = "") -> tuple[ClaimAnswer, list[str]]:
    """Return the answer, and the executions whose loss was recorded for it."""
    lost: list[str] = []

    async def mark_lost(execution_id: str) -> None:
        if execution_id == held_by:
            raise LeaseHeldError("it was resumed")
        lost.append(execution_id)

    claims = LeasedClaims(cast("Any", Control(*answers)), cast("Any", None), "me", mark_lost)
    return asyncio.run(claims.ask(CLAIM)), lost


def test_the_next_one_records_the_loss_of_the_dead_before_it_goes_on() -> None:
    assert ask(behind("a", dead=("a",)), GRANTED) == (GRANTED, ["a"])


def test_nobody_else_does_so() -> None:
    for answer in (behind("a"), behind("a", "b", dead=("a",)), GRANTED):
        assert ask(answer) == (answer, [])


def test_one_that_was_resumed_meanwhile_goes_first() -> None:
    assert ask(behind("a", dead=("a",)), behind("a"), held_by="a") == (behind("a"), [])
