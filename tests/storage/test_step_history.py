"""The earlier task runs of one step, whatever the number of executions."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

import storage.read.step_history as step_history
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from storage.read.reader import open_reader
from storage.write.store import Store, open_store
from tests.support.story import SteppingClock, Story, StorySigner

CLOCK = SteppingClock()


async def a_run(store: Store, number: int, *steps: str, ends: str = "ok", **fields: Any) -> Story:
    """Write a run whose first step succeeds, fails, or is reused."""
    content = fields.pop("content", b"name: story\n")
    story = Story(*steps, clock=CLOCK, number=number, **fields)
    digest = hashlib.sha256(content).hexdigest()
    story.mission = type(story.mission)(digest=digest, name="story", content=content, format="yaml")
    story.create().move(ExecutionState.RUNNING)
    step = "load"
    if ends == "reused":
        story.task(step, TaskState.SUCCESS, Reason.REUSED, reused_from="x", outputs={})
    else:
        state = AttemptState.SUCCESS if ends == "ok" else AttemptState.FAILED
        story.begin(step).end(step, state, duration_us=number * 1_000_000)
    await store.journal.submit(story.batch())
    return story


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    store = await open_store(tmp_path / "missions.db", StorySigner(), clock=CLOCK)
    yield store
    await store.close()


async def test_the_successes_of_a_step_before_a_run_come_newest_first(store: Store) -> None:
    first = await a_run(store, 1, "load", "z")
    moved = await a_run(store, 2, "a", "load", content=b"another: file\n")
    await a_run(store, 3, "load", "z", ends="failed")
    await a_run(store, 4, "load", "z", ends="reused")
    await a_run(store, 5, "load", "z", mission_name="other")
    without = Story("z", clock=CLOCK, number=6)
    without.mission = type(without.mission)(digest="0" * 64, name="x", content=b"", format="yaml")
    await store.journal.submit(without.create().batch())
    now = await a_run(store, 7, "load", "z", ends="failed")
    await a_run(store, 8, "load", "z")
    reader = open_reader(store.path)
    ok = (TaskState.SUCCESS,)
    found = reader.earlier_task_runs(now.execution_id, "load", states=ok, limit=5)
    assert [one.execution_id for one in found] == [moved.execution_id, first.execution_id]
    assert [one.worked_us for one in found] == [2_000_000, 1_000_000]
    assert len(reader.earlier_task_runs(now.execution_id, "load", states=ok, limit=1)) == 1
    every = reader.earlier_task_runs(now.execution_id, "load", limit=5)
    assert [one.state.value for one in every] == ["FAILED", "SUCCESS", "SUCCESS"]
    assert reader.earlier_task_runs(now.execution_id, "z", states=ok, limit=5) == []
    reader.close()


async def test_an_item_is_the_same_when_its_value_is(store: Store) -> None:
    async def fan_out(number: int, *items: Any) -> Story:
        story = Story("t", clock=CLOCK, number=number).create().move(ExecutionState.RUNNING)
        story.task("t", TaskState.READY, Reason.DEPS_MET).expand("t", items)
        for index in range(len(items)):
            story.begin(f"t[{index}]").end(f"t[{index}]")
        await store.journal.submit(story.batch())
        return story

    first = await fan_out(1, {"os": "mac"}, {"os": "linux"})
    now = await fan_out(2, {"os": "linux"}, {"os": "bsd"})
    reader = open_reader(store.path)
    (found,) = reader.earlier_task_runs(now.execution_id, "t[0]", limit=5)
    assert (found.execution_id, found.task_id) == (first.execution_id, "t[1]")
    assert reader.earlier_task_runs(now.execution_id, "t[1]", limit=5) == []
    reader.close()


async def test_what_another_item_of_a_fan_out_made_is_not_the_same_step(store: Store) -> None:
    mine = await a_run(store, 1, "load", parent_execution_id="p", parent_task_id="each[0]")
    await a_run(store, 2, "load", parent_execution_id="p", parent_task_id="each[1]")
    now = await a_run(store, 3, "load", parent_execution_id="q", parent_task_id="each[0]")
    reader = open_reader(store.path)
    found = reader.earlier_task_runs(now.execution_id, "load", limit=5)
    assert [one.execution_id for one in found] == [mine.execution_id]
    reader.close()


async def test_a_bounded_number_of_executions_is_looked_into(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_history, "MAX_EXECUTIONS", 3)
    monkeypatch.setattr(step_history, "ROWS_AT_ONCE", 2)
    await a_run(store, 1, "load")
    for number in (2, 3, 4):
        await a_run(store, number, "load", ends="failed")
    now = await a_run(store, 5, "load")
    reader = open_reader(store.path)
    found = reader.earlier_task_runs(now.execution_id, "load", states=(TaskState.SUCCESS,), limit=5)
    assert found == []
    assert len(reader.earlier_task_runs(now.execution_id, "load", limit=2)) == 2
    reader.close()
