"""Anchors in a log in memory, and time stamps that need no authority."""

import hashlib

from core.audit.format.anchor_record import AnchorRecord, facts_of, pieces_of
from core.audit.format.checkpoint import checkpoint_text, origin_of, parse_checkpoint
from core.domain.events import Noted
from core.ports.anchor import StampRefusedError, TimeStamp
from tests.support.memory_chain import LOG_ID, START, MemoryLog

STAMPED_AT = START + 3_600 * 10**9


class Stamps:
    """Believes a response that is the digest it is asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def verify(self, digest: bytes, response: bytes) -> TimeStamp:
        if self.error is not None:
            raise self.error
        if response != digest:
            raise StampRefusedError("message imprint mismatch")
        return TimeStamp(at=STAMPED_AT, by="/CN=Test TSA")


def head_of(log: MemoryLog) -> tuple[int, bytes]:
    """Return events and root of the last checkpoint."""
    last = log.last_checkpoint()
    assert last is not None
    assert isinstance(last[1], bytes)
    found = parse_checkpoint(last[1])
    return found.size, found.root


def stamped(size: int, root: bytes) -> AnchorRecord:
    """Return an anchor of a head that `Stamps` believes."""
    text = checkpoint_text(origin_of(LOG_ID), size, root)
    return anchor_record("time-stamp", size, root, hashlib.sha256(text.encode()).digest())


def anchor_record(kind: str, size: int, root: bytes, proof: bytes) -> AnchorRecord:
    """Return an anchor with this proof."""
    return AnchorRecord(
        kind="time-stamp" if kind == "time-stamp" else "cosignature",
        size=size,
        root=root.hex(),
        by="somebody",
        time="2026-01-01T00:00:00.000000000Z",
        proof=pieces_of(proof),
    )


def add_anchor(log: MemoryLog, record: AnchorRecord) -> int:
    """Record an anchor; return the number of its event."""
    log.commit(
        Noted(
            at=START + 10**15,
            execution_id="",
            actor="eve@host",
            kind="audit.anchored",
            facts=facts_of(record),
        )
    )
    return int(log.event_rows[-1][0])
