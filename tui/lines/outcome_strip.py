"""How the last runs of a mission stand, a cell each. Pure."""

from collections.abc import Sequence

from core.domain.states import Coverage, ExecutionState
from core.ports.reader import RunOutcome
from tui.look.styled_text import Line
from tui.words.state_glyphs import sign


def outcome_strip(outcomes: Sequence[RunOutcome]) -> Line:
    """Return how runs stand, which come newest first: the oldest at the left."""
    return [
        (
            sign(one.state),
            "warn"
            if one.coverage is Coverage.SUBSET and one.state is ExecutionState.SUCCESS
            else f"state:{one.state.value}",
        )
        for one in reversed(outcomes)
    ]
