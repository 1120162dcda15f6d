"""The state changes of a step as lines."""

from collections.abc import Sequence

from core.domain.records import EntityKind, StateChange
from tui.look.styled_text import Line
from tui.words.numbers import time_of_day
from tui.words.safe_text import clean_line
from tui.words.state_glyphs import APPEARANCES


def history_lines(changes: Sequence[StateChange]) -> list[Line]:
    """Return every state change: when, what, why, by whom, and its number in the audit log."""
    if not changes:
        return [[("Nothing has happened yet", "muted")]]
    lines: list[Line] = []
    for change in changes:
        what = f"attempt {change.attempt}" if change.entity is EntityKind.ATTEMPT else "step"
        if change.entity is EntityKind.EXECUTION:
            what = "execution"
        before = APPEARANCES[change.from_state].word if change.from_state else "—"
        after = APPEARANCES[change.to_state].word
        sign = APPEARANCES[change.to_state].sign
        why = change.reason_code + (f"  {clean_line(change.message)}" if change.message else "")
        by = "" if change.actor == "engine" else f"  by {clean_line(change.actor)}"
        lines.append(
            [
                (f"{time_of_day(change.at)}  ", "muted"),
                (f"{what:<10}", "faint"),
                (f"{before:>9} → ", "muted"),
                (f"{sign} {after:<10}", f"state:{change.to_state}"),
                (f"#{change.seq:<7}", "faint"),
                (why + by, "text"),
            ]
        )
    return lines
