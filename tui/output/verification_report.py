"""The result of a verification as text: the verdict, the basis of each tier, the findings."""

from collections.abc import Iterator
from typing import Any

from core.audit.verify.log_checked import LogChecked
from core.audit.verify.verdict import Finding, Report, Tier, headline
from core.audit.verify.verified_state import VerifiedState
from core.domain.state_word import counted
from core.value.timestamp import rfc3339
from tui.output.anchor_text import anchor_text, anchored_text, newest_anchor
from tui.output.ansi_colours import Palette
from tui.words.numbers import moment
from tui.words.safe_text import safe_line
from tui.words.verified_text import older_text, verified_text

MAX_SHOWN_PRUNES = 10
"""How many prune events are listed, the latest."""
MAX_SHOWN_ANCHORS = 10
"""How many anchors are listed, the latest."""
MAX_SHOWN_REVOCATIONS = 10
"""How many revoked keys are listed, the latest."""
MAX_SHOWN_FINDINGS = 20
"""How many findings are listed; the others are counted."""


def verdict_lines(report: Report, palette: Palette) -> Iterator[str]:
    """Yield the lines. A tier that was not reached is no error: it may not have been requested."""
    style = "green" if report.is_intact else "red"
    yield palette.paint(safe_line(headline(report)), "bold", style)
    for tier in Tier:
        reached = report.tiers[tier]
        sign = palette.sign("✓", "+") if reached else palette.sign("·", "-")
        painted = palette.paint(sign, "green" if reached else "dim")
        yield f"  {painted} {tier.value:<9} {_basis(tier, report)}"
    yield f"  head {report.head}"
    yield from _about_unknown_types(report)
    yield from _about_output(report)
    yield from _about_anchors(report)
    yield from _about_prunes(report)
    for one in report.revocations[-MAX_SHOWN_REVOCATIONS:]:
        yield safe_line(f"  event {one.seq} revokes the key {one.vkey}: {one.reason}")
    for finding in report.findings[:MAX_SHOWN_FINDINGS]:
        yield f"  {palette.paint(palette.sign('✗', 'x'), 'red')} {_finding(finding)}"
    if report.finding_count > MAX_SHOWN_FINDINGS:
        yield f"  … {counted(report.finding_count - MAX_SHOWN_FINDINGS, 'more finding')}"


def extent_lines(checked: LogChecked, now: int, *, is_full: bool) -> Iterator[str]:
    """Yield what the verification did not read, and what speaks against an older copy."""
    before, known = checked.before, checked.known
    if before is not None and is_full and checked.is_older:
        yield f"  {older_text(events=checked.events, verified=before.chain.head.size)}"
    if is_full:
        return
    if before is None:
        yield "  nothing of it was verified before, so the chain was read from its first event"
    yield f"  {extent_text(known, checked.events, now)}"


def extent_text(known: VerifiedState | None, events: int, now: int) -> str:
    """Return to which event a log was verified, and when."""
    return verified_text(
        events=events,
        full_size=0 if known is None else known.full_size,
        full_at=0 if known is None else known.full_at,
        chain_size=0 if known is None else known.chain.head.size,
        chain_at=0 if known is None else known.at,
        now=now,
    )


def verified_json(known: VerifiedState | None) -> dict[str, Any] | None:
    """Return to which event a log had been verified, for `audit verify --since-verified --json`."""
    if known is None:
        return None
    return {
        "events": known.chain.head.size,
        "at": rfc3339(known.at),
        "records_events": known.full_size,
        "records_at": rfc3339(known.full_at) if known.full_size else None,
        "version": known.version,
    }


def _about_output(report: Report) -> Iterator[str]:
    if report.data_only_seals:
        yield (
            f"  the output of {counted(report.data_only_seals, 'attempt')} was sealed by an older"
            " version: its bytes are covered, the times, levels and streams of its lines are not"
        )
    if report.unsealed_outputs:
        yield (
            f"  the output of {counted(report.unsealed_outputs, 'attempt')} is covered by no"
            " digest: running, or the runner was lost"
        )


def _about_prunes(report: Report) -> Iterator[str]:
    for note in report.prunes[-MAX_SHOWN_PRUNES:]:
        what = counted(note.executions, "execution")
        if note.what == "logs":
            what = f"the output of {what}"
        else:
            what += f" ({counted(note.events, 'event')})"
        archive = note.archive.get("file")
        yield safe_line(
            f"  pruned at {note.seq}, {moment(note.at)}, by {note.actor}: {what},"
            f" ended {moment(note.first_ended)} to {moment(note.last_ended)}"
            + (f"; archived, see {archive}" if archive else "")
        )
    if len(report.prunes) > MAX_SHOWN_PRUNES:
        yield f"  … {counted(len(report.prunes) - MAX_SHOWN_PRUNES, 'earlier prune')}"


def _about_unknown_types(report: Report) -> Iterator[str]:
    if not report.unknown_events:
        return
    types = report.unknown_types
    named = ", ".join(types[:3]) + (f" and {len(types) - 3} more" if types[3:] else "")
    yield safe_line(
        f"  {counted(report.unknown_events, 'event')} of types this version does not know: {named}"
    )
    if report.unjudged_executions:
        yield (
            f"  the records of {counted(report.unjudged_executions, 'execution')} with such events"
            " could not be verified against the chain by this version"
        )


def _basis(tier: Tier, report: Report) -> str:
    if tier is Tier.CHAIN:
        return counted(report.events, "event")
    if tier is Tier.SIGNED:
        return _signers(report) if report.key else "by no key that is trusted here"
    if tier is Tier.ANCHORED:
        return anchored_text(report) or "no head was given or met, and no anchor verified"
    return f"{counted(report.executions, 'execution')}, {report.open_executions} of them open"


def _signers(report: Report) -> str:
    told = f"by {report.key}"
    if report.rotations:
        pinned = "this key" if report.pinned_key == report.key else report.pinned_key
        told += f"; keys of the log: {report.rotations + 1}; pinned: {pinned}"
    return told if report.tiers[Tier.SIGNED] else f"{told}; some events only by a revoked key"


def _about_anchors(report: Report) -> Iterator[str]:
    others = [one for one in report.anchors if one is not newest_anchor(report)]
    for anchor in others[-MAX_SHOWN_ANCHORS:]:
        yield safe_line(f"  anchor at {anchor.seq}: {anchor_text(anchor)}")
    left = report.older_anchors + max(0, len(others) - MAX_SHOWN_ANCHORS)
    if left:
        yield f"  … {counted(left, 'earlier anchor')}"


def _finding(finding: Finding) -> str:
    place = "" if finding.seq is None else f" at {finding.seq}"
    text = f"{finding.kind.value}{place}: {finding.message or finding.field}"
    if finding.expected is not None or finding.found is not None:
        text += f" (expected {finding.expected or 'nothing'}, found {finding.found or 'nothing'})"
    return safe_line(text)
