"""What has changed of steps that declare their files, as lines of a plan and as JSON."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from core.domain.state_word import counted
from tui.output.ansi_colours import Palette
from tui.words.safe_text import safe_line

if TYPE_CHECKING:  # loaded where a mission has such steps
    from core.operations.admission.planned_changes import PlannedChange

MAX_STEPS = 50
MAX_CHANGES = 3
"""The most steps, and changes of one step, that are named."""


def change_json(change: "PlannedChange") -> dict[str, Any]:
    """Return what is known of a step as JSON; `up_to_date` is null where the run decides."""
    return {
        "task_id": change.task_id,
        "up_to_date": change.is_up_to_date,
        "because": list(change.because),
        "after": list(change.after),
    }


def change_lines(changes: Sequence["PlannedChange"], palette: Palette) -> Iterator[str]:
    """Yield a heading, and a line for each step that would run; those up to date are counted."""
    if not changes:
        return
    yield ""
    yield palette.paint("Files", "bold")
    left = sum(change.is_up_to_date is True for change in changes)
    if left:
        yield f"  {left:,} up to date"
    rest = [change for change in changes if change.is_up_to_date is not True]
    for change in rest[:MAX_STEPS]:
        yield f"  {safe_line(change.title)}: {safe_line(_told(change))}"
    if len(rest) > MAX_STEPS:
        yield f"  and {counted(len(rest) - MAX_STEPS, 'more step')}"


def _told(change: "PlannedChange") -> str:
    if change.is_up_to_date is False:
        more = len(change.because) - MAX_CHANGES
        told = "; ".join(change.because[:MAX_CHANGES])
        return f"would run: {told}" + (f"; {counted(more, 'more change')}" if more > 0 else "")
    if change.after:
        return f"compared again after {', '.join(change.after[:MAX_CHANGES])}"
    return "compared when it begins"
