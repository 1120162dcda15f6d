"""What a retry changed, as the audit log records it, in lines. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from core.domain.records import AuditEvent

AMENDED = "execution.amended"
"""The type of the event that records what a retry changed."""
_DIGEST_CHARACTERS = 12


def amendment_lines(facts: Mapping[str, Any]) -> list[str]:
    """Return what an event `execution.amended` tells, one change per line.

    What is malformed is left out: the record may be another version's.
    """
    lines = []
    changes = facts.get("changes")
    for one in changes if isinstance(changes, list | tuple) else ():
        if not isinstance(one, Mapping) or not isinstance(one.get("name"), str):
            continue
        if one.get("aspect") == "file":
            digest = str(one.get("after", ""))[:_DIGEST_CHARACTERS]
            lines.append(f"mission file: now sha256 {digest}…")
            continue
        subject = " ".join(str(one[key]) for key in ("step", "aspect", "name") if one.get(key))
        lines.append(f"{subject}: {one.get('before', 'none')} → {one.get('after', 'none')}")
    more = facts.get("more_changes")
    return lines if not isinstance(more, int) else [*lines, f"and {more} more"]


def amendments_in(events: Iterable[AuditEvent]) -> list[str]:
    """Return what the first events of an execution tell of its amendment, empty without one."""
    return [
        line
        for event in events
        if event.event_type == AMENDED
        for line in amendment_lines(event.details)
    ]
