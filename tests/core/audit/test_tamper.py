"""Every small change to a stored log is found: the properties behind the verdicts."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit.verify.source import ROW
from core.audit.verify.verdict import Verdict, report_json
from core.audit.verify.verify import NotedHead, VerifyOptions, verify
from core.domain.events import Noted
from tests.support.memory_chain import EXECUTION_ID, START, MemoryLog, a_log, a_run

LOG = a_log()
HEAD = NotedHead(size=LOG.writer.head.size, root=LOG.writer.head.root)
GIVEN_HEAD = VerifyOptions(heads=(HEAD,))
CHAIN_ONLY = VerifyOptions(tables=False)
SIZE = len(LOG.event_rows)


def a_copy(log: MemoryLog = LOG) -> MemoryLog:
    found = copy.copy(log)
    for name in (
        "event_rows",
        "notes",
        "execution_rows",
        "task_rows",
        "attempt_rows",
        "stored_output",
    ):
        setattr(found, name, copy.deepcopy(getattr(log, name)))
    return found


def a_small_log() -> MemoryLog:
    log = MemoryLog()
    log.commit(Noted(at=START + 1, execution_id="", kind="engine.started", facts={"n": 1}))
    first, _ = next(a_run())
    log.commit(first[0])
    return log


def _flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def test_a_changed_byte_anywhere_in_a_chain_is_found() -> None:
    log = a_small_log()
    choice = random.Random(1)
    assert verify(log, CHAIN_ONLY).is_intact
    checked = 0
    for row in log.event_rows:
        for name in ("event_id", "body", "hash"):
            place = ROW.index(name)
            original = row[place]
            for at in range(len(original)):
                row[place] = _flipped(original, at, choice.randrange(8))
                report = verify(log, CHAIN_ONLY)
                assert report.verdict is Verdict.MODIFIED, (name, at)
                checked += 1
            row[place] = original
    for note in log.notes[-1:]:
        original = note[1]
        for at in range(len(original)):
            note[1] = _flipped(original, at, choice.randrange(8))
            assert not verify(log, CHAIN_ONLY).is_intact, at
        note[1] = original
    assert verify(log, CHAIN_ONLY).is_intact
    assert checked > 1500


@pytest.mark.slow
def test_every_flipped_bit_of_a_chain_is_found() -> None:
    log = a_small_log()
    for row in log.event_rows:
        for name in ("event_id", "body", "hash"):
            place = ROW.index(name)
            original = row[place]
            for at in range(len(original)):
                for bit in range(8):
                    row[place] = _flipped(original, at, bit)
                    assert not verify(log, CHAIN_ONLY).is_intact, (name, at, bit)
            row[place] = original


def test_every_column_of_every_row_counts() -> None:
    for index in range(SIZE):
        for place, name in enumerate(ROW):
            log = a_copy()
            value = log.event_rows[index][place]
            for other in (None, 0, "x", b"x" * 32, EXECUTION_ID):
                if other == value and type(other) is type(value):
                    continue
                log.event_rows[index][place] = other
                report = verify(log, CHAIN_ONLY)
                assert not report.is_intact, (index, name, other)


def test_every_deleted_row_is_found() -> None:
    for index in range(SIZE):
        for renumber in (False, True):
            log = a_copy()
            del log.event_rows[index]
            if renumber:
                for number, row in enumerate(log.event_rows, 1):
                    row[0] = number
            report = verify(log, CHAIN_ONLY)
            expected = Verdict.TRUNCATED if index == SIZE - 1 else Verdict.MISSING
            assert (report.verdict, index, renumber) == (expected, index, renumber)


def test_every_exchange_of_two_rows_is_a_reordering() -> None:
    for one in range(SIZE):
        for other in range(one + 1, SIZE):
            log = a_copy()
            rows = log.event_rows
            rows[one][0], rows[other][0] = rows[other][0], rows[one][0]
            report = verify(log, CHAIN_ONLY)
            assert report.verdict is Verdict.REORDERED, (one, other)
            assert report.findings[0].seq == one + 1


def test_every_doubled_row_is_found() -> None:
    for index in range(SIZE):
        for target in (index + 2, SIZE + 1):
            log = a_copy()
            double = list(log.event_rows[index])
            for row in log.event_rows[target - 1 :]:
                row[0] += 1
            double[0] = target
            log.event_rows.insert(target - 1, double)
            assert not verify(log, CHAIN_ONLY).is_intact, (index, target)


def test_every_cut_of_the_tail_is_found_given_the_head() -> None:
    log = a_copy()
    for size in range(SIZE - 1, 0, -1):
        log.event_rows = log.event_rows[:size]
        log.notes = [note for note in log.notes if note[0] <= size]
        log.stored_head = None
        report = verify(log, VerifyOptions(tables=False, heads=(HEAD,)))
        assert not report.is_intact
        assert Verdict.TRUNCATED in {finding.kind for finding in report.findings}


@settings(max_examples=300)
@given(st.data())
def test_any_few_mutations_of_rows_are_found_given_the_head(data: st.DataObject) -> None:
    log = a_copy()
    rows = log.event_rows
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(rows) - 1))
        other = data.draw(st.integers(0, len(rows) - 1))
        match data.draw(st.sampled_from(["drop", "swap", "copy", "bodies", "edit", "renumber"])):
            case "drop":
                del rows[index]
            case "swap":
                rows[index][0], rows[other][0] = rows[other][0], rows[index][0]
            case "copy":
                rows.append([data.draw(st.integers(1, 40)), *rows[index][1:]])
            case "bodies":
                rows[index][10:], rows[other][10:] = rows[other][10:], rows[index][10:]
            case "edit":
                place = data.draw(st.integers(0, len(ROW) - 1))
                rows[index][place] = rows[other][place]
            case "renumber":
                for number, row in enumerate(sorted(rows, key=lambda row: row[0]), 1):
                    row[0] = number
        if not rows:
            break
    same = sorted(map(tuple, rows)) == sorted(map(tuple, LOG.event_rows))
    report = verify(log, VerifyOptions(tables=False, heads=(HEAD,)))
    assert report.is_intact is same


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63 - 1, -(2**63), 2**70]),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.binary(max_size=60),
    st.sampled_from([row[10] for row in LOG.event_rows]),
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_verifier_never_crashes_and_never_calls_damage_intact(data: st.DataObject) -> None:
    log = a_copy()
    places = st.integers(0, 1000)
    for _ in range(data.draw(st.integers(1, 3))):
        value = data.draw(HOSTILE)
        match data.draw(
            st.sampled_from(["event", "note", "head", "record", "log", "stored_output"])
        ):
            case "event":
                row = log.event_rows[data.draw(places) % SIZE]
                row[data.draw(places) % len(ROW)] = value
            case "note":
                log.notes[data.draw(places) % len(log.notes)][data.draw(places) % 2] = value
            case "head":
                log.stored_head = value
            case "log":
                log.stored_log_id = value
            case "stored_output":
                log.stored_output[EXECUTION_ID, "fetch", 1] = [value]
            case "record":
                tables = [
                    [log.execution_rows[EXECUTION_ID]],
                    log.task_rows[EXECUTION_ID],
                    log.attempt_rows[EXECUTION_ID],
                ]
                table = tables[data.draw(places) % 3]
                record = table[data.draw(places) % len(table)]
                record[sorted(record)[data.draw(places) % len(record)]] = value
    report = verify(log, VerifyOptions(deep=True, heads=(HEAD,)))
    json.dumps(report_json(report)).encode()
    same = all(
        repr(getattr(log, name)) == repr(getattr(LOG, name))
        for name in (
            "event_rows",
            "notes",
            "stored_head",
            "stored_log_id",
            "execution_rows",
            "task_rows",
            "attempt_rows",
            "stored_output",
        )
    )
    assert report.is_intact is same


def test_numbers_too_long_to_print_are_judged_too() -> None:
    for place in range(len(ROW)):
        log = a_copy()
        log.event_rows[4][place] = 10**5000
        log.notes[1][0] = -(10**5000)
        log.task_rows[EXECUTION_ID][0]["position"] = 10**5000
        report = verify(log, GIVEN_HEAD)
        json.dumps(report_json(report))
        assert not report.is_intact


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(HOSTILE, min_size=10, max_size=14), min_size=1, max_size=5))
def test_rows_of_pure_nonsense_are_judged_too(rows: list[list[Any]]) -> None:
    log = a_copy()
    log.event_rows = rows
    assert not verify(log, GIVEN_HEAD).is_intact
