"""Checks the anchors that events `audit.anchored` hold: time stamps and cosignatures of heads.

Which heads they are of is read ahead, because an anchor stands behind the events that it is of; it
counts only once the walk has met its event undamaged, and its proof was verified here and now.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from core.audit.format.anchor_record import AUDIT_ANCHORED, AnchorRecord, read_anchor
from core.audit.format.checkpoint import checkpoint_text, origin_of
from core.audit.format.cosignature import Witness, open_cosignature
from core.audit.format.note import parse_note
from core.audit.verify.source import ChainSource
from core.audit.verify.verdict import AnchorNote, Findings, Verdict
from core.errors import AuditError, UnavailableError
from core.ports.anchor import StampCheck
from core.value.timestamp import rfc3339

MAX_ANCHORS: Final = 100
"""How many anchors of a log are verified, the latest."""


class Authorities(Struct, frozen=True, kw_only=True):
    """Who is trusted to say when a head existed; nobody without being named."""

    stamps: StampCheck | None = None
    witnesses: tuple[Witness, ...] = ()


NOBODY: Final = Authorities()


class AnchorCheck:
    """The latest anchors of a log; `sizes` are those of the trees whose roots it needs."""

    def __init__(
        self, source: ChainSource, log_id: str, authorities: Authorities, findings: Findings
    ) -> None:
        self._log_id = log_id
        self._authorities = authorities
        self._findings = findings
        self._waiting: dict[int, AnchorRecord | None] = {}
        self._met: dict[int, AnchorRecord] = {}
        self._older = 0
        for seq, body in source.anchors(MAX_ANCHORS):
            if type(seq) is int:
                self._waiting[seq] = read_anchor(body)

    @property
    def sizes(self) -> set[int]:
        """The sizes of all anchored trees."""
        return {one.size for one in self._waiting.values() if one is not None}

    def confirm(self, seq: int) -> None:
        """Take note that event `seq` of the chain is an `audit.anchored`."""
        if seq not in self._waiting:
            self._older += 1
            return
        record = self._waiting.pop(seq)
        if record is None or record.size >= seq:
            self._bad(seq, f"{AUDIT_ANCHORED} {seq} names no earlier head of the log")
        else:
            self._met[seq] = record

    def finish(self, roots: Mapping[int, bytes]) -> tuple[tuple[AnchorNote, ...], int]:
        """Verify the anchors; return them in order, and how many older ones were left out.

        `roots` are those of the trees whose events were read undamaged, by their sizes.
        """
        notes: list[AnchorNote] = []
        for seq, record in sorted(self._met.items()):
            root = roots.get(record.size)
            if root is None:
                continue  # the events before it are damaged, which was found
            note = verified_anchor(seq, record, self._log_id, self._authorities)
            notes.append(note)
            if root.hex() != record.root:
                when = f" at {rfc3339(note.at)}" if note.at is not None else ""
                self._findings.add(
                    Verdict.MODIFIED,
                    "root",
                    seq=record.size,
                    expected=record.root,
                    found=root.hex(),
                    message=f"the events up to {record.size} are not those that were anchored"
                    + when,
                )
        return tuple(notes), self._older

    def _bad(self, seq: int, message: str) -> None:
        self._findings.add(Verdict.MODIFIED, "anchor", seq=seq, message=message)


def verified_anchor(
    seq: int, record: AnchorRecord, log_id: str, authorities: Authorities
) -> AnchorNote:
    """Verify the proof of an anchor; the note says what it proves, or why it proves nothing."""
    facts: dict[str, Any] = {"seq": seq, "kind": record.kind, "size": record.size}
    text = checkpoint_text(origin_of(log_id), record.size, bytes.fromhex(record.root))
    try:
        proof = record.proof_bytes()
        if record.kind == "time-stamp":
            if authorities.stamps is None:
                return AnchorNote(**facts, problem="no time-stamping authority is trusted here")
            stamp = authorities.stamps.verify(hashlib.sha256(text.encode()).digest(), proof)
            return AnchorNote(**facts, at=stamp.at, by=stamp.by)
        note = parse_note(f"{text}\n".encode() + proof + b"\n")
    except (AuditError, UnavailableError) as error:
        return AnchorNote(**facts, problem=error.message)
    problem = "its witness is not trusted here"
    for witness in authorities.witnesses:
        if any((one.name, one.key_id) == (witness.name, witness.key_id) for one in note.signatures):
            try:
                found = open_cosignature(note, witness)
            except AuditError as error:
                problem = error.message
            else:
                return AnchorNote(**facts, at=found.seconds * 1_000_000_000, by=witness.name)
    return AnchorNote(**facts, problem=problem)
