"""Incremental verification, and the signed note that it starts from."""

import random

import pytest

from core.audit.chain.chain import EMPTY_HEAD
from core.audit.chain.key_history import KeyState
from core.audit.format.key import Verifier
from core.audit.verify.source import ROW
from core.audit.verify.verdict import Report, Tier, Verdict
from core.audit.verify.verified_state import VerifiedState, open_state, state_note
from core.audit.verify.verify import verify
from core.audit.verify.verify_since import verify_since
from core.audit.verify.walk_state import ChainState
from core.domain.events import Noted
from tests.support.memory_chain import LOG_ID, START, MemoryLog, MemorySigner, a_log, a_run

NOTHING = ChainState(head=EMPTY_HEAD, keys=KeyState(), executions=0, subs={})


def a_verified_log() -> tuple[MemoryLog, ChainState]:
    """Return a log that was verified in the middle of an execution and has grown since."""
    log = MemoryLog()
    transactions = list(a_run())
    for events, _ in transactions[:2]:
        log.commit(*events)
    known = verify_since(log, LOG_ID, NOTHING).chain
    assert known is not None
    for events, is_last in transactions[2:]:
        log.commit(*events, finalize=is_last)
    log.commit(Noted(at=START + 10**12, execution_id="", kind="engine.stopped", facts={}))
    return log, known


def since(log: MemoryLog, known: ChainState) -> Report:
    return verify_since(log, LOG_ID, known)


def a_state(known: ChainState) -> VerifiedState:
    return VerifiedState(
        log_id=LOG_ID, chain=known, at=START, version="1.0", full_size=3, full_at=START - 5
    )


def test_what_follows_is_verified_and_gives_the_state_of_a_whole_verification() -> None:
    log, known = a_verified_log()
    report = since(log, known)
    assert report.is_intact
    assert report.tiers == {
        Tier.CHAIN: True, Tier.SIGNED: True, Tier.ANCHORED: False, Tier.COMPLETE: True,
    }  # fmt: skip
    whole = verify(a_log())
    assert whole.is_intact
    assert whole.chain is not None
    again = since(log, NOTHING)
    assert (report.chain, report.events, report.head) == (again.chain, again.events, again.head)


def test_a_log_that_has_not_grown_is_verified_by_its_last_checkpoint() -> None:
    log, known = a_verified_log()
    known = since(log, known).chain or known
    assert since(log, known).tiers[Tier.SIGNED]
    log.notes[-1][1] = log.notes[-2][1]
    assert not since(log, known).is_intact


def test_every_change_of_what_follows_is_found_and_earlier_events_are_not_read() -> None:
    log, known = a_verified_log()
    size = known.head.size
    for row in log.event_rows[size - 1 :]:
        for name in ("body", "hash"):
            if (row[0], name) == (size, "hash"):
                continue  # of the last known event only the body is read: its hash is remembered
            place = ROW.index(name)
            original = row[place]
            row[place] = original[:-3] + bytes([original[-3] ^ 1]) + original[-2:]
            assert not since(log, known).is_intact, (row[0], name)
            row[place] = original
    log.event_rows[0][ROW.index("body")] = b"{}"
    assert since(log, known).is_intact
    assert not verify(log).is_intact


def test_a_log_that_was_cut_behind_or_before_what_was_verified_is_found() -> None:
    log, known = a_verified_log()
    rows = list(log.event_rows)
    for left in range(1, len(rows)):
        log.event_rows = rows[:left]
        assert since(log, known).verdict in (Verdict.TRUNCATED, Verdict.MISSING), left


def test_another_log_of_the_same_id_does_not_continue_what_was_verified() -> None:
    _, known = a_verified_log()
    other = MemoryLog()
    other.commit(Noted(at=START + 9, execution_id="", kind="engine.started", facts={"other": 1}))
    for events, is_last in a_run():
        other.commit(*events, finalize=is_last)
    report = since(other, known)
    assert report.verdict is Verdict.MODIFIED
    assert report.findings[0].seq == known.head.size


def test_a_wrong_edge_is_found_by_the_root_that_was_signed() -> None:
    log, known = a_verified_log()
    head = known.head
    edge = (bytes(32), *head.edge[1:])
    wrong = ChainState(
        head=type(head)(head.size, head.last_hash, head.last_ts, edge),
        keys=known.keys, executions=known.executions, subs=known.subs,
    )  # fmt: skip
    assert not since(log, wrong).is_intact


def test_a_state_survives_its_note() -> None:
    _, known = a_verified_log()
    assert known.subs  # an execution goes on
    data = state_note(a_state(known), MemorySigner())
    assert data is not None
    log = MemoryLog()
    assert open_state(data, LOG_ID, [log.verifier]) == a_state(known)
    assert open_state(data, "another-log", [log.verifier]) is None
    assert open_state(data, LOG_ID, [Verifier("x", MemorySigner(2).public_key)]) is None


def test_a_note_with_any_changed_byte_is_not_believed() -> None:
    data = state_note(a_state(a_verified_log()[1]), MemorySigner()) or b""
    verifier = MemoryLog().verifier
    chance = random.Random(13)
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        found = open_state(changed, LOG_ID, [verifier])
        assert found is None, at


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b"a\n\n\xe2\x80\x94 b AAAAAAAA\n"])
def test_what_is_no_note_is_no_state(text: bytes) -> None:
    assert open_state(text, LOG_ID, [MemoryLog().verifier]) is None


def test_a_checkpoint_is_no_state() -> None:
    log, _ = a_verified_log()
    assert open_state(log.notes[-1][1], LOG_ID, [log.verifier]) is None


def test_a_state_with_too_many_open_executions_is_not_written() -> None:
    _, known = a_verified_log()
    sub = next(iter(known.subs.values()))
    many = ChainState(
        head=known.head, keys=known.keys, executions=1000,
        subs={f"{number:036}": sub for number in range(1000)},
    )  # fmt: skip
    assert state_note(a_state(many), MemorySigner()) is None
