"""The past of an execution: at each of its events, what the fold of those until then says."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from core.audit.replay import timeline
from core.audit.replay.timeline import Moment, ReplayError, Timeline
from core.domain.events import StepExpanded
from core.domain.fold import fold
from core.domain.reasons import Reason
from core.domain.records import AuditEvent, TaskRun
from core.domain.states import TaskState
from tests.support.tui import FakeReader, FakeWorld, busy_world, mission_of, step


def fanned_out(world: FakeWorld) -> str:
    run = world.launch(mission_of("etl", step("list"), step("load", "list", foreach="{{ 3 }}")))
    world.run_step(run, "list")
    world.task(run, "load", TaskState.READY, Reason.DEPS_MET)
    world.commit(
        StepExpanded(
            at=world.clock.now(),
            execution_id=run,
            task_id="load",
            items=("eu", "us", "ap"),
            from_state=TaskState.READY,
        )
    )
    for number in range(3):
        world.run_step(run, f"load[{number}]", exit_code=number % 2)
    return run


def timeline_of(world: FakeWorld, run: str) -> tuple[Timeline, Any]:
    reader = FakeReader(world)
    found = Timeline(reader.find_execution(run), reader.task_runs(run))
    found.extend(reader.audit_events(execution_id=run, limit=10**6))

    def read(after: int, limit: int) -> Sequence[AuditEvent]:
        return reader.audit_events(after_seq=after, execution_id=run, limit=limit)

    return found, read


def plain(task: TaskRun) -> TaskRun:
    return replace(task, inputs=None, outputs=None, error=None)


def same(moment: Moment, world: FakeWorld, run: str) -> bool:
    snapshot = fold(event for _, event in world.runs[run].events[: moment.place])
    assert list(moment.tasks) == list(snapshot.tasks)
    assert [plain(one) for one in moment.tasks.values()] == [
        plain(one) for one in snapshot.tasks.values()
    ]
    assert moment.execution.counts == snapshot.counts
    assert moment.execution.state is snapshot.current.state
    assert {k: len(v) for k, v in moment.attempts.items()} == {
        k: len(v) for k, v in snapshot.attempts.items()
    }
    return True


@pytest.mark.parametrize("interval", [1, 3, 256])
@pytest.mark.parametrize("kind", ["busy", "fan-out"])
def test_every_moment_is_the_fold_of_the_events_until_then(
    kind: str, interval: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "FIRST_INTERVAL_EVENTS", interval)
    monkeypatch.setattr(timeline, "MAX_SNAPSHOTS", 8)
    world, run = busy_world()
    if kind == "fan-out":
        run = fanned_out(world)
    found, read = timeline_of(world, run)
    places = list(range(1, len(found) + 1))
    assert all(same(found.moment(place, read), world, run) for place in places)
    assert all(same(found.moment(place, read), world, run) for place in reversed(places))
    Random(1).shuffle(places)
    assert all(same(found.moment(place, read), world, run) for place in places)


def test_the_items_of_a_fan_out_have_their_values_and_appear_when_they_do() -> None:
    world = FakeWorld()
    run = fanned_out(world)
    found, read = timeline_of(world, run)
    items = [
        [t.item for t in found.moment(place, read).tasks.values() if t.parent_task_id]
        for place in range(1, len(found) + 1)
    ]
    assert [] in items
    assert items[-1] == ["eu", "us", "ap"]


def test_a_timeline_grows_with_the_run_and_finds_the_place_of_an_event() -> None:
    world = FakeWorld()
    run = world.launch(mission_of("etl", step("list")))
    found, read = timeline_of(world, run)
    before = len(found)
    world.run_step(run, "list")
    found.extend(read(found.last_seq, 1000))
    assert len(found) > before
    assert found.moment(len(found), read).tasks["list"].state is TaskState.SUCCESS
    assert found.moment(before, read).tasks["list"].state is TaskState.PENDING
    assert found.place_of(found.last_seq) == len(found)
    assert found.place_of(0) == 0


def test_events_that_do_not_follow_from_each_other_are_an_error_with_a_hint() -> None:
    world, run = busy_world()
    reader = FakeReader(world)
    found = Timeline(reader.find_execution(run), reader.task_runs(run))
    events = reader.audit_events(execution_id=run, limit=10**6)
    with pytest.raises(ReplayError, match="does not follow") as raised:
        found.extend([*events[:3], *events[9:]])
    assert raised.value.hint is not None
    broken = Timeline(reader.find_execution(run), reader.task_runs(run))
    with pytest.raises(ReplayError, match="does not follow"):
        broken.extend([replace(events[0], details={})])
