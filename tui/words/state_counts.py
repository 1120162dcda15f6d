"""Counts by state in signs: `14✓ 1▶ 2✗`, in the one order of `core.domain.tally`."""

from core.domain.states import TaskState
from core.domain.tally import ORDER, Counts
from tui.words.state_glyphs import sign


def count_signs(counts: Counts, *, ascii_only: bool = False) -> list[tuple[TaskState, str]]:
    """Return each state that has a count with its text; `count_words` of the tally has words."""
    return [
        (state, f"{number}{sign(state, ascii_only=ascii_only)}")
        for state in ORDER
        if (number := counts.get(state, 0))
    ]
