import hashlib
import json
import os
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.audit.chain.chain import (
    EMPTY_HEAD,
    ZERO_HASH,
    ChainWriter,
    Head,
    Link,
    SubChain,
    decode_head,
    encode_head,
)
from core.audit.format import canonical, merkle
from core.audit.format.body import FIELDS, MAX_TS, columns_of
from core.audit.format.details import fast_details
from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    ExecutionCreated,
    Noted,
    TaskStateChanged,
)
from core.domain.reasons import Reason
from core.domain.records import TaskError
from core.domain.states import AttemptState, TaskState
from core.errors import AuditError, BugError
from tests.support.memory_chain import EXECUTION_ID, LOG_ID, START, a_run

TEXT = st.text(st.characters(), max_size=20)
HOSTILE = TEXT | TEXT.map(lambda text: text + "x" * 5000)


def a_writer(**more: Any) -> ChainWriter:
    return ChainWriter(LOG_ID, **{"now": lambda: START, **more})


def note(at: int, **more: Any) -> Noted:
    return Noted(at=at, execution_id="", **{"kind": "mission.validated", **more})


def bodies(links: list[Link]) -> list[dict[str, Any]]:
    return [canonical.decode(link.body) for link in links]


def test_every_body_has_the_same_fields_and_links_to_the_one_before() -> None:
    writer = a_writer()
    writer.start_log("k", START)
    sub = SubChain(EXECUTION_ID)
    for events, _ in a_run():
        for event in events:
            writer.append_event(event, sub)
    writer.finalize(sub, START + 10**9)
    links = writer.take_links()
    previous, exec_previous, exec_seq = ZERO_HASH, ZERO_HASH, 0
    for number, (link, body) in enumerate(zip(links, bodies(links), strict=True), 1):
        assert tuple(body) == FIELDS
        assert body["seq"] == link.seq == number
        assert body["previous_hash"] == previous.hex()
        assert link.hash == hashlib.sha256(b"\0" + link.body).digest()
        assert body["log_id"] == LOG_ID
        assert UUID(body["event_id"]).bytes == link.event_id
        assert columns_of(link.target) == (link.task_id, link.attempt)
        previous = link.hash
        if link.execution_id is None:
            assert body["exec_previous_hash"] is body["exec_seq"] is body["execution_id"] is None
        else:
            exec_seq += 1
            assert (body["exec_seq"], link.exec_seq) == (exec_seq, exec_seq)
            assert body["exec_previous_hash"] == exec_previous.hex()
            exec_previous = link.hash
    assert writer.head.last_hash == previous
    assert writer.head.root == merkle.root_of(link.hash for link in links)
    final = bodies(links)[-1]
    assert final["type"] == "execution.finalized"
    assert final["details"] == {
        "events": exec_seq - 1,
        "first_seq": 2,
        "last_seq": len(links) - 1,
        "head": final["exec_previous_hash"],
    }


@given(HOSTILE, HOSTILE, HOSTILE, st.integers(-(10**20), 10**22), st.integers())
def test_bodies_of_any_text_and_instant_are_canonical(
    message: str, actor: str, name: str, at: int, exit_code: int
) -> None:
    writer, sub = a_writer(), SubChain(EXECUTION_ID)
    assume(not MAX_TS - 9 < at <= MAX_TS)
    common: dict[str, Any] = {"at": at, "execution_id": EXECUTION_ID, "actor": actor}
    events = (
        ExecutionCreated(
            **common,
            workflow_id="w",
            mission_name=message,
            mission_digest="d",
            step_ids=("a",),
            source_path=name,
            params={"x": 1.5},
        ),
        TaskStateChanged(
            **common,
            task_id=name,
            from_state=TaskState.PENDING,
            to_state=TaskState.READY,
            reason_code=Reason.DEPS_MET,
            message=message,
            resume_at=at,
        ),
        AttemptStarted(**common, task_id=name, attempt=1, inputs={"a": message}),
        AttemptEnded(
            **common,
            task_id=name,
            attempt=1,
            to_state=AttemptState.FAILED,
            reason_code=Reason.EXIT_NONZERO,
            message=message,
            exit_code=exit_code,
            error=TaskError(message=message, kind=name),
            log_digest="0" * 64,
            census={"processes": exit_code},
        ),
        Noted(
            **common, kind=name, task_id=message, facts={name: message, "f": 0.1, "i": exit_code}
        ),
    )
    for event in events:
        link = writer.append_event(event, sub)
        body = canonical.decode(link.body)
        assert canonical.encode(body) == link.body
        assert (link.type, link.actor, link.target) == (body["type"], body["actor"], body["target"])
        assert columns_of(link.target) == (link.task_id, link.attempt)
        assert 0 < link.ts <= MAX_TS


def test_details_that_are_too_large_are_recorded_by_digest() -> None:
    facts = {f"k{number}": "\x00" * 4000 for number in range(100)}
    details = canonical.decode(a_writer().append_event(note(START, facts=facts), None).body)[
        "details"
    ]
    assert details["oversize_bytes"] > 2_000_000
    assert len(details["oversize_sha256"]) == 64


def test_ts_rises_by_a_nanosecond_when_the_clock_stands_and_details_keep_the_true_instant() -> None:
    writer = a_writer()
    links = [writer.append_event(note(START), None) for _ in range(3)]
    assert [link.ts for link in links] == [START, START + 1, START + 2]
    assert [body["details"].get("at") for body in bodies(links)] == [None, str(START), str(START)]
    assert bodies(links)[2]["ts"] == "2023-11-14T22:13:20.000000002Z"


def test_an_instant_beyond_the_year_9999_does_not_bring_the_log_to_its_end() -> None:
    writer = a_writer()
    writer.append_event(note(START), None)
    link = writer.append_event(note(10**22), None)
    assert link.ts == START + 1
    assert canonical.decode(link.body)["details"] == {"at": str(10**22)}
    assert writer.append_event(note(START + 5), None).ts == START + 5


def test_a_log_at_the_end_of_time_takes_no_more() -> None:
    writer = a_writer()
    link = writer.append_event(note(MAX_TS), None)
    assert canonical.decode(link.body)["ts"] == "9999-12-31T23:59:59.999999999Z"
    with pytest.raises(AuditError, match="end of representable time"):
        writer.append_event(note(MAX_TS), None)
    assert writer.head.size == 1


def test_event_ids_are_rising_uuids_of_version_seven() -> None:
    writer = a_writer()
    ids = [writer.append_event(note(START + n // 3), None).event_id for n in range(2000)]
    assert ids == sorted(set(ids))
    for raw in ids[:3]:
        uuid = UUID(bytes=raw)
        assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
        assert uuid.int >> 80 == START // 1_000_000


def test_a_step_back_of_the_clock_is_an_event_itself_and_only_once() -> None:
    now = [START]
    writer = ChainWriter(LOG_ID, random=os.urandom, now=lambda: now[0])
    writer.append_event(note(START), None)
    writer.take_links()
    now[0] -= 3600 * 10**9
    for _ in range(3):
        writer.append_event(note(now[0]), None)
    links = writer.take_links()
    assert [link.type for link in links] == ["clock.stepped_back"] + ["mission.validated"] * 3
    assert [link.ts for link in links] == [START + n for n in (1, 2, 3, 4)]
    assert bodies(links)[0]["details"] == {"wall": str(now[0]), "last": str(START)}
    now[0] = START + 10**9
    writer.append_event(note(now[0]), None)
    now[0] -= 2 * 10**9
    writer.append_event(note(now[0]), None)
    assert [link.type for link in writer.take_links()].count("clock.stepped_back") == 1


def test_an_event_that_is_only_late_is_no_step_back() -> None:
    writer = ChainWriter(LOG_ID, now=lambda: START)
    writer.append_event(note(START), None)
    writer.append_event(note(START - 5 * 10**9), None)
    assert [link.type for link in writer.take_links()] == ["mission.validated"] * 2


def test_a_writer_goes_on_from_any_head_it_is_rebased_to() -> None:
    writer = a_writer()
    for n in range(5):
        writer.append_event(note(START + n), None)
    before = writer.head
    writer.append_event(note(START + 9, kind="lost"), None)
    writer.rebase(before)
    assert writer.take_links() == []
    link = writer.append_event(note(START + 10), None)
    assert link.seq == 6
    assert canonical.decode(link.body)["previous_hash"] == before.last_hash.hex()
    other = ChainWriter(LOG_ID, decode_head(encode_head(before)), now=lambda: START)
    assert other.head == before


@given(st.integers(0, 70))
def test_a_head_survives_storage(size: int) -> None:
    writer = a_writer()
    for n in range(size):
        writer.append_event(note(START + n), None)
    assert decode_head(encode_head(writer.head)) == writer.head
    if size == 0:
        assert writer.head == EMPTY_HEAD == Head(0, ZERO_HASH, 0, ())


@given(st.binary(max_size=200))
def test_a_damaged_head_is_refused_or_at_least_consistent(data: bytes) -> None:
    try:
        head = decode_head(data)
    except AuditError:
        return
    assert encode_head(head) == data


def test_an_event_of_another_execution_is_refused() -> None:
    for execution_id, sub in (
        (EXECUTION_ID, None),
        ("", SubChain(EXECUTION_ID)),
        ("x", SubChain("y")),
    ):
        with pytest.raises(BugError):
            a_writer().append_event(Noted(at=1, execution_id=execution_id, kind="k"), sub)


def test_a_log_is_created_only_once_and_by_a_plain_id() -> None:
    writer = a_writer()
    writer.start_log("k", START)
    with pytest.raises(BugError):
        writer.start_log("k", START)
    for log_id in ("", "a b", "a\n", "é", "-", "x" * 65):
        with pytest.raises(AuditError):
            ChainWriter(log_id)


def test_nothing_is_appended_when_details_cannot_be_recorded() -> None:
    writer = a_writer()
    with pytest.raises(AuditError):
        writer.append(type="t", actor="a", target="x", details={"a": b"x"}, at=START, sub=None)
    assert writer.head == EMPTY_HEAD
    assert writer.take_links() == []


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_targets_name_steps_and_attempts_whatever_their_ids(task_id: str) -> None:
    assert columns_of(f"step/{task_id}") == (task_id, None)
    assert columns_of(f"attempt/12/{task_id}") == (task_id, 12)


def test_bodies_are_plain_json_to_everybody_else() -> None:
    link = a_writer().append_event(note(START, facts={"name": "é\u2028\U0001f680"}), None)
    assert json.loads(link.body)["details"] == {"name": "é\u2028\U0001f680"}


@given(
    message=st.none() | TEXT | st.just("x" * 5000) | st.just('say "hi"\n'),
    exit_code=st.none() | st.integers(-64, 255),
    resume_at=st.none() | st.just(START),
    data=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    log_digest=st.none() | st.just("0" * 64),
    census=st.none() | st.just({"processes": 2, "survivors": 0}),
)
def test_the_short_way_to_details_writes_what_the_long_one_does(
    message: str | None,
    exit_code: int | None,
    resume_at: int | None,
    data: dict[str, str] | None,
    log_digest: str | None,
    census: dict[str, int] | None,
) -> None:
    common: dict[str, Any] = {"at": START, "execution_id": EXECUTION_ID, "task_id": "a"}
    events = (
        TaskStateChanged(
            **common,
            from_state=TaskState.RUNNING,
            to_state=TaskState.WAITING,
            reason_code=Reason.BACKOFF,
            message=message,
            resume_at=resume_at,
            outputs=data,
        ),
        AttemptStarted(**common, attempt=3, inputs=data or {}),
        AttemptEnded(
            **common,
            attempt=3,
            to_state=AttemptState.FAILED,
            reason_code=Reason.EXIT_NONZERO,
            message=message,
            exit_code=exit_code,
            outputs=data,
            error=None if message is None else TaskError(message=message, kind="ExitCode"),
            log_entry_count=7,
            log_bytes=70,
            log_dropped_bytes=1,
            log_digest=log_digest,
            census=census,
        ),
    )
    for event in events:
        found = fast_details(event)
        assert found in {None, canonical.dump(canonical.clean(event.details()))}
        if message is None and resume_at is None and data is None and census is None:
            assert found is not None
        writer, sub = a_writer(), SubChain(EXECUTION_ID)
        writer.append_event(note(START + 1), None)
        late = canonical.decode(writer.append_event(event, sub).body)
        assert late["details"] == canonical.clean({**event.details(), "at": str(START)})
