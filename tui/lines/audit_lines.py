"""The texts of the audit screen: the verdict with its tiers, and one record of the chain."""

from collections.abc import Sequence

from core.audit.verify.log_checked import LogChecked
from core.audit.verify.verdict import Finding, Report, Tier, headline
from core.domain.records import AuditEvent
from core.domain.state_word import counted
from core.value.timestamp import rfc3339
from tui.lines.json_data import json_lines
from tui.look.styled_text import Line
from tui.output.anchor_text import anchored_text
from tui.output.report.act_text import act_text
from tui.output.verification_report import extent_text
from tui.words.safe_text import clean_line, fit, wrap
from tui.words.verified_text import older_text

MAX_SHOWN_FINDINGS = 3
_IN_DOUBT = "some were signed only by a revoked key; all are under the signature of"
_TIER_WORDS = {
    Tier.CHAIN: ("every event follows from the one before", "the chain is broken"),
    Tier.SIGNED: ("a trusted key signed them", "no trusted key signed them"),
    Tier.ANCHORED: (
        "they continue a head noted elsewhere",
        "no head noted elsewhere was given, no anchor verified",
    ),
    Tier.COMPLETE: ("every execution is finalised", "{open} not finalised"),
}


def broken_text(checked: LogChecked | None) -> str:
    """Return the banner of a log that does not verify; empty for any other."""
    report = None if checked is None else checked.report
    if report is None or report.is_intact:
        return ""
    told = "holds events that are in doubt" if report.is_unchanged else "does not verify"
    return f"the audit log {told}: {clean_line(headline(report))}  (A shows it)"


def progress_text(count: int, total: int, seconds: float) -> str:
    """Return how far a verification is, and how many events it reads in a second."""
    rate = f", {round(count / seconds):,} per second" if count and seconds > 0 else ""
    return f"verifying: {count:,} of {counted(total, 'event')}{rate}; x stops it"


def verdict_view(checked: LogChecked | None, now: int) -> list[Line]:
    """Return what is known of the log. Nothing is ticked but what this verification read."""
    if checked is None:
        return [[("not verified yet", "muted")]]
    extent = extent_text(checked.known, checked.events, now)
    report = checked.report
    if report is None:
        return [[(extent, "muted")]]
    is_full = report.is_full
    lines: list[Line] = []
    if not report.is_intact:
        lines.append([("✗ ", "bad"), (clean_line(headline(report)), "bad")])
    elif is_full:
        lines.append([("✓ INTACT  ", "good"), (extent, "text")])
    else:
        lines.append([("· ", "muted"), (extent, "text")])
    if checked.is_older and checked.before is not None:
        told = older_text(events=checked.events, verified=checked.before.chain.head.size)
        lines.append([("! ", "warn"), (told, "warn")])
    lines += [_tier_line(tier, report) for tier in Tier] if is_full else []
    for finding in report.findings[1:MAX_SHOWN_FINDINGS]:
        lines.append([("  ✗ ", "bad"), (finding_text(finding), "text")])
    if report.finding_count > MAX_SHOWN_FINDINGS:
        more = counted(report.finding_count - MAX_SHOWN_FINDINGS, "more finding")
        lines.append([(f"  … {more}; e goes from one to the next", "muted")])
    return lines


def _tier_line(tier: Tier, report: Report) -> Line:
    reached = report.tiers[tier]
    told = _TIER_WORDS[tier][0 if reached else 1]
    if tier is not Tier.CHAIN and not report.tiers[Tier.CHAIN]:
        told = "nothing can be said of a broken chain"
    told = told.format(open=counted(report.open_executions, "execution"))
    if tier is Tier.ANCHORED and reached:
        told = anchored_text(report)
    if tier is Tier.SIGNED and report.key:
        told = f"{told}: {report.key}" if reached else f"{_IN_DOUBT} {report.key}"
    sign = ("✓ ", "good") if reached else ("· ", "muted")
    return [("  ", ""), sign, (f"{tier.value:<9} ", "strong"), (clean_line(told), "muted")]


def finding_text(finding: Finding) -> str:
    """Return a finding as a line."""
    place = "" if finding.seq is None else f" at {finding.seq}"
    return clean_line(f"{finding.kind.value}{place}: {finding.message or finding.field}")


def finding_lines(finding: Finding, width: int) -> list[Line]:
    """Return a finding with expected and found side by side, each in half of `width` cells."""
    half = max(10, (width - 3) // 2)
    sides = [
        wrap(clean_line(text if text is not None else "nothing"), half)
        for text in (finding.expected, finding.found)
    ]
    lines: list[Line] = [
        [("✗ ", "bad"), (finding_text(finding), "bad")],
        [(fit(f"expected {clean_line(finding.field)}", half), "good"), (" │ ", "faint"),
         (fit(f"found {clean_line(finding.field)}", half), "bad")],
    ]  # fmt: skip
    for row in range(max(map(len, sides))):
        left, right = (side[row] if row < len(side) else "" for side in sides)
        lines.append([(fit(left, half), "text"), (" │ ", "faint"), (fit(right, half), "text")])
    return [*lines, [("", "")]]


def record_lines(
    event: AuditEvent | None,
    number: int | None,
    absence: str,
    findings: Sequence[Finding],
    width: int,
) -> list[Line]:
    """Return one record of the chain with what is wrong with it."""
    lines = [line for finding in findings for line in finding_lines(finding, width)]
    if event is None:
        if number is not None:
            lines.append([(absence or f"reading event {number} …", "muted")])
        return lines
    fields = (
        ("event", f"{event.seq}"),
        ("says", act_text(event)),
        ("time", rfc3339(event.timestamp)),
        ("type", event.event_type),
        ("actor", event.actor),
        ("target", event.target),
        ("execution", event.execution_id or "none"),
        ("hash", event.hash),
        ("previous", event.previous_hash),
    )
    lines += [[(f"{name:<10}", "accent"), (clean_line(value), "text")] for name, value in fields]
    lines.append([("", "")])
    return [*lines, [("details", "accent")], *json_lines(event.details, empty="none")]
