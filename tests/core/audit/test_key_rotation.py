"""Rotation of the signing key: the chain goes on under the new key, and only under that one."""

import pytest

from core.audit.chain.chain import EMPTY_HEAD
from core.audit.chain.key_history import KeyState
from core.audit.format.checkpoint import log_verifier, origin_of, sign_checkpoint
from core.audit.format.key_rotation import InvalidRotationError, rotated_keys, rotation_details
from core.audit.verify.source import ROW
from core.audit.verify.verdict import Tier, Verdict, report_json
from core.audit.verify.verified_state import VerifiedState, open_state, state_note
from core.audit.verify.verify import VerifyOptions, verify
from core.audit.verify.verify_since import verify_since
from core.audit.verify.walk_state import ChainState
from core.domain.events import Noted
from tests.support.memory_chain import LOG_ID, START, MemoryLog, MemorySigner, a_log, a_run

DEEP = VerifyOptions(deep=True)
NOTHING = ChainState(head=EMPTY_HEAD, keys=KeyState(), executions=0, subs={})
KEYS = [MemorySigner(seed) for seed in (1, 2, 3)]
VKEYS = [log_verifier(LOG_ID, key.public_key).vkey for key in KEYS]


def a_note(number: int) -> Noted:
    at = START + 10**12 + number
    return Noted(at=at, execution_id="", kind="engine.started", facts={"number": number})


def a_rotated_log(rotations: int = 2) -> MemoryLog:
    """Return a log whose key was rotated in the middle of an execution, and perhaps again."""
    log = MemoryLog()
    transactions = list(a_run())
    for events, _ in transactions[:3]:
        log.commit(*events)
    for key in KEYS[1 : rotations + 1]:
        log.rotate(key)
    for events, is_last in transactions[3:]:
        log.commit(*events, finalize=is_last)
    log.stored_output.update(a_log().stored_output)
    return log


@pytest.mark.parametrize("trusted", [[0], [1], [2], [0, 1, 2], [2, 0]])
def test_each_key_of_the_log_leads_to_all_of_it(trusted: list[int]) -> None:
    log = a_rotated_log()
    log.trusted = [VKEYS[one] for one in trusted]
    report = verify(log, DEEP)
    assert (report.verdict, report.findings) == (Verdict.INTACT, ())
    assert report.tiers[Tier.SIGNED]
    assert (report.key, report.pinned_key) == (VKEYS[2], VKEYS[min(trusted)])
    assert report.rotations == report_json(report)["rotations"] == 2


def test_a_log_is_verified_right_behind_each_rotation() -> None:
    log = MemoryLog()
    for rotations, key in enumerate(KEYS[1:], 1):
        log.rotate(key)
        report = verify(log, DEEP)
        assert (report.verdict, report.rotations) == (Verdict.INTACT, rotations)
        assert report.key == VKEYS[rotations - 1], "the last act of the old key"


def test_a_key_outside_of_the_history_is_not_believed() -> None:
    log = a_rotated_log()
    log.trusted = [log_verifier(LOG_ID, MemorySigner(9).public_key).vkey]
    report = verify(log)
    assert (report.verdict, report.pinned_key) == (Verdict.WRONG_KEY, None)


def test_what_was_verified_is_gone_on_with_over_rotations() -> None:
    log = MemoryLog()
    states = []
    for number, key in enumerate([*KEYS[1:], None]):
        for step in (1, 2):
            log.commit(a_note(2 * number + step))
            states.append(verify_since(log, LOG_ID, NOTHING).chain)
        if key is not None:
            log.rotate(key)
            states.append(verify_since(log, LOG_ID, NOTHING).chain)
    whole = verify_since(log, LOG_ID, NOTHING)
    for known in states:
        assert known is not None
        kept = VerifiedState(log_id=LOG_ID, chain=known, at=START, version="1.0")
        note = state_note(kept, KEYS[2])
        opened = open_state(note or b"", LOG_ID, [log_verifier(LOG_ID, KEYS[2].public_key)])
        assert opened == kept
        report = verify_since(log, LOG_ID, opened.chain)
        assert report.is_intact
        assert report.rotations == 2
        assert (report.key, report.pinned_key) == (VKEYS[2], VKEYS[0])
        assert report.chain == whole.chain
    log.trusted = [log_verifier(LOG_ID, MemorySigner(9).public_key).vkey]
    assert {verify_since(log, LOG_ID, one).verdict for one in states if one} == {Verdict.WRONG_KEY}


@pytest.mark.parametrize("name", ["old", "new", "head", "signed_by_old", "signed_by_new"])
def test_a_statement_with_any_field_replaced_hands_nothing_over(name: str) -> None:
    root = bytes(32)
    details = rotation_details(LOG_ID, 4, root, KEYS[0], KEYS[1])
    assert [key.vkey for key in rotated_keys(LOG_ID, details)] == VKEYS[:2]
    other = rotation_details(LOG_ID, 5, root, KEYS[2], MemorySigner(4))
    for value in (other[name], "", None, 7):
        with pytest.raises(InvalidRotationError):
            rotated_keys(LOG_ID, details | {name: value})
    with pytest.raises(InvalidRotationError):
        rotated_keys(LOG_ID, {key: value for key, value in details.items() if key != name})
    with pytest.raises(InvalidRotationError):
        rotated_keys("another-log", details)


def test_rotations_that_were_forged_are_named() -> None:
    thief = MemorySigner(9)
    for make in (_by_another, _to_an_unwilling_key, _of_another_head, _to_itself, _back):
        log = MemoryLog()
        log.commit(a_note(1))
        make(log, thief)
        forged = len(log.event_rows)
        log.commit(a_note(2))
        for report in (verify(log, DEEP), verify_since(log, LOG_ID, NOTHING)):
            assert report.verdict is Verdict.MODIFIED, make.__name__
            assert (report.findings[0].field, report.findings[0].seq) == ("details", forged)
            assert not report.tiers[Tier.SIGNED]


def _by_another(log: MemoryLog, thief: MemorySigner) -> None:
    log.signer, owner = thief, log.signer
    log.rotate(MemorySigner(8))
    log.signer = owner


def _to_an_unwilling_key(log: MemoryLog, thief: MemorySigner) -> None:
    head = log.writer.head
    other = rotation_details(LOG_ID, head.size, head.root, log.signer, KEYS[1])
    log.rotate(thief, new=other["new"])


def _of_another_head(log: MemoryLog, thief: MemorySigner) -> None:
    earlier = rotation_details(LOG_ID, 1, bytes(32), log.signer, thief)
    log.rotate(thief, **earlier)


def _to_itself(log: MemoryLog, _thief: MemorySigner) -> None:
    log.rotate(log.signer)


def _back(log: MemoryLog, _thief: MemorySigner) -> None:
    first = log.signer
    log.rotate(KEYS[1])
    log.rotate(first)


@pytest.mark.parametrize("other", [0, 2])
def test_no_other_key_signs_anything_behind_a_rotation(other: int) -> None:
    log = a_rotated_log(1)
    log.trusted = VKEYS
    for place, note in enumerate(log.notes):
        if note[0] > len(log.event_rows) - 2:
            head = log.writer.head
            signer = KEYS[other]
            log.notes[place][1] = sign_checkpoint(origin_of(LOG_ID), head.size, head.root, signer)
    report = verify(log)
    assert report.verdict is Verdict.WRONG_KEY
    assert (report.findings[0].expected, report.findings[0].found) == (VKEYS[1], VKEYS[other])


def test_a_rotation_that_was_taken_out_is_missed() -> None:
    log = a_rotated_log(1)
    place = next(
        number
        for number, row in enumerate(log.event_rows)
        if row[ROW.index("type")] == "key.rotated"
    )
    del log.event_rows[place]
    assert verify(log).verdict is Verdict.MISSING


def test_the_stored_key_in_force_is_compared_with_the_chain() -> None:
    log = a_rotated_log(1)
    log.signing_vkey = VKEYS[0]
    found = verify(log).findings[0]
    assert (found.kind, found.field) == (Verdict.MODIFIED, "meta.signing_vkey")
