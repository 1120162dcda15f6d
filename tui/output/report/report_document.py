"""An audit report as headings, sentences and tables; knows no format."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from core.domain.state_word import WORDS, counted

_VERDICTS: Final = {
    True: "Every event and record was verified. Nothing was changed, and a key that is trusted here"
    " signed the log.",
    False: "The records do NOT verify. What this report says cannot be relied on.",
}
_TIERS: Final = (
    ("chain", "every event follows from the one before it"),
    ("signed", "a known key signed the log over all events"),
    ("anchored", "the log continues a head that was noted elsewhere"),
    ("complete", "every execution of the log has ended and is sealed"),
)


class Table(Struct, frozen=True):
    """Rows of cells under a row of headings."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


class Section(Struct, frozen=True, kw_only=True):
    """A heading of a level (1 is the title), sentences, and a table if it has rows."""

    level: int
    title: str
    lines: Sequence[str] = ()
    table: Table | None = None


def sections(data: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the sections of a report from the data of `report_data`."""
    yield Section(level=1, title="Audit report", lines=[f"Made at {data['generated_at']}."])
    yield _summary(data["summary"])
    yield _integrity(data["integrity"])
    for execution in data["executions"]:
        yield from _execution(execution)
    if data["other_acts"]:
        yield Section(level=2, title="Acts outside of executions", table=_acts(data["other_acts"]))


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
    return Section(level=2, title="Summary", table=Table(["", "number"], rows))


def _integrity(integrity: Mapping[str, Any]) -> Section:
    intact = integrity["verdict"] == "INTACT"
    lines = [
        f"{integrity['verdict']}. {_VERDICTS[intact]}",
        (
            f"Verified: {counted(integrity['events'], 'event')} of"
            f" {counted(integrity['executions'], 'execution')} in the whole log."
            f" Head: {integrity['head']}."
        ),
        f"Signed by: {integrity['key'] or 'no key that is trusted here'}.",
        *(f"Finding: {one['message'] or one['field']}." for one in integrity["findings"][:20]),
    ]
    tiers = [
        [name, "yes" if integrity["tiers"][name] else "no", meaning] for name, meaning in _TIERS
    ]
    table = Table(["tier", "reached", "meaning"], tiers)
    return Section(level=2, title="Integrity", lines=lines, table=table)


def _execution(found: Mapping[str, Any]) -> Iterator[Section]:
    failed = [one["step"] for one in found["steps"] if one["state"] == "FAILED"]
    why = f": {found['message']}" if found["message"] else ""
    lines = [
        f"Outcome: {WORDS[found['state']]} ({found['reason_code']}){why}",
        (
            f"Started by {found['actor']} at {found['started_at'] or found['created_at']},"
            f" ended at {found['ended_at'] or 'no time: it has not ended'}."
        ),
        (
            f"Execution {found['execution_id']}; mission file {found.get('source_path') or '-'},"
            f" SHA-256 {found['mission_sha256']}."
        ),
        f"Failed steps: {', '.join(failed) or 'none'}.",
        f"Approved or rejected: {'; '.join(map(_said, found['approvals'])) or 'nothing'}.",
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
            one["reason_code"],
            str(one["attempts"]),
            one["started_at"] or "",
            _took(one["duration_ms"]),
            one["message"] or "",
        ]
        for one in found["steps"]
    ]
    headings = ["step", "outcome", "reason", "attempts", "started", "took", "message"]
    yield Section(level=3, title="Steps", table=Table(headings, steps))
    attempts = [
        [
            one["step"],
            str(one["attempt"]),
            WORDS[one["state"]],
            one["reason_code"],
            "" if one["exit_code"] is None else str(one["exit_code"]),
            one["started_at"] or "",
            _took(one["duration_ms"]),
            one["message"] or "",
        ]
        for one in found["attempts"]
    ]
    headings = ["step", "attempt", "outcome", "reason", "exit", "started", "took", "message"]
    yield Section(level=3, title="Attempts", table=Table(headings, attempts))


def _acts(acts: Sequence[Mapping[str, Any]]) -> Table:
    rows = [[one["at"], one["actor"], one["what"], str(one["seq"])] for one in acts]
    return Table(["when", "who", "what", "event"], rows)


def _said(act: Mapping[str, Any]) -> str:
    return f"{act['actor']} at {act['at']} {act['what']}"


def _took(duration_ms: float | None) -> str:
    return "" if duration_ms is None else f"{duration_ms / 1000:,.3f} s"
