"""Counts by state with signs: `14✓ 1▶ 2✗`, in the order of `core.domain.tally`."""

from core.domain.states import TaskState
from core.domain.tally import ORDER, Counts
from tui.words.state_glyphs import sign


def count_signs(counts: Counts, *, ascii_only: bool = False) -> list[tuple[TaskState, str]]:
    """Return each state with a nonzero count and its text; for words see `count_words` there."""
    return [
        (state, f"{number}{sign(state, ascii_only=ascii_only)}")
        for state in ORDER
        if (number := counts.get(state, 0))
    ]
