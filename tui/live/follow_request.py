"""Follows a request until it has an outcome, and reports it: done, or refused with the reason."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from core.errors import MissionDeckError
from core.explain.request_text import DONE, request_word
from core.ports.control import RequestKind, RequestOutcome
from tui.live.backend import Receipt
from tui.words.safe_text import clean_line

POLL_SECONDS = 0.1
SLOW_POLL_SECONDS = 1.0
"""How often the outcome is read once the request is late."""
NOTICE_AFTER_SECONDS = 1.0
"""Without an outcome, the user is told after this time that the action was requested."""
LATE_AFTER_SECONDS = 10.0
"""Without an outcome, the user is told after this time that the runner is late."""


class Notifier(Protocol):
    """Shows messages to the user."""

    def show_notice(self, text: str) -> None:
        """Show a notice for a few seconds."""

    def show_problem(self, text: str) -> None:
        """Show a problem in the banner; an empty text removes it."""


async def follow_request(
    notifier: Notifier,
    receipt: Receipt,
    kind: RequestKind,
    subject: str,
    read_outcome: Callable[[int], Awaitable[RequestOutcome | None]],
) -> None:
    """Wait for the outcome of a request about `subject` and report it, or that it is late."""
    action = request_word(kind)
    waited, noticed, warned = 0.0, False, False
    while True:
        try:
            outcome = await read_outcome(receipt.request_id)
        except MissionDeckError:
            outcome = None  # the feed reports the same failure
        if outcome is not None:
            break
        if not receipt.is_owned and not warned:
            notifier.show_problem(
                clean_line(f"{subject}: {action} waits for a runner, and none is there: p resumes")
            )
            warned = True
        elif waited >= LATE_AFTER_SECONDS and not warned:
            notifier.show_problem(
                clean_line(f"{subject}: its runner has not taken the {action} yet")
            )
            warned = True
        elif waited >= NOTICE_AFTER_SECONDS and not noticed and not warned:
            notifier.show_notice(clean_line(f"{subject}: {action} requested"))
            noticed = True
        pause = POLL_SECONDS if waited < LATE_AFTER_SECONDS else SLOW_POLL_SECONDS
        await asyncio.sleep(pause)
        waited += pause
    if outcome.done:
        if warned:
            notifier.show_problem("")
        notifier.show_notice(clean_line(f"{subject}: {DONE[kind]}"))
    else:
        notifier.show_problem(clean_line(f"{subject}: {action} refused: {outcome.why}"))
