"""Committed records as everybody else sees them."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.events import Noted
from core.domain.fold import Snapshot
from core.domain.mission import workflow_id_of
from core.domain.reasons import Reason
from core.domain.records import EntityKind, Execution
from core.domain.states import AttemptState, Coverage, ExecutionState, TaskState
from core.errors import AmbiguousError, NotFoundError, UnavailableError
from core.ports.control import TOO_LATE, RequestKind, RequestOutcome
from core.ports.execution_query import (
    ExecutionField,
    ExecutionOrder,
    ExecutionQuery,
    FieldCondition,
    LabelCondition,
)
from core.ports.reader import RunOutcome
from storage.read.executions.execution_sql import page as page_of
from storage.read.reader import SqliteReader, open_reader
from storage.write.store import Store, open_store
from tests.support import execution_list
from tests.support.story import SteppingClock, Story, StorySigner, without_data


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
async def store(tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "missions.db", StorySigner(), clock=clock)
    yield store
    await store.close()


async def a_story(store: Store, *steps: str, number: int = 1, **fields: Any) -> Story:
    clock = fields.pop("clock", None) or SteppingClock()
    story = Story(*(steps or ("a", "b")), clock=clock, number=number, **fields)
    await store.journal.submit(story.create().move(ExecutionState.RUNNING).batch())
    return story


@pytest.fixture
def reader(store: Store) -> Any:
    reader = open_reader(store.path)
    yield reader
    reader.close()


# --- executions ------------------------------------------------------------------------------


async def test_executions_come_newest_first_and_by_mission_and_state(
    store: Store, reader: SqliteReader
) -> None:
    first = await a_story(store, number=1)
    second = await a_story(store, number=2, mission_name="other")
    third = await a_story(store, number=3)
    await store.journal.submit(first.finish())
    ids = [one.execution_id for one in reader.executions()]
    assert ids == [third.execution_id, second.execution_id, first.execution_id]
    assert reader.executions(ExecutionQuery(limit=1)) == [third.snapshot.current]
    assert reader.executions(ExecutionQuery(mission_name="other")) == [second.snapshot.current]
    running = reader.executions(ExecutionQuery(states=frozenset({ExecutionState.RUNNING})))
    assert [one.execution_id for one in running] == ids[:2]
    ended = frozenset({ExecutionState.SUCCESS, ExecutionState.FAILED})
    assert reader.executions(ExecutionQuery(states=ended, mission_name="story")) == [
        first.snapshot.current
    ]
    assert reader.executions(ExecutionQuery(states=ended, mission_name="other")) == []


async def test_children_are_those_of_one_parent_in_order(
    store: Store, reader: SqliteReader
) -> None:
    parent = await a_story(store, number=1)
    kids = [await a_story(store, number=n, parent_execution_id=parent.execution_id) for n in (2, 3)]
    await a_story(store, number=4, parent_execution_id=kids[0].execution_id)
    assert reader.children(parent.execution_id) == [kid.snapshot.current for kid in kids]
    assert reader.children("nobody") == []


async def several_runs(store: Store, clock: SteppingClock) -> list[Story]:
    """Store runs of two missions in every state, one of a part of its steps, and sub-missions."""
    clock.advance(-60)
    ends = [ExecutionState.SUCCESS, ExecutionState.FAILED, ExecutionState.CANCELLED, None]
    stories = []
    for number, end in enumerate([*ends, *ends], 1):
        name = "Ärger & Söhne" if number > len(ends) else "deploy"
        params = {"Tag": f"v{number}", "loud": True, "of": ["x", 1]} if number % 2 else {}
        story = await a_story(
            store,
            number=number,
            clock=clock,
            mission_name=name,
            actor=f"ada{number}@host",
            params=params,
            labels={"team": f"t{number % 3}"} if number % 2 else None,
        )
        clock.advance(number * 3 % 7)
        if number == 2:
            story.task("b", TaskState.SKIPPED, Reason.NOT_SELECTED)
        if end is not None:
            story.move(end)
        await store.journal.submit(story.batch())
        stories.append(story)
    for number, end in ((9, ExecutionState.FAILED), (10, ExecutionState.SUCCESS)):
        parent = stories[0].execution_id
        kid = await a_story(
            store, number=number, clock=clock, mission_name="kid", parent_execution_id=parent
        )
        await store.journal.submit(kid.move(end).batch())
        stories.append(kid)
    created = Story("a", number=11, clock=clock, mission_name="deploy").create()
    await store.journal.submit(created.batch())
    return [*stories, created]


async def test_filters_order_and_pages_of_executions_are_those_of_the_twin_in_memory(
    store: Store, reader: SqliteReader, clock: SteppingClock
) -> None:
    stories = await several_runs(store, clock)
    every = [story.snapshot.current for story in stories]
    now = clock.now()
    filters: list[dict[str, Any]] = [
        {},
        {"include_children": True},
        {"parent": stories[0].execution_id},
        {"parent": stories[0].execution_id, "states": frozenset({ExecutionState.FAILED})},
        {"states": frozenset({ExecutionState.FAILED, ExecutionState.RUNNING})},
        {"mission_name": "deploy", "coverage": Coverage.SUBSET},
        {"words": ("DEPLOY#2",)},
        {"words": ("söhne", "failed")},
        {"words": ("ÄRGER",), "without": ("ada6",)},
        {"without": ("deploy",), "include_children": True},
        {"fields": (FieldCondition(ExecutionField.MISSION, "ÖHN"),)},
        {"fields": (FieldCondition(ExecutionField.ACTOR, "ADA3"),)},
        {"fields": (FieldCondition(ExecutionField.ACTOR, "ADA3", wanted=False),)},
        {"fields": (FieldCondition(ExecutionField.PARAM, "tag=V3"),)},
        {"fields": (FieldCondition(ExecutionField.PARAM, "loud=true"),)},
        {"fields": (FieldCondition(ExecutionField.PARAM, "tag", wanted=False),)},
        {"fields": (FieldCondition(ExecutionField.REASON, "step_FAIL"),)},
        {"labels": (LabelCondition("team"),)},
        {"labels": (LabelCondition("team", "t1"),)},
        {"labels": (LabelCondition("team", "t1", wanted=False),)},
        {"ids": frozenset({stories[1].execution_id, stories[-1].execution_id})},
        {"ids": frozenset()},
        {"is_unattended": True},
        {"created_from": stories[3].snapshot.current.created_at},
        {"created_until": stories[3].snapshot.current.created_at},
        {"longer_than": 4_000_000_000, "now": now},
        {"shorter_than": 4_000_000_000, "now": now},
        {"words": ("%",)},
    ]
    for wanted in filters:
        counted = reader.count_executions(ExecutionQuery(**wanted, limit=1))
        assert counted == execution_list.count(every, ExecutionQuery(**wanted)), wanted
        for order in ExecutionOrder:
            for page in ({}, {"reverse": True}, {"limit": 2, "offset": 1}):
                query = ExecutionQuery(**{"now": now} | wanted, order=order, **page)
                found = [one.execution_id for one in reader.executions(query)]
                expected = [one.execution_id for one in execution_list.select(every, query)]
                assert found == expected, query


async def test_children_are_counted_under_their_parents_by_state(
    store: Store, reader: SqliteReader, clock: SteppingClock
) -> None:
    stories = await several_runs(store, clock)
    ids = [story.execution_id for story in stories]
    counted = {ExecutionState.FAILED: 1, ExecutionState.SUCCESS: 1}
    assert reader.child_counts(ids) == {ids[0]: counted}


async def test_a_missions_latest_run_is_neither_a_subset_nor_a_sub_mission(
    store: Store, reader: SqliteReader
) -> None:
    whole = await a_story(store, number=1, mission_name="deploy")
    part = await a_story(store, number=2, mission_name="deploy")
    await store.journal.submit(part.task("b", TaskState.SKIPPED, Reason.NOT_SELECTED).batch())
    await a_story(store, number=3, mission_name="deploy", parent_execution_id=whole.execution_id)
    await a_story(store, number=4, mission_name="kid", parent_execution_id=whole.execution_id)
    latest = reader.latest_runs(["deploy", "kid", "never"])
    assert latest == {"deploy": whole.snapshot.current}
    assert part.snapshot.current.coverage is Coverage.SUBSET


async def test_the_last_outcomes_of_missions_are_those_of_runs_of_their_own(
    store: Store, reader: SqliteReader
) -> None:
    whole = await a_story(store, number=1, mission_name="deploy")
    await store.journal.submit(whole.finish())
    part = await a_story(store, number=2, mission_name="deploy")
    await store.journal.submit(part.task("b", TaskState.SKIPPED, Reason.NOT_SELECTED).batch())
    await a_story(store, number=3, mission_name="deploy", parent_execution_id=whole.execution_id)
    await a_story(store, number=4, mission_name="Söhne")
    running = RunOutcome(ExecutionState.RUNNING, Coverage.FULL)
    assert reader.recent_outcomes(["deploy", "Söhne", "never"], limit=20) == {
        "deploy": [
            RunOutcome(ExecutionState.RUNNING, Coverage.SUBSET),
            RunOutcome(ExecutionState.SUCCESS, Coverage.FULL),
        ],
        "Söhne": [running],
    }
    newest = reader.recent_outcomes(["deploy"], limit=1)["deploy"]
    assert newest == [RunOutcome(ExecutionState.RUNNING, Coverage.SUBSET)]


async def test_a_failure_is_unattended_until_it_is_retried_or_run_again(
    store: Store, reader: SqliteReader
) -> None:
    failed: list[Story] = []
    for number, links in enumerate(
        (
            {},
            {},
            {"retry_of": 1},
            {"rerun_of": 2},
            {"parent_execution_id": 1},
        ),
        1,
    ):
        linked = {name: failed[of - 1].execution_id for name, of in links.items()}
        story = await a_story(store, number=number, **linked)
        await store.journal.submit(story.move(ExecutionState.FAILED).batch())
        failed.append(story)
    found = [one.execution_id for one in reader.unattended_failures(limit=10)]
    assert found == [failed[3].execution_id, failed[2].execution_id]
    assert len(reader.unattended_failures(limit=1)) == 1


async def test_open_approvals_of_all_executions_are_found(
    store: Store, reader: SqliteReader
) -> None:
    stories = [await a_story(store, number=number) for number in (1, 2)]
    for story in stories:
        story.task("a", TaskState.READY, Reason.DEPS_MET)
        story.task("a", TaskState.WAITING, Reason.AWAITING_APPROVAL)
        await store.journal.submit(story.batch())
    waiting = reader.open_approvals(limit=10)
    assert [one.execution_id for one in waiting] == [one.execution_id for one in stories]
    assert waiting[0] == reader.task_run(stories[0].execution_id, "a")
    stories[0].task("a", TaskState.SUCCESS, Reason.APPROVED)
    await store.journal.submit(stories[0].batch())
    assert reader.open_approvals(limit=10) == waiting[1:]
    found = reader.task_runs_in(
        stories[1].execution_id, frozenset({TaskState.WAITING, TaskState.FAILED}), limit=5
    )
    assert found == waiting[1:]


async def test_a_newest_page_does_not_read_every_execution(reader: SqliteReader) -> None:
    def plan(query: ExecutionQuery) -> list[str]:
        clauses, values = page_of(query)
        rows = reader._all(f"EXPLAIN QUERY PLAN SELECT * FROM execution {clauses}", *values)
        return [row[3] for row in rows]

    ended = frozenset({ExecutionState.SUCCESS, ExecutionState.FAILED})
    assert plan(ExecutionQuery()) == ["SCAN execution USING INDEX execution_root"]
    words = ExecutionQuery(states=ended, include_children=True, words=("a",))
    assert plan(words) == ["SCAN execution"]  # from the newest on, without a sort
    known = ExecutionQuery(states=ended, include_children=True, ids=frozenset({"a"}))
    assert "execution_id=?" in plan(known)[0]
    labelled = ExecutionQuery(labels=(LabelCondition("team"),), include_children=True)
    assert plan(labelled)[0] == "SCAN execution USING INDEX execution_labelled"
    failed = ExecutionQuery(states=ended - {ExecutionState.SUCCESS})
    assert "execution_state (state=?" in plan(failed)[0]


async def test_every_request_has_an_outcome_once_the_execution_has_ended(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_story(store)
    asked = [
        await store.control.request(story.execution_id, RequestKind.PAUSE, actor="ann")
        for _ in range(3)
    ]
    assert reader.request_outcome(asked[0]) is None
    outcomes = [
        RequestOutcome(request_id=asked[0], done=True),
        RequestOutcome(request_id=asked[1], done=False, why="it is paused"),
    ]
    await store.journal.submit(replace(story.begin("a").batch(), outcomes=outcomes))
    assert [reader.request_outcome(number) for number in asked] == [*outcomes, None]
    await store.journal.submit(story.finish())
    late = RequestOutcome(request_id=asked[2], done=False, why=TOO_LATE)
    assert [reader.request_outcome(number) for number in asked] == [*outcomes, late]
    with pytest.raises(NotFoundError):
        reader.request_outcome(99)


async def test_every_attribute_of_an_execution_comes_back(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_story(
        store,
        params={"n": 1, "list": [1.5, None, "ü\ud800"], "nested": {"a": {}}},
        source_path="/tmp/\udcff.yaml",
        working_dir="/tmp/work",
        parent_execution_id="p",
        parent_task_id="kid[0]",
        parent_attempt=3,
        retry_scope={"fresh": ["a"], "items": {"b": [0, 2]}},
        retry_of="r",
        rerun_of="q",
        run_key="k",
        actor="ann@host",
    )
    found = reader.find_execution(story.execution_id)
    expected = story.snapshot.current
    assert found == replace(expected, source_path="/tmp/\ufffd.yaml")
    assert found.counts == {"PENDING": 2}


async def test_a_reference_is_a_full_id_a_prefix_a_name_or_a_symbol(
    store: Store, reader: SqliteReader
) -> None:
    with pytest.raises(NotFoundError):
        reader.find_execution("@last")
    one = await a_story(store, number=0xAAAA << 48)
    two = await a_story(store, number=0xBBBB << 48, mission_name="other")
    failed = two.move(ExecutionState.FAILED, Reason.STEP_FAILED).batch(finalize=True)
    await store.journal.submit(failed)
    three = await a_story(store, number=0xCCCC << 48)
    for reference, expected in (
        (one.execution_id, one),
        (one.execution_id.upper(), one),
        (one.execution_id[:21], one),
        ("@last", three),
        ("@last-failed", two),
        ("other", two),
        ("story", three),
    ):
        assert reader.find_execution(reference).execution_id == expected.execution_id
    for reference in ("nothing", "", "@first", "%", "_", "' OR 1=1 --", "\udcff"):
        with pytest.raises(NotFoundError):
            reader.find_execution(reference)


async def test_a_run_number_names_one_run_for_good(store: Store, reader: SqliteReader) -> None:
    deploy = {"mission_name": "deploy", "workflow_id": workflow_id_of("deploy")}
    first = await a_story(store, number=1, **deploy)
    second = await a_story(store, number=2, **deploy)
    assert reader.find_execution("deploy#1").execution_id == first.execution_id
    assert reader.find_execution("deploy#2").execution_id == second.execution_id
    with pytest.raises(NotFoundError, match="no run number 3") as caught:
        reader.find_execution("deploy#3")
    assert caught.value.hint == "its newest is deploy#2"
    for reference in ("deploy#0", "deploy#01", "deploy#", "#1", "deploy#-1", "other#1"):
        with pytest.raises(NotFoundError):
            reader.find_execution(reference)


async def test_a_name_with_a_number_sign_needs_the_id(store: Store, reader: SqliteReader) -> None:
    fields = {"mission_name": "deploy#1", "workflow_id": workflow_id_of("deploy#1")}
    odd = await a_story(store, number=1, **fields)
    with pytest.raises(NotFoundError, match="'deploy'"):
        reader.find_execution("deploy#1")
    with pytest.raises(NotFoundError, match="cannot be referred to by number"):
        reader.find_execution("deploy#1#1")
    assert reader.find_execution(odd.execution_id).mission_name == "deploy#1"


async def test_last_is_what_somebody_started_and_prefers_the_folder(
    store: Store, reader: SqliteReader
) -> None:
    here = await a_story(store, number=1, source_path="/srv/shop/missions/a.yaml")
    typed = await a_story(store, number=2, source_path=None, working_dir="/srv/shop")
    away = await a_story(store, number=3, source_path="/srv/shop2/b.yaml")
    child = await a_story(
        store, number=4, source_path="/srv/shop/c.yaml", parent_execution_id=away.execution_id
    )
    for story in (here, away, child):
        await store.journal.submit(story.move(ExecutionState.FAILED).batch())
    for reference, folder, expected in (
        ("@last", None, away),
        ("@last", "/srv/shop", typed),
        ("@last", "/srv/shop/", typed),
        ("@last", "/srv/shop/missions", here),
        ("@last", "/srv/shop2", away),
        ("@last", "/elsewhere", away),
        ("@last", "/", away),
        ("@last-failed", None, away),
        ("@last-failed", "/srv/shop", here),
    ):
        found = reader.find_execution(reference, folder=folder)
        assert found.execution_id == expected.execution_id, (reference, folder)


async def test_a_name_means_a_run_of_it_before_a_sub_mission(
    store: Store, reader: SqliteReader
) -> None:
    own = await a_story(store, number=1, mission_name="kid")
    await a_story(store, number=2, mission_name="kid", parent_execution_id=own.execution_id)
    inner = await a_story(
        store, number=3, mission_name="inner", parent_execution_id=own.execution_id
    )
    assert reader.find_execution("kid").execution_id == own.execution_id
    assert reader.find_execution("inner").execution_id == inner.execution_id


async def test_a_name_that_is_nearly_right_is_suggested(store: Store, reader: SqliteReader) -> None:
    await a_story(store, mission_name="nightly-etl")
    with pytest.raises(NotFoundError) as caught:
        reader.find_execution("nightly-elt")
    assert caught.value.hint == "did you mean `nightly-etl`?"


async def test_an_ambiguous_prefix_names_the_candidates(store: Store, reader: SqliteReader) -> None:
    stories = [await a_story(store, number=number) for number in (1, 2)]
    with pytest.raises(AmbiguousError) as caught:
        reader.find_execution(stories[0].execution_id[:10])
    short = reader.short_ids([story.execution_id for story in stories])
    assert all(prefix in caught.value.message for prefix in short.values())


async def test_short_ids_are_unique_prefixes_of_at_least_eight_characters(
    store: Store, reader: SqliteReader
) -> None:
    numbers = [1, 2, 0xAAAA << 48, 0xAAAB << 48]
    ids = [(await a_story(store, number=number)).execution_id for number in numbers]
    short = reader.short_ids(ids)
    assert list(short) == ids
    for full, prefix in short.items():
        assert full.startswith(prefix)
        assert len(prefix) >= 8
        assert not prefix.endswith("-")
        assert reader.find_execution(prefix).execution_id == full
    assert reader.short_ids([]) == {}


async def test_the_mission_file_comes_back_byte_for_byte(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_story(store)
    await a_story(store, number=2)  # the same mission again
    assert reader.mission_source(story.mission.digest) == story.mission
    with pytest.raises(NotFoundError):
        reader.mission_source("0" * 64)


# --- task runs -------------------------------------------------------------------------------


async def test_a_step_is_found_by_name_and_near_misses_are_suggested(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_story(store, "build", "test")
    await store.journal.submit(story.begin("build", inputs={"x": [1]}).end("build").batch())
    assert reader.task_run(story.execution_id, "build") == story.snapshot.tasks["build"]
    with pytest.raises(NotFoundError) as caught:
        reader.task_run(story.execution_id, "biuld")
    assert caught.value.hint == "did you mean `build`?"
    with pytest.raises(NotFoundError):
        reader.task_runs("no-such")


async def test_a_live_screen_gets_exactly_what_changed_since_its_cursor(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_story(store, *"abcdef")
    other = await a_story(store, *"abc", number=2)
    cursor, tasks = reader.task_states(story.execution_id)
    assert tasks == without_data(story.snapshot.tasks.values())
    assert reader.task_states(story.execution_id, after_seq=cursor) == (cursor, [])
    await store.journal.submit(other.begin("a").batch())
    await store.journal.submit(story.begin("e").begin("b").batch())
    await store.journal.submit(story.end("e", AttemptState.FAILED).batch())
    newest, tasks = reader.task_states(story.execution_id, after_seq=cursor)
    assert newest == reader.last_seq()
    assert tasks == without_data(story.snapshot.tasks[step] for step in "be")
    assert tasks[0].inputs is None
    _, tasks = reader.task_states(other.execution_id, after_seq=cursor)
    assert [task.task_id for task in tasks] == ["a"]


async def test_the_items_of_a_fan_out_are_news_when_they_appear(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_story(store)
    await store.journal.submit(story.task("b", TaskState.READY, Reason.DEPS_MET).batch())
    cursor = reader.last_seq()
    await store.journal.submit(story.expand("b", ("x", "y")).begin("b[1]").batch())
    _, tasks = reader.task_states(story.execution_id, after_seq=cursor)
    assert tasks == without_data(story.snapshot.tasks[name] for name in ("b", "b[0]", "b[1]"))


async def test_a_step_is_found_the_same_once_its_place_is_known(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_story(store)
    other = await a_story(store, number=2)
    story.begin("b").end("b")
    await store.journal.submit(story.batch())
    ids = (story.execution_id, other.execution_id)
    unknown = [reader.task_run(one, step) for one in ids for step in ("a", "b")]
    for one in ids:
        reader.task_states(one)
    assert [reader.task_run(one, step) for one in ids for step in ("a", "b")] == unknown
    with pytest.raises(NotFoundError):
        reader.task_run(story.execution_id, "nowhere")


async def test_attempts_come_by_step_and_number(store: Store, reader: SqliteReader) -> None:
    story = await a_story(store)
    story.begin("b").end("b", AttemptState.FAILED).task("b", TaskState.READY, Reason.USER_RETRY)
    story.begin("b", inputs={}).end("b", outputs={"text": "é\x00"}).begin("a")
    await store.journal.submit(story.batch())
    attempts = story.snapshot.attempts
    assert reader.attempts(story.execution_id) == [*attempts["a"], *attempts["b"]]
    assert reader.attempts(story.execution_id, "b") == list(attempts["b"])
    with pytest.raises(NotFoundError):
        reader.attempts(story.execution_id, "c")


# --- history ---------------------------------------------------------------------------------


async def test_every_transition_is_in_the_history_with_reason_message_and_number(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_story(store, "a", "b")
    story.begin("a").end("a", AttemptState.FAILED, message="it broke")
    await store.journal.submit(story.batch())
    changes = reader.state_changes(story.execution_id)
    assert [
        (one.entity, one.task_id, one.attempt, one.from_state, one.to_state, one.reason_code)
        for one in changes
    ] == [
        (EntityKind.EXECUTION, None, None, None, "PENDING", "CREATED"),
        (EntityKind.EXECUTION, None, None, "PENDING", "RUNNING", "STARTED"),
        (EntityKind.TASK_RUN, "a", None, "PENDING", "READY", "DEPS_MET"),
        (EntityKind.TASK_RUN, "a", 1, "READY", "RUNNING", "SLOT_ACQUIRED"),
        (EntityKind.ATTEMPT, "a", 1, None, "RUNNING", "SLOT_ACQUIRED"),
        (EntityKind.ATTEMPT, "a", 1, "RUNNING", "FAILED", "EXIT_NONZERO"),
        (EntityKind.TASK_RUN, "a", None, "RUNNING", "FAILED", "EXIT_NONZERO"),
    ]
    assert [one.at for one in changes] == [
        event.at for event in story.events for _ in range(2 if "started" in event.type else 1)
    ]
    assert changes[5].message == "it broke"
    assert reader.state_changes(story.execution_id, "a") == changes[2:]
    assert reader.state_changes(story.execution_id, "b") == []
    by_seq = {event.seq: event for event in reader.audit_events()}
    assert by_seq[changes[5].seq].event_type == "attempt.ended"


async def test_audit_events_come_in_order_from_a_cursor(store: Store, reader: SqliteReader) -> None:
    story = await a_story(store)
    other = await a_story(store, number=2)
    await store.journal.submit(story.begin("a").end("a").batch())
    events = reader.audit_events()
    assert [event.seq for event in events] == list(range(1, reader.last_seq() + 1))
    assert events[0].event_type == "log.created"
    assert [event.previous_hash for event in events[1:]] == [event.hash for event in events[:-1]]
    mine = reader.audit_events(execution_id=story.execution_id)
    assert mine == [event for event in events if event.execution_id == story.execution_id]
    assert len(reader.audit_events(execution_id=other.execution_id)) == 2
    after = reader.audit_events(execution_id=story.execution_id, after_seq=mine[2].seq, limit=2)
    assert after == mine[3:5]
    assert reader.audit_events(after_seq=3, limit=2) == events[3:5]


# --- the file ----------------------------------------------------------------------------------


async def test_a_lease_is_seen_until_it_is_given_back(store: Store, reader: SqliteReader) -> None:
    assert reader.lease("x") is None
    lease = await store.control.acquire("x")
    assert reader.lease("x") == lease
    await store.control.release(lease)
    assert reader.lease("x") is None


async def test_the_data_version_changes_with_every_commit_of_others(
    store: Store, reader: SqliteReader
) -> None:
    before = reader.data_version()
    assert reader.data_version() == before
    await a_story(store)
    assert reader.data_version() != before


def test_a_missing_file_is_unavailable_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        open_reader(tmp_path / "none.db")
    assert "mission run" in (caught.value.hint or "")


async def test_a_record_nobody_wrote_is_reported_as_such(store: Store, clock: Any) -> None:
    story = await a_story(store, clock=clock)
    await store.close()
    vandal = sqlite3.connect(store.path, isolation_level=None)
    vandal.execute("UPDATE execution SET reason_code = 'NO_SUCH'")
    vandal.execute("UPDATE task_run SET inputs = '{' WHERE position = 0")
    vandal.close()
    reader = open_reader(store.path)
    for ask in (
        lambda: reader.executions(),
        lambda: reader.find_execution("@last"),
        lambda: reader.task_runs(story.execution_id),
    ):
        with pytest.raises(UnavailableError, match="cannot be read"):
            ask()
    reader.close()


async def test_a_reader_cannot_write(store: Store, reader: SqliteReader) -> None:
    await a_story(store)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM lease")


async def test_a_snapshot_can_be_loaded_and_driven_on(store: Store, reader: SqliteReader) -> None:
    story = await a_story(store)
    await store.journal.submit(story.begin("a").end("a").batch())
    loaded = Snapshot(execution=reader.find_execution(story.execution_id))
    loaded.tasks = {task.task_id: task for task in reader.task_runs(story.execution_id)}
    assert loaded.tasks == story.snapshot.tasks
    assert loaded.current == story.snapshot.current


async def test_a_note_about_a_step_is_found_by_the_step(store: Store, reader: SqliteReader) -> None:
    story = await a_story(store)
    story.emit(
        Noted(
            at=story.clock.now(), execution_id=story.execution_id, kind="secret.read", task_id="b",
            facts={"name": "TOKEN"},
        )
    )  # fmt: skip
    await store.journal.submit(story.batch())
    event = reader.audit_events()[-1]
    assert (event.event_type, event.target) == ("secret.read", "step/b")
    assert event.details == {"name": "TOKEN"}
    _, tasks = reader.task_states(story.execution_id, after_seq=event.seq - 1)
    assert [task.task_id for task in tasks] == ["b"]


async def test_a_word_is_looked_for_in_all_that_is_known_of_an_execution(
    store: Store, reader: SqliteReader
) -> None:
    def text(one: Execution) -> str:
        names = f"{one.mission_name}#{one.run_number or ''} {one.execution_id} {one.actor}"
        words = one.state.value, one.reason_code.value, one.coverage.value
        return f"{names} {' '.join(words)}".casefold()

    def found(query: ExecutionQuery) -> list[Execution]:
        return reader.executions(replace(query, include_children=True))

    ended = await a_story(store, number=1)
    await store.journal.submit(ended.finish())
    await a_story(store, number=2, mission_name="other")
    every = found(ExecutionQuery())
    assert len({one.state for one in every}) == len(every) == 2
    for word in ("run", "UCC", "full", "l", "#1", "nobody", "ß", "r f", "%"):
        having = [one for one in every if word.casefold() in text(one)]
        assert found(ExecutionQuery(words=(word,))) == having
        assert found(ExecutionQuery(without=(word,))) == [one for one in every if one not in having]
