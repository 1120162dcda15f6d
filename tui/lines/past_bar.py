"""The bar above an execution whose past is shown: which moment it is, and the keys that move it."""

from core.audit.replay.timeline import Moment
from core.value.duration import duration_text
from tui.look.styled_text import Part
from tui.output.report.act_text import act_text
from tui.words.numbers import time_of_day
from tui.words.safe_text import clean_line, shorten

MAX_EVENT_CELLS = 36
_NANOSECONDS = 1_000_000_000


def past_parts(
    moment: Moment, instant: int, total: int, speed: float
) -> tuple[list[Part], list[Part]]:
    """Return the bar for an instant at or after a moment; `speed` is 0 unless it is played."""
    since = duration_text((instant - moment.execution.created_at) / _NANOSECONDS)
    event = moment.event
    told = act_text(event).partition(" (")[0]  # without the reason code
    what = shorten(clean_line(told), MAX_EVENT_CELLS)
    left = [
        Part(" ◀ THE PAST ", style="warn"),
        Part(time_of_day(instant), style="strong"),
        Part(f"  {since} after the start", style="text", rank=3),
        Part(f"  event {moment.place:,} of {total:,}", style="text", rank=1),
        Part(f"  {what}", style="muted", rank=5),
    ]
    right = [
        Part(f" playing ×{speed:,.0f} " if speed else "", style="warn"),
        Part(" < > event", style="muted", action="past(1)", rank=4),
        Part("  ( ) of the step", style="muted", rank=6),
        Part("  P play", style="muted", action="play", rank=7),
        Part("  . now ", style="strong", action="present", rank=2),
    ]
    return left, right


def reading_parts(read: int) -> list[Part]:
    """Return the bar while the events are read for the first time."""
    return [Part(f" reading the past: {read:,} events … ", style="muted")]
