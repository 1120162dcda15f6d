"""What a retry would do, as lines: what differs, what runs again, what is reused. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.domain.state_word import counted
from core.errors import MissionDeckError, MissionInvalidError
from core.operations.admission.planned_verdicts import PlannedVerdict
from tui.lines.mission_plan import decision_span
from tui.lines.step.line_parts import heading
from tui.look.styled_text import Line
from tui.words.safe_text import clean_line

if TYPE_CHECKING:
    from core.operations.relaunch import RetryLinked

MAX_NAMES = 30
MAX_DIAGNOSTICS = 8


def retry_plan_lines(planned: "RetryLinked", verdicts: Sequence[PlannedVerdict] = ()) -> list[Line]:
    """Return the preview of a retry in a linked execution.

    `verdicts` are on the launch and on the steps that run again.
    """
    chosen, amendment = planned.chosen, planned.amendment
    items = chosen.items.values()
    groups: Sequence[tuple[str, str, Sequence[str], str]] = (
        ("Runs again", "step", chosen.run, "text"),
        ("Of these only", "item", [name for one in items for name in one.run], "text"),
        ("Set to success, not run", "step", sorted(planned.order.set_by_hand), "warn"),
        ("Reused", "step", list(chosen.reuse), "muted"),
        ("Reused", "item", [name for one in items for name in one.reused], "muted"),
        ("Left out", "step", sorted(chosen.unselected), "muted"),
        ("Left out", "item", [name for one in items for name in one.left_out], "muted"),
    )
    lines: list[Line] = [heading("What differs")]
    if amendment is None:
        lines.append([("  nothing: the same mission and parameters", "muted")])
    else:
        lines += [[("  ", ""), (clean_line(text), "text")] for text in amendment.lines]
    told = [one for one in verdicts if one.rule is not None]
    if told:
        lines.append(heading("Safety and policies"))
        lines += [_verdict_line(one) for one in told]
    for title, kind, names, style in groups:
        if names:
            lines.append(heading(f"{title}: {counted(len(names), kind)}"))
            shown = ", ".join(clean_line(name) for name in names[:MAX_NAMES])
            more = len(names) - MAX_NAMES
            rest = [(f" and {more:,} more", "faint")] if more > 0 else []
            lines.append([("  ", ""), (shown, style), *rest])
    if not chosen.run:
        lines.append([("no step runs: only handlers, if there are any", "muted")])
    return lines


def _verdict_line(verdict: PlannedVerdict) -> Line:
    what = "the launch" if verdict.task_id is None else clean_line(verdict.task_id)
    told = clean_line(verdict.message or "")
    return [("  ", ""), decision_span(verdict), (f"{what}  ", "text"), (told, "muted")]


def error_plan_lines(error: MissionDeckError) -> list[Line]:
    """Return why what is asked for cannot be done."""
    lines: list[Line] = [[(clean_line(f"✗ {error.message}"), "bad")]]
    if isinstance(error, MissionInvalidError):
        told = [getattr(one, "message", "") for one in error.diagnostics[:MAX_DIAGNOSTICS]]
        lines += [[(f"  {clean_line(text)}", "text")] for text in told if text]
    if error.hint:
        lines.append([(clean_line(error.hint), "muted")])
    return lines
