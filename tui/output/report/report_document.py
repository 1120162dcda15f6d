"""An audit report as headings, sentences and tables; knows no format.

It begins with what a reader wants to know who has read nothing else: what came of it, which step
failed and why, who approved what, and whether that can be trusted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from core.domain.state_word import WORDS, counted
from tui.output.report.integrity_section import integrity, trust_line
from tui.words.cause import UNREMARKABLE

MOST_TOLD: Final = 20
"""How many executions the beginning tells one by one."""


class Table(Struct, frozen=True):
    """Rows of cells under a row of headings."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


class Section(Struct, frozen=True, kw_only=True):
    """A heading of a level (1 is the title), sentences, and a table if it has rows.

    `tone` is `good` or `bad` where the first sentence is a verdict.
    """

    level: int
    title: str
    lines: Sequence[str] = ()
    table: Table | None = None
    tone: str = ""


def sections(data: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the sections of a report from the data of `report_data`."""
    yield Section(level=1, title="Audit report", lines=[f"Made at {at(data['generated_at'])}."])
    yield _in_short(data)
    yield _summary(data["summary"])
    lines, tiers, tone = integrity(data["integrity"])
    table = Table(["property", "shown", "what that means"], tiers)
    yield Section(level=2, title="Integrity", lines=lines, table=table, tone=tone)
    for execution in data["executions"]:
        yield from _execution(execution)
    if data["other_acts"]:
        yield Section(level=2, title="Acts outside of executions", table=_acts(data["other_acts"]))


def at(instant: str | None) -> str:
    """Return an RFC 3339 instant for people, to the millisecond; empty for none."""
    return "" if not instant else f"{instant[:10]} {instant[11:23]} UTC"


def _in_short(data: Mapping[str, Any]) -> Section:
    lines = [trust_line(data["integrity"])]
    executions = data["executions"]
    for found in executions[:MOST_TOLD]:
        lines += _told(found)
    if not executions:
        lines.append("There is no execution in this report.")
    elif len(executions) > MOST_TOLD:
        lines.append(f"{counted(len(executions) - MOST_TOLD, 'more execution')} below.")
    tone = "good" if data["integrity"]["verdict"] == "INTACT" else "bad"
    return Section(level=2, title="In short", lines=lines, tone=tone)


def _told(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what came of an execution, in sentences."""
    name = found["label"].rpartition(" ")[0] or found["label"]
    ended = at(found["ended_at"])
    yield (
        f"{name}, started by {found['actor']}, {_OUTCOMES.get(found['state'], 'has not ended')}"
        + (f" at {ended}." if ended else ".")
    )
    for one in found["failures"]:
        yield f"Step {one['step']} failed: {one['cause']}."
    after = [f"{one['step']} ({WORDS[one['state']]})" for one in found["ran_after_failure"]]
    if after:
        yield f"Started after the failure: {', '.join(after)}."
    for act in found["approvals"]:
        yield f"{act['actor']} {act['what']}, at {at(act['at'])}."
    if not found["approvals"]:
        yield "Nobody approved or rejected anything in it."
    for act in found["violations"]:
        yield f"Violation at {at(act['at'])}: {act['what']}."


_OUTCOMES: Final = {"SUCCESS": "succeeded", "FAILED": "failed", "CANCELLED": "was cancelled"}


def _summary(summary: Mapping[str, Any]) -> Section:
    rows = [["Executions", f"{summary['executions']:,}"]]
    rows += [[f"Executions {WORDS[s]}", f"{n:,}"] for s, n in summary["outcomes"].items()]
    rows += [[f"Steps {WORDS[s]}", f"{n:,}"] for s, n in summary["steps"].items()]
    for name, label in (
        ("retries", "Attempts that were retries"),
        ("approvals", "Approvals and rejections"),
        ("violations", "Violations of safety and policy"),
        ("warnings", "Warnings by policies"),
        ("redactions", "Redacted secrets in output and results"),
        ("unknown_events", "Events of types this version does not know"),
    ):
        rows.append([label, f"{summary[name]:,}"])
    return Section(level=2, title="Totals", table=Table(["what", "number"], rows))


def _execution(found: Mapping[str, Any]) -> Iterator[Section]:
    failed = [one["step"] for one in found["steps"] if one["state"] == "FAILED"]
    skipped = [one["step"] for one in found["steps"] if one["state"] == "SKIPPED"]
    why = f": {found['message']}" if found["message"] else ""
    code = "" if found["reason_code"] in UNREMARKABLE else f" ({found['reason_code']})"
    lines = [
        f"Outcome: {WORDS[found['state']]}{code}{why}",
        (
            f"Started by {found['actor']} at {at(found['started_at'] or found['created_at'])},"
            f" ended at {at(found['ended_at']) or 'no time: it has not ended'}."
        ),
        (
            f"Execution {found['execution_id']}; mission file {found.get('source_path') or '-'},"
            f" SHA-256 {found['mission_sha256']}."
        ),
        f"Failed steps: {', '.join(failed) or 'none'}.",
        f"Steps that were not run: {', '.join(skipped) or 'none'}.",
        f"Approvals and rejections: {'; '.join(map(_said, found['approvals'])) or 'none'}.",
        f"Violations: {'; '.join(map(_said, found['violations'])) or 'none'}.",
    ]
    if found["redactions"]:
        told = ", ".join(f"{name} {counted(n, 'time')}" for name, n in found["redactions"].items())
        lines.append(f"Redacted: {told}.")
    if found["unknown_events"]:
        lines.append(f"{counted(found['unknown_events'], 'event')} of unknown types.")
    yield Section(level=2, title=f"Execution {found['label']}", lines=lines)
    yield Section(level=3, title="Who did what, and when", table=_acts(found["acts"]))
    steps = [
        [
            one["step"],
            WORDS[one["state"]],
            _reason(one),
            str(one["attempts"]),
            _instant(one["started_at"]),
            _took(one["duration_ms"]),
            one["message"] or "",
        ]
        for one in found["steps"]
    ]
    headings = ["step", "outcome", "reason", "attempts", "started (UTC)", "took", "message"]
    yield Section(level=3, title="Steps", table=Table(headings, steps))
    attempts = [
        [
            one["step"],
            str(one["attempt"]),
            WORDS[one["state"]],
            _reason(one),
            "" if one["exit_code"] is None else str(one["exit_code"]),
            _instant(one["started_at"]),
            _took(one["duration_ms"]),
            one["message"] or "",
        ]
        for one in found["attempts"]
    ]
    headings = [
        "step", "attempt", "outcome", "reason", "exit code", "started (UTC)", "took", "message",
    ]  # fmt: skip
    yield Section(level=3, title="Attempts", table=Table(headings, attempts))


def _acts(acts: Sequence[Mapping[str, Any]]) -> Table:
    rows = [[_instant(one["at"]), one["actor"], one["what"], str(one["seq"])] for one in acts]
    return Table(["when (UTC)", "who", "what", "event"], rows)


def _said(act: Mapping[str, Any]) -> str:
    return f"{act['actor']} at {at(act['at'])} {act['what']}"


def _instant(instant: str | None) -> str:
    return at(instant).removesuffix(" UTC")


def _reason(one: Mapping[str, Any]) -> str:
    """Return a reason code, none for what goes as it should."""
    return "" if one["reason_code"] in UNREMARKABLE else str(one["reason_code"])


def _took(duration_ms: float | None) -> str:
    return "" if duration_ms is None else f"{duration_ms / 1000:,.3f} s"
