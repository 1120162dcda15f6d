"""Starts recorded ahead of a slot: what is armed, when it starts, and what takes it back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.events import AttemptArmed, AttemptDisarmed, AttemptEnded, AttemptStarted, Event
from core.domain.fold import fold
from core.domain.joined_events import parts_of
from core.domain.mission import MissionStep, RetryPolicy
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.engine.loop import BATCH_EVENTS
from core.engine.turn.armed_starts import ARMED_FOR_EACH_SLOT, SHORT_SECONDS
from core.ports.control import RequestKind
from core.ports.journal import Batch
from tests.support.fake_executor import Act
from tests.support.memory_journal import MemoryJournal
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step

LIMIT = 4
SHORT = Act(seconds=0.001)
BAD = Act(seconds=0.001, exit_code=3)


def many(count: int, **fields: Any) -> list[MissionStep]:
    return [a_command(f"s{n}", **fields) for n in range(count)]


def acts(count: int, act: Act = SHORT, **others: Act) -> Mapping[str, Act]:
    return {**{f"s{n}": act for n in range(count)}, **others}


def armed(events: list[Event]) -> list[str]:
    return [event.task_id for event in events if isinstance(event, AttemptArmed)]


def test_short_attempts_are_armed_and_start_in_the_order_of_the_file() -> None:
    rig = Rig(a_plan(*many(60), parallel_limit=LIMIT), acts(60))
    assert rig.run().state is ExecutionState.SUCCESS
    assert len(armed(rig.seen)) > 30
    assert rig.started() == [f"s{n}" for n in range(60)]
    assert rig.executor.most_at_once == LIMIT
    assert fold(rig.seen).tasks == rig.snapshot.tasks
    assert fold(rig.seen).attempts == rig.snapshot.attempts


def test_a_slot_that_falls_free_does_not_wait_for_a_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With one slot, a batch holds the ends of several attempts that ran one after another."""
    ends: list[int] = []
    submit = MemoryJournal.submit

    def counting(journal: MemoryJournal, batch: Batch) -> Any:
        ends.append(sum(isinstance(event, AttemptEnded) for event in batch.events))
        return submit(journal, batch)

    monkeypatch.setattr(MemoryJournal, "submit", counting)
    rig = Rig(a_plan(*many(60), parallel_limit=1), acts(60))
    rig.run()
    assert rig.executor.most_at_once == 1
    assert max(ends) > 1


def test_every_attempt_is_durable_before_it_starts() -> None:
    rig = Rig(a_plan(*many(60), parallel_limit=LIMIT), acts(60))
    durable: list[bool] = []
    run = rig.executor.run

    async def spying(job: Any, sink: Any) -> Any:
        step = job.key.split("/")[1]
        kinds = (AttemptStarted, AttemptArmed)
        events = rig.journal.events
        durable.append(any(isinstance(e, kinds) and e.task_id == step for e in events))
        return await run(job, sink)

    rig.executor.run = spying  # type: ignore[method-assign] # a spy in front of the fake
    rig.run()
    assert durable == [True] * 60


def test_no_more_is_armed_than_a_few_for_each_slot() -> None:
    rig = Rig(a_plan(*many(100), parallel_limit=LIMIT), acts(100))
    rig.run()
    open_at_once = most = 0
    for event in (part for joined in rig.seen for part in parts_of(joined)):
        if isinstance(event, AttemptArmed):
            open_at_once += 1
        elif isinstance(event, AttemptStarted) and event.task_id in armed(rig.seen):
            open_at_once -= 1
        most = max(most, open_at_once)
    assert LIMIT < most <= (ARMED_FOR_EACH_SLOT + 1) * LIMIT  # those that started are told later


@pytest.mark.parametrize(
    "fields", [{"idempotent": False}, {"idempotent": False, "continue_on_error": True}]
)
def test_what_is_not_safe_to_repeat_is_never_armed(fields: Mapping[str, Any]) -> None:
    rig = Rig(a_plan(*many(40, **fields), parallel_limit=LIMIT), acts(40))
    assert rig.run().state is ExecutionState.SUCCESS
    assert armed(rig.seen) == []


def test_a_step_that_reads_environment_files_just_before_its_attempt_is_never_armed(
    tmp_path: Path,
) -> None:
    (tmp_path / ".env").write_text("A=b\n")
    plan = a_plan(*many(40, env_files=(".env",)), parallel_limit=LIMIT)
    rig = Rig(plan, acts(40), working_dir=tmp_path)
    assert rig.run().state is ExecutionState.SUCCESS
    assert armed(rig.seen) == []


def test_long_attempts_are_not_armed() -> None:
    rig = Rig(a_plan(*many(40), parallel_limit=LIMIT), acts(40, Act(seconds=2 * SHORT_SECONDS)))
    assert rig.run().state is ExecutionState.SUCCESS
    assert armed(rig.seen) == []


def test_only_first_attempts_are_armed() -> None:
    retry = RetryPolicy(max_attempts=3)
    rig = Rig(
        a_plan(*many(40, retry=retry), parallel_limit=LIMIT),
        {f"s{n}": [BAD, SHORT] if n % 5 == 0 else [SHORT] for n in range(40)},
    )
    assert rig.run().state is ExecutionState.SUCCESS
    events = [event for event in rig.seen if isinstance(event, AttemptArmed)]
    assert events
    assert {event.attempt for event in events} == {1}


def test_after_a_failure_nothing_is_started_that_the_stop_would_have_kept_back() -> None:
    rig = Rig(a_plan(*many(60), parallel_limit=LIMIT), acts(60, s20=BAD))
    assert rig.run().state is ExecutionState.FAILED
    assert armed(rig.seen)
    after = [n for n in range(60) if f"s{n}" in rig.started()]
    assert max(after) < 20 + LIMIT + 1
    for n in range(max(after) + 1, 60):
        task = rig.snapshot.tasks[f"s{n}"]
        assert (task.state, task.reason_code) in {
            (TaskState.CANCELLED, Reason.FAIL_FAST),
            (TaskState.SKIPPED, Reason.FAIL_FAST),
        }
        assert (task.attempt, task.inputs, rig.snapshot.attempts.get(task.task_id)) == (
            0,
            None,
            None,
        )


def test_more_transitions_than_a_turn_can_fold_take_nothing_back() -> None:
    skipped = [a_step(f"n{n}", "s20", when="1 > 2") for n in range(2 * BATCH_EVENTS)]
    rig = Rig(a_plan(*many(60), *skipped, parallel_limit=LIMIT), acts(60))
    assert rig.run().state is ExecutionState.SUCCESS
    assert armed(rig.seen)
    assert rig.state("n7") is TaskState.SKIPPED
    assert not any(isinstance(event, AttemptDisarmed) for event in rig.seen)
    assert rig.executor.most_at_once <= LIMIT


def test_a_pause_takes_back_what_is_armed() -> None:
    rig = Rig(a_plan(*many(80), parallel_limit=LIMIT), acts(80))
    during: list[tuple[int, bool]] = []

    def look(rig: Rig) -> None:
        during.append(
            (len(rig.executor.jobs), any(task.is_armed for task in rig.snapshot.tasks.values()))
        )

    rig.run(
        (0.0071, lambda rig: rig.ask(RequestKind.PAUSE)),
        (1.0, look),
        (2.0, look),
        (3.0, lambda rig: rig.ask(RequestKind.RESUME)),
    )
    assert during[0] == during[1], "nothing starts while it is paused"
    assert during[0][0] < 80
    assert not during[0][1], "and nothing stays armed"
    assert any(isinstance(event, AttemptDisarmed) for event in rig.seen)
    assert rig.ending is not None
    assert rig.ending.state is ExecutionState.SUCCESS
    assert all(len(tries) == 1 for tries in rig.snapshot.attempts.values())
    assert fold(rig.seen).tasks == rig.snapshot.tasks


def test_a_cancel_ends_what_is_armed_without_an_attempt() -> None:
    rig = Rig(a_plan(*many(80), parallel_limit=LIMIT), acts(80))
    rig.run((0.0071, lambda rig: rig.ask(RequestKind.CANCEL)))
    assert rig.ending is not None
    assert rig.ending.state is ExecutionState.CANCELLED
    assert armed(rig.seen)
    started = set(rig.started())
    for task in rig.snapshot.tasks.values():
        if task.task_id not in started:
            assert task.state in {TaskState.CANCELLED, TaskState.SKIPPED}
            assert task.task_id not in rig.snapshot.attempts


@settings(max_examples=40)
@given(st.floats(0.002, 0.03))
def test_a_lost_runner_loses_every_armed_attempt_and_all_are_repeated(until: float) -> None:
    rig = Rig(a_plan(*many(60), parallel_limit=LIMIT), acts(60))
    open_before: list[str] = []

    def note(rig: Rig) -> None:
        open_before.extend(
            task_id
            for task_id, tries in rig.snapshot.attempts.items()
            if tries[0].state is AttemptState.LOST
        )
        assert not any(task.is_armed for task in rig.snapshot.tasks.values())

    ending = rig.run_twice(until, 1.0, first=note)
    assert ending.state is ExecutionState.SUCCESS
    assert len(open_before) <= LIMIT * (ARMED_FOR_EACH_SLOT + 1)
    for task_id, tries in rig.snapshot.attempts.items():
        wanted = [AttemptState.LOST] * (task_id in open_before) + [AttemptState.SUCCESS]
        assert [one.state for one in tries] == wanted
        assert all(one.inputs == {"command": "act", "args": [task_id]} for one in tries)
    assert fold(rig.seen).tasks == rig.snapshot.tasks
