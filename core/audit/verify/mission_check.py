"""Compares the stored mission files with what the chain says of them."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from msgspec import Struct

from core.audit.format.canonical import clean_text
from core.audit.verify.source import Record
from core.audit.verify.verdict import Findings, Verdict, show
from core.domain.events import Event, ExecutionCreated, Noted

VALIDATED = "mission.validated"
MISSION_TYPES = frozenset({ExecutionCreated.type, VALIDATED})
"""The types of all events that `MissionCheck` takes note of."""

_FORMATS = ("yaml", "json")


class _Named(Struct):
    """A mission file as the first execution of it names it."""

    seq: int
    execution_id: str
    first_seen: int
    facts: Mapping[str, Any] | None = None


class MissionCheck:
    """Collects the mission files that the chain names; memory grows with their number."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._named: dict[str, _Named] = {}
        self._pruned: dict[str, set[tuple[object, object, object]]] = {}
        """By digest, first seen, name and format by executions that were pruned."""

    def pruned(self, digest: str, created_at: int, name: str, file_format: str) -> None:
        """Take note of the mission file of an execution that was pruned."""
        self._pruned.setdefault(digest, set()).add((created_at, name, file_format))

    def event(self, seq: int, event: Event) -> None:
        """Take note of an event of an execution if it is one about its mission file."""
        if isinstance(event, ExecutionCreated):
            named = _Named(seq, event.execution_id, event.at)
            self._named.setdefault(event.mission_digest, named)
        elif isinstance(event, Noted) and event.kind == VALIDATED:
            found = self._named.get(str(event.facts.get("mission_sha256")))
            if found is not None and found.facts is None:
                is_first = found.execution_id == event.execution_id
                found.facts = event.facts if is_first else {}

    def finish(self, stored: Iterable[Record], *, is_complete: bool) -> None:
        """Compare the stored files; without `is_complete` the chain may have named more of them."""
        left = dict(self._named)
        for record in stored:
            digest, content = record.get("digest"), record.get("content")
            found = sha256(content).hexdigest() if isinstance(content, bytes) else None
            named = left.pop(digest, None) if isinstance(digest, str) else None
            if found != digest:
                self._differs(
                    "mission",
                    named,
                    digest,
                    found,
                    f"the stored mission file {show(digest, 12)} is not the one it was",
                )
            elif self._is_as_pruned(record, str(digest)):
                continue
            elif named is not None:
                self._compare(named, record, digest)
            elif is_complete:
                self._differs(
                    "mission",
                    None,
                    None,
                    digest,
                    f"the stored mission file {show(digest, 12)} is not named by the chain",
                )
        for digest, named in left.items():
            self._differs(
                "mission",
                named,
                digest,
                None,
                f"the mission file {show(digest, 12)} that the chain names is not stored",
            )

    def _is_as_pruned(self, record: Record, digest: str) -> bool:
        """Tell whether the file was first seen with a pruned execution, and is as then."""
        found = (record.get("first_seen"), record.get("name"), record.get("format"))
        return found in self._pruned.get(digest, ())

    def _compare(self, named: _Named, record: Record, digest: object) -> None:
        facts = named.facts or {}
        for name in ("name", "format", "first_seen"):
            found = record.get(name)
            expected = named.first_seen if name == "first_seen" else facts.get(name)
            if expected is None:  # of a version whose chain does not say it
                agrees = isinstance(found, str) and (name != "format" or found in _FORMATS)
            elif isinstance(found, str):
                agrees = expected in (found, clean_text(found))
            else:
                agrees = type(found) is type(expected) and found == expected
            if not agrees:
                self._differs(
                    f"mission.{name}",
                    named,
                    expected,
                    found,
                    f"the stored mission file {show(digest, 12)} has the {name.replace('_', ' ')}"
                    f" {show(found)}, not {show(expected)}",
                )

    def _differs(
        self, name: str, named: _Named | None, expected: object, found: object, message: str
    ) -> None:
        self._findings.add(
            Verdict.MODIFIED,
            name,
            seq=None if named is None else named.seq,
            expected=expected,
            found=found,
            message=message,
        )
