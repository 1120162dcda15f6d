"""What a verification found, for people who audit: sentences, and what each tier means."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from core.audit.verify.verdict import Verdict
from core.domain.state_word import counted

_TIERS: Final = (
    (
        "chain",
        "Every event follows from the one before it: nothing was changed by accident.",
        "The chain of events is broken.",
    ),
    (
        "signed",
        "A known key signed the log over all events: whoever cannot use that key changed nothing.",
        "No known key signed the log over all events.",
    ),
    (
        "anchored",
        "Somebody outside has vouched for the log, or it continues a head noted elsewhere.",
        "Nobody outside has vouched for it: a cut end or a rewrite with the key would not be seen.",
    ),
    (
        "complete",
        "Every execution of the log has ended and is sealed.",
        "Executions of the log have not ended yet.",
    ),
)
MOST_FINDINGS: Final = 20


def trust_line(integrity: Mapping[str, Any]) -> str:
    """Return whether the report can be relied on."""
    if integrity["verdict"] == "INTACT":
        return (
            "The records verify: nothing in this report was changed since it was recorded, unless"
            " by somebody who has the key named below."
        )
    if _is_in_doubt(integrity):
        return (
            "The records are as they were signed, but some events were signed only by a key that"
            " was revoked (see Integrity): what this report says of them may be forged."
        )
    return "The records do NOT verify: what this report says cannot be relied on."


def _is_in_doubt(integrity: Mapping[str, Any]) -> bool:
    """Tell whether nothing is wrong but that a revoked key alone signed some events."""
    kinds = {one["kind"] for one in integrity["findings"]}
    return bool(integrity["key"]) and kinds == {Verdict.REVOKED_KEY.value}


def integrity(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]], str]:
    """Return sentences, a row for each tier, and the tone, of a verification as JSON."""
    intact = found["verdict"] == "INTACT"
    findings = found["findings"][:MOST_FINDINGS]
    lines = [
        "INTACT. Every event and record was verified when this report was made."
        if intact
        else f"{found['verdict']}. {trust_line(found)}",
        (
            f"Verified: {counted(found['events'], 'event')} of"
            f" {counted(found['executions'], 'execution')} in the whole log. Head: {found['head']}."
        ),
        f"Signed by: {found['key'] or 'no key that is trusted here'}."
        + (" Compare it with the key that you know from elsewhere." if found["key"] else ""),
        *_rotations(found),
        *(_anchor(one) for one in found["anchors"]),
        *(f"Finding: {one['message'] or one['field']}." for one in findings),
    ]
    if found["finding_count"] > MOST_FINDINGS:
        lines.append(f"{counted(found['finding_count'] - MOST_FINDINGS, 'more finding')}.")
    tiers = [
        [name, "yes" if found["tiers"][name] else "no", yes if found["tiers"][name] else no]
        for name, yes, no in _TIERS
    ]
    return lines, tiers, "good" if intact else "bad"


def _rotations(found: Mapping[str, Any]) -> Iterator[str]:
    if found["rotations"] and found["pinned_key"]:
        yield (
            f"The log has had {counted(found['rotations'] + 1, 'key')}, each of which handed it"
            f" over to the next. The first of them that is trusted here: {found['pinned_key']}."
        )


def _anchor(one: Mapping[str, Any]) -> str:
    kind = "time stamp" if one["kind"] == "time-stamp" else "cosignature"
    if one["problem"]:
        return f"A {kind} of events 1 to {one['events']} could not be verified: {one['problem']}."
    return (
        f"Events 1 to {one['events']} existed at {one['at'][:10]} {one['at'][11:19]} UTC, by a"
        f" {kind} of {one['by']}."
    )
