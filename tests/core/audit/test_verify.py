import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from core.audit.chain.chain import ChainWriter, Head, SubChain, encode_head
from core.audit.format import merkle
from core.audit.format.checkpoint import log_verifier, origin_of, sign_checkpoint
from core.audit.verify.source import ROW
from core.audit.verify.verdict import Report, Tier, Verdict, headline, report_json
from core.audit.verify.verify import NotedHead, VerifyOptions, parse_head, parse_tiers, verify
from core.domain.events import Noted
from core.errors import UsageError
from tests.support.memory_chain import (
    EXECUTION_ID,
    LOG_ID,
    START,
    MemoryLog,
    MemorySigner,
    a_log,
    a_run,
)

CHAIN_ONLY = VerifyOptions(tables=False)


def column(log: MemoryLog, seq: int, name: str, value: object) -> None:
    row = next(row for row in log.event_rows if row[0] == seq)
    row[ROW.index(name)] = value


def messages(report: Report) -> list[str]:
    return [finding.message for finding in report.findings]


def noted(log: MemoryLog) -> NotedHead:
    head = log.writer.head
    return NotedHead(size=head.size, root=head.root)


def test_an_untouched_log_is_intact_in_every_tier() -> None:
    log = a_log(2)
    report = verify(log, VerifyOptions(deep=True, heads=(noted(log),), require=frozenset(Tier)))
    assert report.verdict is Verdict.INTACT
    assert all(report.tiers.values())
    assert report.is_intact
    assert report.key == log.verifier.vkey
    assert (report.executions, report.open_executions) == (2, 0)
    assert report.head == f"{report.events}:{log.writer.head.root.hex()}"
    assert verify(log, CHAIN_ONLY).verdict is Verdict.INTACT


def test_a_running_execution_is_intact_and_not_complete() -> None:
    report = verify(a_log(2, whole=False))
    assert report.verdict is Verdict.INTACT
    assert report.tiers[Tier.COMPLETE] is False
    assert report.open_executions == 1


def test_an_empty_log_is_intact_and_unsigned() -> None:
    log = MemoryLog()
    log.event_rows, log.notes, log.stored_head = [], [], None
    report = verify(log)
    assert (report.verdict, report.events) == (Verdict.INTACT, 0)
    assert report.tiers[Tier.SIGNED] is False


def test_the_report_has_the_shape_other_programs_rely_on() -> None:
    log = a_log()
    column(log, 5, "actor", "mallory")
    found = json.loads(json.dumps(report_json(verify(log))))
    assert found["verdict"] == "MODIFIED"
    assert set(found["tiers"]) == {"chain", "signed", "anchored", "complete"}
    assert found["events"] == len(log.event_rows)
    assert found["head"].startswith(f"{found['events']}:")
    finding = found["findings"][0]
    assert (finding["seq"], finding["kind"], finding["field"]) == (5, "MODIFIED", "actor")
    assert (finding["expected"], finding["found"]) == ("engine", "mallory")


def test_a_demanded_tier_that_is_missing_is_not_intact() -> None:
    log = a_log(whole=False)
    for tier in (Tier.ANCHORED, Tier.COMPLETE):
        report = verify(log, VerifyOptions(require=frozenset({tier})))
        assert report.verdict is Verdict.UNSEALED
        assert not report.is_intact
    assert verify(log, VerifyOptions(require=frozenset({Tier.SIGNED}))).is_intact


# --- single rows ----------------------------------------------------------------------------------

EDITS = {
    "event_id": bytes(16),
    "ts": START,
    "type": "step.faked",
    "actor": "mallory",
    "target": "step/other",
    "execution_id": EXECUTION_ID[:-1] + "f",
    "exec_seq": 99,
    "task_id": "other",
    "attempt": 7,
    "hash": bytes(32),
}


@pytest.mark.parametrize("name", sorted(EDITS))
@pytest.mark.parametrize("options", [VerifyOptions(), CHAIN_ONLY])
def test_an_edited_column_is_named(name: str, options: VerifyOptions) -> None:
    log = a_log()
    column(log, 6, name, EDITS[name])
    report = verify(log, options)
    assert report.verdict is Verdict.MODIFIED
    assert report.finding_count == 1
    assert (report.findings[0].seq, report.findings[0].field) == (6, name)
    assert headline(report).startswith("MODIFIED at 6: ")


def test_an_edited_body_is_named_by_its_field() -> None:
    log = a_log()
    body = log.event_rows[5][10]
    column(log, 6, "body", body.replace(b'"actor":"engine"', b'"actor":"nobody"'))
    report = verify(log)
    assert (report.verdict, report.findings[0].field) == (Verdict.MODIFIED, "actor")
    assert (report.findings[0].expected, report.findings[0].found) == ("engine", "nobody")
    column(log, 6, "body", body.replace(b"READY", b"FAKED"))
    report = verify(log)
    assert (report.finding_count, report.findings[0].field, report.findings[0].seq) == (
        1,
        "body",
        6,
    )


def test_an_event_rewritten_with_its_hash_breaks_the_link_of_the_next() -> None:
    log = a_log()
    changed = log.event_rows[5][10].replace(b"READY", b"FAKED")
    column(log, 6, "body", changed)
    column(log, 6, "hash", hashlib.sha256(b"\0" + changed).digest())
    report = verify(log, CHAIN_ONLY)
    assert (report.verdict, report.findings[0].seq) == (Verdict.MODIFIED, 6)


@pytest.mark.parametrize("seq", [1, 2, 7, -1])
def test_a_deleted_event_is_missing_or_the_log_truncated(seq: int) -> None:
    log = a_log()
    last = len(log.event_rows)
    del log.event_rows[seq if seq < 0 else seq - 1]
    report = verify(log)
    if seq == -1:
        assert (report.verdict, report.findings[0].seq) == (Verdict.TRUNCATED, last - 1)
    else:
        assert (report.verdict, report.findings[0].seq) == (Verdict.MISSING, seq)


def test_a_deleted_event_is_missing_also_when_the_rest_is_renumbered() -> None:
    log = a_log()
    del log.event_rows[6]
    for number, row in enumerate(log.event_rows, 1):
        row[0] = number
    report = verify(log)
    assert (report.verdict, report.findings[0].seq) == (Verdict.MISSING, 7)
    assert report.finding_count <= 3


@pytest.mark.parametrize(("one", "other"), [(6, 7), (3, 15), (2, 24)])
def test_exchanged_events_are_reordered(one: int, other: int) -> None:
    log = a_log()
    rows = log.event_rows
    rows[one - 1][0], rows[other - 1][0] = other, one
    report = verify(log, CHAIN_ONLY)
    assert (report.verdict, report.findings[0].seq) == (Verdict.REORDERED, one)


def test_an_event_moved_to_the_end_is_reordered() -> None:
    log = a_log()
    log.event_rows[4][0] = 1000
    report = verify(log, CHAIN_ONLY)
    assert (report.verdict, report.findings[0].seq) == (Verdict.REORDERED, 5)


def test_an_inserted_event_shows_where_the_others_move_on() -> None:
    log = a_log()
    for row in log.event_rows[5:]:
        row[0] += 1
    writer = ChainWriter(LOG_ID, _head_at(log, 5), now=lambda: START)
    forged = writer.append_event(Noted(at=START, execution_id="", kind="runner.lost"), None)
    log.event_rows.append(list(forged))
    report = verify(log, CHAIN_ONLY)
    assert (report.verdict, report.findings[0].seq) == (Verdict.MODIFIED, 7)


def test_events_of_another_log_are_not_taken_for_ours() -> None:
    log = a_log()
    other = MemoryLog(log_id="other-log")
    log.event_rows[0] = other.event_rows[0]
    report = verify(log)
    assert report.verdict is Verdict.MODIFIED
    assert "log_id" in {finding.field for finding in report.findings}


# --- the end of the log ---------------------------------------------------------------------------


def _head_at(log: MemoryLog, size: int) -> Head:
    rows = log.event_rows[:size]
    edge: list[bytes] = []
    for number, row in enumerate(rows):
        merkle.append(edge, number, row[11])
    return Head(size, rows[-1][11], rows[-1][2], tuple(edge))


def _cut(log: MemoryLog, size: int) -> None:
    """Cut at a commit boundary, leaving nothing behind inside the file."""
    log.stored_head = encode_head(_head_at(log, size))
    log.event_rows = log.event_rows[:size]
    log.notes = [note for note in log.notes if note[0] <= size]


def test_a_tail_cut_at_a_commit_shows_only_against_a_noted_head() -> None:
    log = a_log(2, whole=False)
    head = noted(log)
    _cut(log, log.notes[-2][0])
    assert verify(log, CHAIN_ONLY).verdict is Verdict.INTACT
    report = verify(log, VerifyOptions(tables=False, heads=(head,)))
    assert report.verdict is Verdict.TRUNCATED
    assert report.findings[0].expected == str(head.size)
    # the tables, which know more than the chain that is left, give it away as well
    assert verify(log).verdict is Verdict.MODIFIED


def test_a_tail_cut_below_its_checkpoint_is_truncated() -> None:
    log = a_log()
    log.event_rows = log.event_rows[:-2]
    assert verify(log).verdict is Verdict.TRUNCATED


def test_a_tail_cut_below_the_stored_head_is_truncated() -> None:
    log = a_log()
    head = log.stored_head
    _cut(log, log.notes[-2][0])
    log.stored_head = head
    assert verify(log).verdict is Verdict.TRUNCATED


def test_events_behind_the_last_checkpoint_are_an_unsigned_tail() -> None:
    log = a_log()
    del log.notes[-1]
    report = verify(log)
    assert report.verdict is Verdict.UNSIGNED_TAIL
    assert report.findings[0].seq == log.notes[-1][0] + 1
    assert report.tiers[Tier.SIGNED] is False
    assert report.tiers[Tier.CHAIN] is True


def test_a_log_without_any_checkpoint_is_unsealed() -> None:
    log = a_log()
    log.notes = []
    report = verify(log)
    assert (report.verdict, report.tiers[Tier.SIGNED]) == (Verdict.UNSEALED, False)


def test_a_noted_head_of_another_history_is_not_continued() -> None:
    log = a_log()
    head = noted(log)
    report = verify(log, VerifyOptions(heads=(NotedHead(size=head.size - 3, root=head.root),)))
    assert (report.verdict, report.tiers[Tier.ANCHORED]) == (Verdict.MODIFIED, False)


def test_an_older_noted_head_is_continued() -> None:
    log = MemoryLog()
    head = noted(log)
    log.commit(Noted(at=START + 9, execution_id="", kind="engine.started"))
    report = verify(log, VerifyOptions(heads=(head,), require=frozenset({Tier.ANCHORED})))
    assert report.verdict is Verdict.INTACT


# --- keys -----------------------------------------------------------------------------------------


def test_a_log_signed_by_a_key_nobody_trusts_has_the_wrong_key() -> None:
    log = a_log()
    log.trusted = [log_verifier(LOG_ID, MemorySigner(2).public_key).vkey]
    assert verify(log).verdict is Verdict.WRONG_KEY
    log.trusted = []
    assert verify(log).verdict is Verdict.WRONG_KEY


def test_a_log_rewritten_from_the_start_with_another_key_has_the_wrong_key() -> None:
    log = MemoryLog(signer=MemorySigner(2))
    log.trusted = [log_verifier(LOG_ID, MemorySigner(1).public_key).vkey]
    report = verify(log)
    assert report.verdict is Verdict.WRONG_KEY
    assert report.key is None


def test_a_trusted_key_that_did_not_create_the_log_is_the_wrong_one_to_sign_it() -> None:
    log = a_log()
    other = MemorySigner(2)
    log.trusted.append(log_verifier(LOG_ID, other.public_key).vkey)
    log.notes = [
        [size, sign_checkpoint(origin_of(LOG_ID), size, data_root(log, size), other)]
        for size, _ in log.notes
    ]
    assert verify(log).verdict is Verdict.WRONG_KEY


def data_root(log: MemoryLog, size: int) -> bytes:
    return merkle.root_of(row[11] for row in log.event_rows[:size])


def test_history_rewritten_without_the_key_is_not_what_was_signed() -> None:
    log = a_log()
    other = MemoryLog()
    other.commit(
        Noted(at=START + 10, execution_id="", kind="mission.validated", facts={"ok": False})
    )
    for events, is_last in a_run(start=START + 1000):
        other.commit(*events, finalize=is_last)
    assert len(other.event_rows) == len(log.event_rows)
    other.notes, other.stored_output = log.notes, log.stored_output
    report = verify(other)
    assert report.verdict is Verdict.MODIFIED
    assert (report.findings[0].field, report.findings[0].seq) == ("root", 2)
    assert report.tiers[Tier.SIGNED] is False


@pytest.mark.parametrize("at", [0, 2, -1])
@pytest.mark.parametrize(
    "change",
    [
        lambda size, note: (size, note.replace(b"\n", b"\n\n", 1)),
        lambda size, note: (size, note[:-10] + b"AAAAAAAA=\n"),
        lambda size, note: (size, b""),
        lambda size, note: (size, None),
        lambda size, note: (size, 5),
    ],
)
def test_a_damaged_checkpoint_is_modified(at: int, change: Callable[[bytes], bytes]) -> None:
    log = a_log()
    log.notes[at] = list(change(*log.notes[at]))
    assert verify(log, VerifyOptions(deep=True)).verdict is Verdict.MODIFIED
    if at == -1:
        assert verify(log, CHAIN_ONLY).verdict is Verdict.MODIFIED


def test_a_forged_signature_in_the_middle_is_found_when_all_are_verified() -> None:
    log = a_log()
    size, data = log.notes[2]
    forged = sign_checkpoint(origin_of(LOG_ID), size, data_root(log, size), MemorySigner(2))
    text = data.split(b"\n\n")[0]
    line = data.split(b"\n\n")[1].split(b" ")
    wrong = forged.split(b"\n\n")[1].split(b" ")
    raw = base64.b64decode(line[2])[:4] + base64.b64decode(wrong[2])[4:]
    line[2] = base64.b64encode(raw) + b"\n"
    log.notes[2] = [size, text + b"\n\n" + b" ".join(line)]
    assert verify(log).verdict is Verdict.INTACT
    assert verify(log, VerifyOptions(deep=True)).verdict is Verdict.MODIFIED


@pytest.mark.parametrize("head", [None, b"", b"x" * 48, 5, "head"])
def test_a_lost_or_damaged_head_is_modified(head: object) -> None:
    log = a_log()
    log.stored_head = head
    report = verify(log)
    assert report.verdict is Verdict.MODIFIED
    assert report.findings[0].field == "head"


def test_a_lost_log_id_is_named_and_the_rest_still_verified() -> None:
    log = a_log()
    log.stored_log_id = None
    report = verify(log)
    assert (report.verdict, report.findings[0].field) == (Verdict.MODIFIED, "log_id")
    assert report.tiers[Tier.SIGNED] is True


# --- executions -----------------------------------------------------------------------------------


def _append(log: MemoryLog, sub: SubChain, **fields: Any) -> None:
    log.writer.append(
        **{"actor": "engine", "target": f"execution/{sub.execution_id}", "at": START, **fields},
        sub=sub,
    )
    log._store(log.writer.take_links())


def test_a_seal_that_does_not_describe_the_execution_is_modified() -> None:
    log = MemoryLog()
    sub = SubChain(EXECUTION_ID)
    _append(log, sub, type="runner.lost", details={})
    _append(
        log,
        sub,
        type="execution.finalized",
        details={"events": 2, "first_seq": 1, "last_seq": 2, "head": "0" * 64},
    )
    report = verify(log, CHAIN_ONLY)
    assert (report.verdict, report.findings[0].seq) == (Verdict.MODIFIED, 3)


def test_an_event_behind_the_seal_of_its_execution_is_modified() -> None:
    log = a_log()
    log.subs[EXECUTION_ID].execution_id = EXECUTION_ID
    _append(log, log.subs[EXECUTION_ID], type="runner.lost", details={})
    report = verify(log, CHAIN_ONLY)
    assert (report.verdict, report.findings[0].field) == (Verdict.MODIFIED, "exec_seq")


def test_details_the_fold_refuses_are_named() -> None:
    log = MemoryLog()
    sub = SubChain(EXECUTION_ID)
    _append(log, sub, type="execution.state_changed", details={"from": "RUNNING", "to": "SUCCESS"})
    report = verify(log)
    assert (report.verdict, report.findings[0].field) == (Verdict.MODIFIED, "details")


# --- options --------------------------------------------------------------------------------------


def test_heads_and_tiers_are_read_as_printed() -> None:
    root = "ab" * 32
    assert parse_head(f"17:{root}") == NotedHead(size=17, root=bytes.fromhex(root))
    assert parse_head(f" 17:{root.upper()}\n").size == 17
    for wrong in (
        "",
        "17",
        f"0:{root}",
        f"-1:{root}",
        f"x:{root}",
        f"17:{root}0",
        f"17:{root[:-1]}",
    ):
        with pytest.raises(UsageError):
            parse_head(wrong)
    assert parse_tiers("signed, anchored") == {Tier.SIGNED, Tier.ANCHORED}
    assert parse_tiers("") == frozenset()
    with pytest.raises(UsageError):
        parse_tiers("signed,sealed")
