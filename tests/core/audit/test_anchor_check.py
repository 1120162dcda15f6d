"""Anchors of the log: what counts, when, and what a rewritten log is found by."""

import base64
import hashlib

import pytest

from core.audit.format.anchor_record import AnchorRecord, facts_of, pieces_of, read_anchor
from core.audit.format.checkpoint import checkpoint_text, origin_of, parse_checkpoint
from core.audit.format.cosignature import Witness, cosigned_message
from core.audit.verify.log_events.anchor_check import MAX_ANCHORS, Authorities
from core.audit.verify.verdict import Report, Tier, Verdict
from core.audit.verify.verify import VerifyOptions, verify
from core.domain.events import Noted
from core.errors import UnavailableError
from core.ports.anchor import StampRefusedError, TimeStamp
from tests.support.memory_chain import LOG_ID, START, MemoryLog, MemorySigner, a_log

AT = START + 10**18
WITNESS_KEY = MemorySigner(9)
WITNESS = Witness("witness.example/1", WITNESS_KEY.public_key)


class Stamps:
    """Believes a response that is the digest it is asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def verify(self, digest: bytes, response: bytes) -> TimeStamp:
        if self.error is not None:
            raise self.error
        if response != digest:
            raise StampRefusedError("message imprint mismatch")
        return TimeStamp(at=AT, by="/CN=Test TSA")


def head(log: MemoryLog) -> tuple[int, bytes]:
    last = log.last_checkpoint()
    assert last is not None
    assert isinstance(last[1], bytes)
    found = parse_checkpoint(last[1])
    return found.size, found.root


def stamped(size: int, root: bytes) -> AnchorRecord:
    text = checkpoint_text(origin_of(LOG_ID), size, root)
    proof = hashlib.sha256(text.encode()).digest()
    return a_record("time-stamp", size, root, proof)


def cosigned(size: int, root: bytes, signer: MemorySigner = WITNESS_KEY) -> AnchorRecord:
    text = checkpoint_text(origin_of(LOG_ID), size, root)
    raw = (AT // 10**9).to_bytes(8, "big") + signer.sign(cosigned_message(AT // 10**9, text))
    line = f"— {WITNESS.name} {base64.b64encode(WITNESS.key_id + raw).decode()}"
    return a_record("cosignature", size, root, line.encode())


def a_record(kind: str, size: int, root: bytes, proof: bytes) -> AnchorRecord:
    return AnchorRecord(
        kind="time-stamp" if kind == "time-stamp" else "cosignature",
        size=size,
        root=root.hex(),
        by="somebody",
        time="2026-01-01T00:00:00.000000000Z",
        proof=pieces_of(proof),
    )


def anchor(log: MemoryLog, record: AnchorRecord) -> int:
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


def verified(log: MemoryLog, authorities: Authorities) -> Report:
    return verify(log, VerifyOptions(authorities=authorities))


BOTH = Authorities(stamps=Stamps(), witnesses=(WITNESS,))


@pytest.mark.parametrize("make", [stamped, cosigned])
def test_a_verified_anchor_reaches_the_tier_with_its_time(make: object) -> None:
    log = a_log()
    size, root = head(log)
    seq = anchor(log, stamped(size, root) if make is stamped else cosigned(size, root))
    report = verified(log, BOTH)
    assert report.verdict is Verdict.INTACT, report.findings
    (note,) = report.anchors
    assert (note.seq, note.size, note.at, note.problem) == (seq, size, AT, None)
    assert report.tiers[Tier.ANCHORED]
    assert report.unknown_events == 0


@pytest.mark.parametrize(
    "authorities",
    [
        Authorities(),
        Authorities(stamps=Stamps(StampRefusedError("unknown authority"))),
        Authorities(stamps=Stamps(UnavailableError("openssl is missing"))),
        Authorities(witnesses=(Witness(WITNESS.name, MemorySigner(3).public_key),)),
    ],
    ids=["nobody", "refused", "no-openssl", "another-witness"],
)
def test_what_was_not_verified_now_is_no_anchor_and_no_damage(authorities: Authorities) -> None:
    log = a_log()
    size, root = head(log)
    anchor(log, stamped(size, root))
    anchor(log, cosigned(size, root))
    report = verified(log, authorities)
    assert report.verdict is Verdict.INTACT, report.findings
    assert not report.tiers[Tier.ANCHORED]
    assert [(one.at, one.by, bool(one.problem)) for one in report.anchors] == [
        (None, None, True)
    ] * 2
    demanded = VerifyOptions(authorities=authorities, require=frozenset({Tier.ANCHORED}))
    assert verify(log, demanded).verdict is Verdict.UNSEALED


def test_a_cosignature_by_another_hand_is_no_anchor() -> None:
    log = a_log()
    size, root = head(log)
    anchor(log, cosigned(size, root, MemorySigner(3)))
    report = verified(log, BOTH)
    assert not report.tiers[Tier.ANCHORED]
    assert "is wrong" in str(report.anchors[0].problem)


@pytest.mark.parametrize("make", [stamped, cosigned])
def test_a_log_rewritten_with_the_key_is_found_by_its_anchor(make: object) -> None:
    log = a_log()
    size, _ = head(log)
    other = hashlib.sha256(b"the history that was anchored").digest()
    anchor(log, stamped(size, other) if make is stamped else cosigned(size, other))
    report = verified(log, BOTH)
    assert report.verdict is Verdict.MODIFIED
    assert "not those that were anchored at 20" in report.findings[0].message


def test_an_anchor_of_a_head_that_is_still_to_come_is_damage() -> None:
    log = a_log()
    size, root = head(log)
    anchor(log, stamped(size + 1, root))
    report = verified(log, BOTH)
    assert report.verdict is Verdict.MODIFIED
    assert report.findings[0].field == "anchor"


def test_the_latest_anchors_are_verified_and_the_others_counted() -> None:
    log = a_log()
    for _ in range(MAX_ANCHORS + 2):
        anchor(log, stamped(*head(log)))
    report = verified(log, BOTH)
    assert report.verdict is Verdict.INTACT, report.findings
    assert (len(report.anchors), report.older_anchors) == (MAX_ANCHORS, 2)
    assert report.anchors[-1].size == report.events - 1


def test_a_long_proof_stands_whole_in_its_event() -> None:
    log = a_log()
    proof = bytes(range(256)) * 80
    anchor(log, a_record("time-stamp", *head(log), proof))
    record = read_anchor(log.event_rows[-1][10])
    assert record is not None
    assert record.proof_bytes() == proof


def test_an_event_that_is_edited_is_no_anchor() -> None:
    log = a_log()
    anchor(log, stamped(*head(log)))
    row = log.event_rows[-1]
    row[10] = row[10].replace(b'"time-stamp"', b'"time-Stamp"')
    report = verified(log, BOTH)
    assert report.verdict is Verdict.MODIFIED
    assert not report.tiers[Tier.ANCHORED]
