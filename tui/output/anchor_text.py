"""What is known of the anchors of a log after a verification, in words."""

from core.audit.verify.verdict import AnchorNote, Report
from tui.words.numbers import moment
from tui.words.safe_text import safe_line


def anchored_text(report: Report) -> str:
    """Return what the events are anchored to, empty for nothing: given heads, verified anchors."""
    found = []
    if report.noted_heads:
        heads = (
            "the head that was given" if report.noted_heads == 1 else "the heads that were given"
        )
        found.append(f"to {heads}")
    newest = newest_anchor(report)
    if newest is not None:
        found.append(safe_line(anchor_text(newest)))
    return "; ".join(found)


def anchor_text(anchor: AnchorNote) -> str:
    """Return which events an anchor is of, and what it proves or why it does not."""
    kind = "time stamp" if anchor.kind == "time-stamp" else "cosignature"
    events = f"events 1 to {anchor.size}"
    if anchor.at is None or anchor.problem is not None:
        return f"{events} by a {kind} that was not verified: {anchor.problem}"
    return f"{events} by a {kind} of {moment(anchor.at)} by {anchor.by}"


def newest_anchor(report: Report) -> AnchorNote | None:
    """Return the verified anchor of the most events."""
    verified = [one for one in report.anchors if one.problem is None]
    return max(verified, key=lambda one: one.size, default=None)
