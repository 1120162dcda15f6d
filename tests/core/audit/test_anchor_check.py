"""Anchors of the log: what counts, when, and what a rewritten log is found by."""

import base64
import hashlib

import pytest

from core.audit.format.anchor_record import AnchorRecord, read_anchor
from core.audit.format.checkpoint import checkpoint_text, origin_of
from core.audit.format.cosignature import Witness, cosigned_message
from core.audit.verify.log_events.anchor_check import MAX_ANCHORS, Authorities
from core.audit.verify.verdict import Report, Tier, Verdict
from core.audit.verify.verify import VerifyOptions, verify
from core.errors import UnavailableError
from core.ports.anchor import StampRefusedError
from tests.support.anchored_log import (
    STAMPED_AT,
    Stamps,
    add_anchor,
    anchor_record,
    head_of,
    stamped,
)
from tests.support.memory_chain import LOG_ID, MemoryLog, MemorySigner, a_log

WITNESS_KEY = MemorySigner(9)
WITNESS = Witness("witness.example/1", WITNESS_KEY.public_key)


def cosigned(size: int, root: bytes, signer: MemorySigner = WITNESS_KEY) -> AnchorRecord:
    text = checkpoint_text(origin_of(LOG_ID), size, root)
    raw = (STAMPED_AT // 10**9).to_bytes(8, "big") + signer.sign(
        cosigned_message(STAMPED_AT // 10**9, text)
    )
    line = f"— {WITNESS.name} {base64.b64encode(WITNESS.key_id + raw).decode()}"
    return anchor_record("cosignature", size, root, line.encode())


def verified(log: MemoryLog, authorities: Authorities) -> Report:
    return verify(log, VerifyOptions(authorities=authorities))


BOTH = Authorities(stamps=Stamps(), witnesses=(WITNESS,))


@pytest.mark.parametrize("make", [stamped, cosigned])
def test_a_verified_anchor_reaches_the_tier_with_its_time(make: object) -> None:
    log = a_log()
    size, root = head_of(log)
    seq = add_anchor(log, stamped(size, root) if make is stamped else cosigned(size, root))
    report = verified(log, BOTH)
    assert report.verdict is Verdict.INTACT, report.findings
    (note,) = report.anchors
    assert (note.seq, note.size, note.at, note.problem) == (seq, size, STAMPED_AT, None)
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
    size, root = head_of(log)
    add_anchor(log, stamped(size, root))
    add_anchor(log, cosigned(size, root))
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
    size, root = head_of(log)
    add_anchor(log, cosigned(size, root, MemorySigner(3)))
    report = verified(log, BOTH)
    assert not report.tiers[Tier.ANCHORED]
    assert "is wrong" in str(report.anchors[0].problem)


@pytest.mark.parametrize("make", [stamped, cosigned])
def test_a_log_rewritten_with_the_key_is_found_by_its_anchor(make: object) -> None:
    log = a_log()
    size, _ = head_of(log)
    other = hashlib.sha256(b"the history that was anchored").digest()
    add_anchor(log, stamped(size, other) if make is stamped else cosigned(size, other))
    report = verified(log, BOTH)
    assert report.verdict is Verdict.MODIFIED
    assert "not those that were anchored at 20" in report.findings[0].message


def test_an_anchor_of_a_head_that_is_still_to_come_is_damage() -> None:
    log = a_log()
    size, root = head_of(log)
    add_anchor(log, stamped(size + 1, root))
    report = verified(log, BOTH)
    assert report.verdict is Verdict.MODIFIED
    assert report.findings[0].field == "anchor"


def test_the_latest_anchors_are_verified_and_the_others_counted() -> None:
    log = a_log()
    for _ in range(MAX_ANCHORS + 2):
        add_anchor(log, stamped(*head_of(log)))
    report = verified(log, BOTH)
    assert report.verdict is Verdict.INTACT, report.findings
    assert (len(report.anchors), report.older_anchors) == (MAX_ANCHORS, 2)
    assert report.anchors[-1].size == report.events - 1


def test_a_long_proof_stands_whole_in_its_event() -> None:
    log = a_log()
    proof = bytes(range(256)) * 80
    add_anchor(log, anchor_record("time-stamp", *head_of(log), proof))
    record = read_anchor(log.event_rows[-1][10])
    assert record is not None
    assert record.proof_bytes() == proof


def test_an_event_that_is_edited_is_no_anchor() -> None:
    log = a_log()
    add_anchor(log, stamped(*head_of(log)))
    row = log.event_rows[-1]
    row[10] = row[10].replace(b'"time-stamp"', b'"time-Stamp"')
    report = verified(log, BOTH)
    assert report.verdict is Verdict.MODIFIED
    assert not report.tiers[Tier.ANCHORED]
