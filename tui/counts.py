"""Counts by state in signs: `14✓ 1▶ 2✗`, in the one order of `core.tally`."""

from core.states import TaskState
from core.tally import ORDER, Counts
from tui.glyph import sign


def count_signs(counts: Counts, *, ascii_only: bool = False) -> list[tuple[TaskState, str]]:
    """Return each state that has a count with its text; words are `core.tally.count_words`."""
    return [
        (state, f"{number}{sign(state, ascii_only=ascii_only)}")
        for state in ORDER
        if (number := counts.get(state, 0))
    ]
