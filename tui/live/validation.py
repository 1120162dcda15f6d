"""Validates a mission file on the user's request and reports the findings."""

import asyncio

from core.domain.state_word import counted
from core.errors import BugError, MissionDeckError
from tui.live.deck import Deck
from tui.words.safe_text import clean_line


async def validate_mission(deck: Deck, path: str) -> None:
    """Validate a mission file, report its first error or that it is valid, and refresh the list."""
    try:
        preview = await asyncio.to_thread(deck.backend.preview, path)
    except BugError:
        raise
    except MissionDeckError as error:
        deck.show_problem(clean_line(error.message))
        return
    errors = [finding for finding in preview.findings if finding.severity == "error"]
    if errors:
        first = errors[0]
        where = f"line {first.line}: " if first.line else ""
        deck.show_problem(clean_line(f"{counted(len(errors), 'error')}; {where}{first.message}"))
    else:
        warnings = len(preview.findings)
        deck.show_problem("")
        deck.show_notice("valid" + (f", {counted(warnings, 'warning')}" if warnings else ""))
    deck.discover()
