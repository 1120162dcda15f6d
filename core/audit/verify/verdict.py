"""The result of a verification: verdict, tiers, findings, and their JSON shape."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.audit.format.key_revocation import Revocation
from core.audit.verify.walk_state import ChainState
from core.value.timestamp import rfc3339


class Verdict(StrEnum):
    """The verdict on a log; all but INTACT give exit code 8. Defined in docs/audit.md."""

    INTACT = "INTACT"
    MODIFIED = "MODIFIED"
    REORDERED = "REORDERED"
    MISSING = "MISSING"
    TRUNCATED = "TRUNCATED"
    UNSIGNED_TAIL = "UNSIGNED TAIL"
    WRONG_KEY = "WRONG KEY"
    REVOKED_KEY = "REVOKED KEY"
    UNSEALED = "UNSEALED"


class Tier(StrEnum):
    """The properties a log can be shown to have; each can be required independently."""

    CHAIN = "chain"
    """Every event follows from the one before it, columns and bodies agree."""
    SIGNED = "signed"
    """A known key signed the tree over all events."""
    ANCHORED = "anchored"
    """The log continues a head that was stored outside the database, or that somebody outside has
    stamped with the time or cosigned."""
    COMPLETE = "complete"
    """Every execution in it is finalised."""


class Finding(Struct, frozen=True, kw_only=True):
    """One difference. `seq` is the event concerned, or None; texts are short."""

    kind: Verdict
    field: str
    seq: int | None = None
    expected: str | None = None
    found: str | None = None
    message: str = ""


class PruneNote(Struct, frozen=True, kw_only=True):
    """What one event `log.pruned` removed: `what` is `executions` or `logs`, `at` its `ts`.

    `first_ended` and `last_ended` are the ends of the executions it names, nanoseconds since the
    epoch; `policy` and `archive` are as recorded.
    """

    seq: int
    at: int
    actor: str
    what: str
    executions: int
    events: int
    output_bytes: int
    first_ended: int
    last_ended: int
    policy: Mapping[str, Any]
    archive: Mapping[str, Any]


class AnchorNote(Struct, frozen=True, kw_only=True):
    """One event `audit.anchored`: an anchor of the tree of `size` events, just verified.

    `at` (nanoseconds since the epoch) and `by` are what its proof says: at that time, says that
    authority, these events existed. Without a proof that holds they are None, and `problem` says
    why.
    """

    seq: int
    kind: str
    size: int
    at: int | None = None
    by: str | None = None
    problem: str | None = None


class Report(Struct, frozen=True, kw_only=True):
    """The result of a verification. `findings` are the first ones, `finding_count` counts all.

    `head` is `SIZE:ROOT` (hex) of what was read; `key` the vkey whose signature holds, or None.
    """

    verdict: Verdict
    tiers: Mapping[Tier, bool]
    events: int
    head: str
    findings: tuple[Finding, ...] = ()
    finding_count: int = 0
    key: str | None = None
    pinned_key: str | None = None
    """The oldest key of the log that is trusted here; from it the rotations lead to `key`."""
    rotations: int = 0
    """How many times the log was handed over to another key."""
    revocations: tuple[Revocation, ...] = ()
    """What the log says of keys that were revoked, its own or others."""
    executions: int = 0
    open_executions: int = 0
    unknown_events: int = 0
    """Events of types that this version does not know: hashed and signed, not interpreted."""
    unknown_types: tuple[str, ...] = ()
    """Those types in alphabetical order, the first hundred that were met."""
    unjudged_executions: int = 0
    """Executions with such events whose records do not follow from the events that are known."""
    data_only_seals: int = 0
    """Attempts whose output an older version sealed: the digest covers nothing but its bytes."""
    unsealed_outputs: int = 0
    """Attempts whose output no digest covers: they run, or their runner died before the end."""
    is_full: bool = False
    """Whether all events were read and all records compared with them."""
    chain: ChainState | None = None
    """Where the chain ends, for the next incremental verification; None if anything is wrong."""
    prunes: tuple[PruneNote, ...] = ()
    """What was removed and named by events of the chain; what they name is gone or may go."""
    noted_heads: int = 0
    """How many heads were given that were stored elsewhere, and that the log continues."""
    anchors: tuple[AnchorNote, ...] = ()
    """The latest anchors of the log, in its order."""
    older_anchors: int = 0
    """How many earlier ones were not verified."""

    @property
    def is_intact(self) -> bool:
        """Tell whether nothing is wrong and every demanded tier was reached."""
        return self.verdict is Verdict.INTACT

    @property
    def is_unchanged(self) -> bool:
        """Tell whether nothing is wrong but that a revoked key alone signed some of the events."""
        kinds = {one.kind for one in self.findings}
        return self.is_intact or (self.key is not None and kinds == {Verdict.REVOKED_KEY})


def report_json(report: Report) -> dict[str, Any]:
    """Return the object of `audit verify --json`."""
    return {
        "verdict": report.verdict.value,
        "tiers": {tier.value: report.tiers[tier] for tier in Tier},
        "events": report.events,
        "head": report.head,
        "key": report.key,
        "pinned_key": report.pinned_key,
        "rotations": report.rotations,
        "revocations": [
            {
                "seq": one.seq,
                "key": one.vkey,
                "reason": one.reason,
                "from_seq": one.from_seq or None,
            }
            for one in report.revocations
        ],
        "executions": report.executions,
        "open_executions": report.open_executions,
        "unknown_events": report.unknown_events,
        "unknown_types": list(report.unknown_types),
        "unjudged_executions": report.unjudged_executions,
        "data_only_seals": report.data_only_seals,
        "unsealed_outputs": report.unsealed_outputs,
        "prunes": [
            {
                "seq": note.seq,
                "at": rfc3339(note.at),
                "actor": note.actor,
                "what": note.what,
                "executions": note.executions,
                "events": note.events,
                "output_bytes": note.output_bytes,
                "first_ended": rfc3339(note.first_ended),
                "last_ended": rfc3339(note.last_ended),
                "policy": dict(note.policy),
                "archive": dict(note.archive),
            }
            for note in report.prunes
        ],
        "noted_heads": report.noted_heads,
        "anchors": [
            {
                "seq": anchor.seq,
                "kind": anchor.kind,
                "events": anchor.size,
                "at": None if anchor.at is None else rfc3339(anchor.at),
                "by": anchor.by,
                "problem": anchor.problem,
            }
            for anchor in report.anchors
        ],
        "older_anchors": report.older_anchors,
        "finding_count": report.finding_count,
        "findings": [
            {
                "seq": finding.seq,
                "kind": finding.kind.value,
                "field": finding.field,
                "expected": finding.expected,
                "found": finding.found,
                "message": finding.message,
            }
            for finding in report.findings
        ],
    }


def headline(report: Report) -> str:
    """Return the verdict as one line: `MODIFIED at 17: exit_code is 0, expected 1`."""
    if not report.findings:
        return report.verdict.value
    first = report.findings[0]
    place = "" if first.seq is None else f" at {first.seq}"
    return f"{report.verdict.value}{place}: {first.message or first.field}"


class Findings:
    """Collects findings up to a limit and counts the rest."""

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self.kept: list[Finding] = []
        self.count = 0

    def add(
        self,
        kind: Verdict,
        field: str,
        *,
        seq: int | None = None,
        expected: object = None,
        found: object = None,
        message: str = "",
    ) -> None:
        """Add one difference; values are stored as short text."""
        self.count += 1
        if len(self.kept) >= self._limit:
            return
        self.kept.append(
            Finding(
                kind=kind,
                field=field,
                seq=seq,
                expected=None if expected is None else show(expected),
                found=None if found is None else show(found),
                message=message,
            )
        )

    def extend(self, others: "Findings") -> None:
        """Append the findings of another collection."""
        self.kept += others.kept[: max(0, self._limit - len(self.kept))]
        self.count += others.count

    def rename(self, index: int, kind: Verdict, **changes: Any) -> None:
        """Replace the verdict and other fields of finding number `index` (from 0)."""
        if 0 <= index < len(self.kept):
            self.kept[index] = replace(self.kept[index], kind=kind, **changes)


def show(value: object, limit: int = 120) -> str:
    """Return any value as short, encodable text; the value may be hostile."""
    if isinstance(value, bytes):
        text = value[:limit].hex()
    elif isinstance(value, str):
        text = value
    elif type(value) is int and value.bit_length() > 200:
        text = f"an integer of {value.bit_length()} bits"
    elif value is None or isinstance(value, int | float):
        text = str(value)
    else:
        text = f"<{type(value).__name__}>"
    if len(text) > limit:
        text = text[:limit] + "…"
    return text.encode("utf-8", "backslashreplace").decode()
