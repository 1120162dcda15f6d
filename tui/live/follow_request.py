"""Follows a request until it has an outcome, and says it: done, or refused with the reason."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from core.errors import MissionDeckError
from core.explain.request_text import DONE, request_word
from core.ports.control import RequestKind, RequestOutcome
from tui.live.backend import Receipt
from tui.words.safe_text import clean_line

LOOK_SECONDS = 0.1
SLOW_SECONDS = 1.0
"""Between two looks once it is known that it takes its time."""
SOON = 1.0
"""Seconds after which it is said that there is no outcome yet."""
LATE = 10.0
"""Seconds after which it is said that a runner has not taken it, where there is one."""


class Teller(Protocol):
    """Shows messages to the user."""

    def tell(self, text: str) -> None:
        """Notify the user of what was done."""

    def complain(self, text: str) -> None:
        """Show a problem where it stays visible."""


async def follow_request(
    teller: Teller,
    receipt: Receipt,
    kind: RequestKind,
    subject: str,
    look: Callable[[int], Awaitable[RequestOutcome | None]],
) -> None:
    """Wait for the outcome of a request about `subject` and say it; say also when it is late."""
    asked = request_word(kind)
    waited, said_soon, said_late = 0.0, False, False
    while True:
        try:
            outcome = await look(receipt.request_id)
        except MissionDeckError:
            outcome = None  # the feed meets the same failure and shows it
        if outcome is not None:
            break
        if not receipt.is_owned and not said_late:
            teller.complain(
                clean_line(f"{subject}: {asked} waits for a runner, and none is there: p resumes")
            )
            said_late = True
        elif waited >= LATE and not said_late:
            teller.complain(clean_line(f"{subject}: its runner has not taken the {asked} yet"))
            said_late = True
        elif waited >= SOON and not said_soon and not said_late:
            teller.tell(clean_line(f"{subject}: {asked} requested"))
            said_soon = True
        pause = LOOK_SECONDS if waited < LATE else SLOW_SECONDS
        await asyncio.sleep(pause)
        waited += pause
    if outcome.done:
        if said_late:
            teller.complain("")
        teller.tell(clean_line(f"{subject}: {DONE[kind]}"))
    else:
        teller.complain(clean_line(f"{subject}: {asked} refused: {outcome.why}"))
