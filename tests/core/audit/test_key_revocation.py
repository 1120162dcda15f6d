"""Revoked keys: what they alone vouch for is named, and trust does not go through them."""

import pytest

from core.audit.chain.chain import EMPTY_HEAD
from core.audit.chain.key_history import KeyState
from core.audit.format.checkpoint import log_verifier
from core.audit.verify.verdict import Report, Tier, Verdict, report_json
from core.audit.verify.verified_state import VerifiedState, open_state, state_note
from core.audit.verify.verify import NotedHead, VerifyOptions, verify
from core.audit.verify.verify_since import verify_since
from core.audit.verify.walk_state import ChainState
from core.domain.events import Noted
from tests.support.memory_chain import LOG_ID, START, MemoryLog, MemorySigner

NOTHING = ChainState(head=EMPTY_HEAD, keys=KeyState(), executions=0, subs={})
OLD, NEW, THIEF = (MemorySigner(seed) for seed in (1, 2, 9))


def vkey(signer: MemorySigner) -> str:
    return log_verifier(LOG_ID, signer.public_key).vkey


def commit(log: MemoryLog, number: int) -> None:
    at = START + 10**12 + number
    log.commit(Noted(at=at, execution_id="", kind="engine.started", facts={"number": number}))


def a_log(*, to: MemorySigner = NEW, trusted: MemorySigner = NEW) -> MemoryLog:
    """Return a log of five events and a rotation under the old key, and one event behind it."""
    log = MemoryLog()
    for number in range(4):
        commit(log, number)
    log.rotate(to)
    commit(log, 4)
    log.trusted = [vkey(trusted)]
    return log


def both(log: MemoryLog) -> list[Report]:
    """Verify all of the log, and what is new in it after each commit of nothing."""
    reports = [verify(log), verify_since(log, LOG_ID, NOTHING)]
    known = reports[1].chain
    if known is not None:
        kept = VerifiedState(log_id=LOG_ID, chain=known, at=START, version="1")
        note = state_note(kept, NEW) or b""
        assert open_state(note, LOG_ID, [log_verifier(LOG_ID, NEW.public_key)]) == kept
        reports.append(verify_since(log, LOG_ID, known))
    return reports


@pytest.mark.parametrize(
    ("from_seq", "doubt"),
    [(1, "events 1 to 5 are"), (3, "events 3 to 5 are"), (5, "event 5 is"), (6, None), (7, None)],
)
def test_what_the_key_signed_alone_since_then_is_named(from_seq: int, doubt: str | None) -> None:
    log = a_log()
    log.revoke(OLD.public_key, from_seq)
    commit(log, 5)
    for report in both(log):
        assert report.key == vkey(NEW)
        assert report.is_unchanged
        assert report.tiers[Tier.CHAIN]
        assert report.tiers[Tier.SIGNED] == (doubt is None)
        assert report_json(report)["revocations"] == [
            {"seq": 8, "key": vkey(OLD), "reason": "stolen", "from_seq": from_seq}
        ]
        if doubt is None:
            assert report.is_intact
            continue
        assert report.verdict is Verdict.REVOKED_KEY
        (found,) = report.findings
        assert (found.seq, found.found) == (from_seq, vkey(OLD))
        assert found.message.startswith(doubt)
        assert "event 8 revokes: stolen" in found.message
    demanded = verify(log, VerifyOptions(require=frozenset({Tier.SIGNED})))
    assert demanded.is_intact == (doubt is None)


def test_an_earlier_event_that_is_named_later_counts() -> None:
    log = a_log()
    log.revoke(OLD.public_key, 5)
    log.revoke(OLD.public_key, 2)
    for report in both(log):
        assert [(one.seq, one.kind) for one in report.findings] == [(2, Verdict.REVOKED_KEY)]
        assert len(report.revocations) == 2


def test_a_key_of_another_log_puts_nothing_in_doubt() -> None:
    log = a_log()
    log.revoke(MemorySigner(7).public_key)
    assert all(report.is_intact and report.revocations for report in both(log))


def test_what_is_modified_counts_before_what_is_in_doubt() -> None:
    log = a_log()
    log.revoke(OLD.public_key, 1)
    log.signing_vkey = vkey(OLD)
    report = verify(log)
    assert report.verdict is Verdict.MODIFIED
    assert not report.is_unchanged
    assert report.findings[-1].kind is Verdict.REVOKED_KEY


def test_a_log_that_ends_under_a_revoked_key_is_not_believed() -> None:
    log = MemoryLog()
    for number in range(4):
        commit(log, number)
    head = NotedHead(size=3, root=_root_at(log, 3))
    log.trusted, log.revoked = [vkey(OLD), vkey(NEW)], [(vkey(OLD), "stolen")]
    for report in both(log):
        assert (report.verdict, report.key) == (Verdict.REVOKED_KEY, None)
        assert report.findings[0].message == (
            "events 1 to 5 are signed by a key that was revoked: stolen"
        )
        assert not report.is_unchanged
        assert not report.tiers[Tier.SIGNED]
    anchored = verify(log, VerifyOptions(heads=(head,)))
    assert (anchored.verdict, anchored.findings[0].seq) == (Verdict.REVOKED_KEY, 4)
    whole = NotedHead(size=5, root=log.writer.head.root)
    all_of_it = verify(log, VerifyOptions(heads=(whole,)))
    assert all_of_it.is_intact, "a head that was noted elsewhere needs no key"
    assert (all_of_it.tiers[Tier.ANCHORED], all_of_it.tiers[Tier.SIGNED]) == (True, False)


def _root_at(log: MemoryLog, size: int) -> bytes:
    from core.audit.format.merkle import root_of

    return root_of(row[11] for row in log.event_rows[:size])


@pytest.mark.parametrize("trusted", [OLD, NEW])
def test_a_thief_cannot_hand_the_log_over_to_a_key_of_their_own(trusted: MemorySigner) -> None:
    log = a_log(to=THIEF, trusted=trusted)
    log.revoked = [(vkey(OLD), "stolen")]
    for report in both(log):
        assert report.verdict is Verdict.REVOKED_KEY
        assert (report.key, report.pinned_key) == (None, None)
        assert not report.tiers[Tier.SIGNED]


def test_a_key_that_the_log_revokes_is_no_key_to_start_from() -> None:
    log = a_log(trusted=OLD)
    assert verify(log).is_intact
    log.revoke(OLD.public_key, 7)
    for report in both(log):
        assert (report.verdict, report.key) == (Verdict.REVOKED_KEY, None)
    log.trusted.append(vkey(NEW))
    for report in both(log):
        assert report.is_intact
        assert report.pinned_key == vkey(NEW)


@pytest.mark.parametrize(
    "forged", [{"key": "x"}, {"key": 7}, {"reason": None}, {"from_seq": 0}, {"from_seq": 99},
               {"from_seq": "1"}],
)  # fmt: skip
def test_an_event_that_revokes_nothing_is_named(forged: dict[str, object]) -> None:
    log = a_log()
    log.revoke(OLD.public_key, 3, forged)
    for report in both(log):
        assert report.verdict is Verdict.MODIFIED
        assert report.findings[0].message.startswith("this does not revoke a key: ")
