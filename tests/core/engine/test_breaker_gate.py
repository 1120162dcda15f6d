"""An engine on a machine that is short of something: nothing starts, and it goes on afterwards."""

import asyncio
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.breaker_policy import BreakerPolicy
from core.domain.breaker_state import BreakerState
from core.domain.events import AttemptStarted, BreakerChanged
from core.domain.fold import fold
from core.domain.mission import Handlers
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.ports.control import RequestKind
from core.ports.journal import Batch, Receipt
from core.ports.pressure import Readings
from tests.support import rig as rigs
from tests.support.fake_executor import Act
from tests.support.memory_journal import MemoryJournal
from tests.support.rig import Rig, a_command
from tests.support.scripted_pressure import FULL, HEALTHY, ScriptedPressure
from tests.support.simulation import a_plan
from tests.support.virtual_loop import VirtualLoop

START = 1_700_000_000_000_000_000
FULL_TEXT = "free disk 12 MB of 64 MB needed on /data"


def a_rig(*steps: Any, script: dict[float, Readings], seconds: float = 1.0, **config: Any) -> Rig:
    acts = {step.id: Act(seconds=seconds) for step in steps}
    rig = Rig(a_plan(*steps, **config), acts)
    rig.pressure = ScriptedPressure(script)
    return rig


def starts(rig: Rig) -> dict[str, float]:
    """Return when each step's attempt was started, in seconds."""
    return {
        event.task_id: (event.at - START) / 1e9
        for event in rig.seen
        if isinstance(event, AttemptStarted)
    }


def breaker_changes(rig: Rig) -> list[tuple[BreakerState, str]]:
    return [(e.state, e.message) for e in rig.seen if isinstance(e, BreakerChanged)]


def test_on_a_healthy_machine_nothing_is_recorded() -> None:
    rig = a_rig(a_command("a"), script={})

    assert rig.run().state is ExecutionState.SUCCESS
    assert breaker_changes(rig) == []
    assert rig.snapshot.current.breaker is BreakerState.CLOSED


def test_while_it_is_short_steps_wait_and_then_one_goes_first() -> None:
    steps = [a_command(name) for name in "abc"]
    rig = a_rig(*steps, script={0: FULL, 20: HEALTHY}, seconds=3.0)
    seen: list[Any] = []

    def look(rig: Rig) -> None:
        task = rig.snapshot.tasks["a"]
        seen.append((task.state, task.reason_code, task.message))
        seen.append((rig.snapshot.current.breaker, rig.snapshot.current.breaker_message))

    assert rig.run((10.0, look)).state is ExecutionState.SUCCESS

    assert seen == [
        (TaskState.WAITING, Reason.RESOURCE_EXHAUSTED, FULL_TEXT),
        (BreakerState.OPEN, FULL_TEXT),
    ]
    found = starts(rig)
    # The last short look was after 19 s, 5 s of probation follow; the probe takes 3 s.
    assert found["a"] == pytest.approx(24.0, abs=0.1)
    assert found["b"] == pytest.approx(28.0, abs=1.1)
    assert found["c"] == pytest.approx(found["b"], abs=0.1)
    assert found["b"] - found["a"] >= 3.0
    assert breaker_changes(rig) == [
        (BreakerState.OPEN, FULL_TEXT),
        (BreakerState.HALF_OPEN, f"the shortage is over (it was: {FULL_TEXT})"),
        (BreakerState.CLOSED, "attempts start again"),
    ]
    assert rig.snapshot.current.breaker is BreakerState.CLOSED
    assert rig.snapshot.current.breaker_message is None


def test_handlers_do_not_wait() -> None:
    mission = replace(
        a_plan(a_command("a")), handlers=Handlers(on_success=(a_command("tell"), a_command("tidy")))
    )
    acts = {name: Act(seconds=2.0) for name in ("a", "tell", "tidy")}
    rig = Rig(mission, acts)
    rig.pressure = ScriptedPressure({1: FULL})

    assert rig.run().state is ExecutionState.SUCCESS
    assert breaker_changes(rig)[0] == (BreakerState.OPEN, FULL_TEXT)
    found = starts(rig)
    assert (found["tell"], found["tidy"]) == pytest.approx((2.0, 4.0), abs=0.2)


def test_what_runs_already_is_left_alone() -> None:
    rig = a_rig(a_command("a"), a_command("b", "a"), script={1: FULL, 9: HEALTHY}, seconds=4.0)

    assert rig.run().state is ExecutionState.SUCCESS
    assert starts(rig)["a"] == pytest.approx(0.0, abs=0.1)
    assert starts(rig)["b"] == pytest.approx(13.0, abs=1.1)
    assert len(rig.snapshot.attempts["a"]) == 1


def test_a_shortage_that_comes_back_during_the_probe_lets_nothing_else_start() -> None:
    steps = [a_command(name) for name in "abc"]
    script: dict[float, Readings] = {0: FULL, 10: HEALTHY, 16: FULL, 30: HEALTHY}
    rig = a_rig(*steps, script=script, seconds=1.5)

    assert rig.run().state is ExecutionState.SUCCESS

    found = sorted(starts(rig).values())
    assert found[0] == pytest.approx(14.0, abs=1.1)
    assert found[1] >= 33.0
    states = [state for state, _ in breaker_changes(rig)]
    assert states == [
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.CLOSED,
    ]


def test_a_step_that_waits_too_long_fails_without_an_attempt() -> None:
    rig = a_rig(a_command("a"), script={0: FULL})
    rig.breaker_policy = BreakerPolicy(max_wait_seconds=90)

    assert rig.run().state is ExecutionState.FAILED
    task = rig.snapshot.tasks["a"]
    assert (task.state, task.reason_code) == (TaskState.FAILED, Reason.RESOURCE_EXHAUSTED)
    assert task.message == f"waited 1m30s: {FULL_TEXT}"
    assert rig.started() == []
    assert rig.snapshot.current.breaker is BreakerState.CLOSED


def test_only_as_many_steps_wait_as_could_have_started() -> None:
    steps = [a_command(f"s{n}") for n in range(50)]
    rig = a_rig(*steps, script={0: FULL, 5: HEALTHY}, seconds=0.1, parallel_limit=4)
    waiting: list[int] = []

    def count(rig: Rig) -> None:
        states = [task.state for task in rig.snapshot.tasks.values()]
        waiting.append(states.count(TaskState.WAITING))

    assert rig.run((3.0, count)).state is ExecutionState.SUCCESS
    assert waiting == [4]
    assert len(rig.started()) == 50


def test_a_cancel_ends_what_waits_at_once() -> None:
    rig = a_rig(a_command("a"), a_command("b", "a"), script={0: FULL})

    ending = rig.run((5.0, lambda rig: rig.ask(RequestKind.CANCEL)))

    assert ending.state is ExecutionState.CANCELLED
    assert rig.started() == []
    assert (rig.snapshot.current.ended_at or 0) - START < 6e9


def test_while_it_is_paused_no_step_fails_for_waiting() -> None:
    rig = a_rig(a_command("a"), script={0: FULL, 200: HEALTHY})
    rig.breaker_policy = BreakerPolicy(max_wait_seconds=60)

    ending = rig.run(
        (10.0, lambda rig: rig.ask(RequestKind.PAUSE)),
        (220.0, lambda rig: rig.ask(RequestKind.RESUME)),
    )

    assert ending.state is ExecutionState.SUCCESS


def test_the_next_runner_goes_on_where_the_last_one_was() -> None:
    rig = a_rig(a_command("a"), a_command("b"), script={0: FULL, 700: HEALTHY})

    ending = rig.run_twice(300.0, 350.0)

    assert ending.state is ExecutionState.SUCCESS
    assert sorted(rig.started()) == ["a", "b"]
    assert fold(rig.seen).tasks == rig.snapshot.tasks
    assert fold(rig.seen).execution == rig.snapshot.execution


def test_the_next_runner_of_a_machine_that_has_recovered_starts_soon() -> None:
    rig = a_rig(a_command("a"), a_command("b"), script={0: FULL, 200: HEALTHY})

    ending = rig.run_twice(100.0, 1000.0)

    assert ending.state is ExecutionState.SUCCESS
    assert min(starts(rig).values()) < 1105.0


def test_a_commit_that_takes_too_long_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowJournal(MemoryJournal):
        is_slow = True

        def submit(self, batch: Batch) -> "asyncio.Future[Receipt]":
            if self.is_slow and any(isinstance(event, AttemptStarted) for event in batch.events):
                self.is_slow = False
                return asyncio.ensure_future(self._late(batch))
            return super().submit(batch)

        async def _late(self, batch: Batch) -> Receipt:
            await asyncio.sleep(12)
            return await super().submit(batch)

    monkeypatch.setattr(rigs, "MemoryJournal", SlowJournal)
    rig = a_rig(a_command("a"), a_command("b", "a"), script={}, seconds=0.5)

    assert rig.run().state is ExecutionState.SUCCESS
    changes = breaker_changes(rig)
    assert changes[0][0] is BreakerState.OPEN
    assert changes[0][1].startswith("database busy for 11.0 s")
    assert starts(rig)["b"] >= 17.0


def test_only_the_present_wait_of_a_step_counts() -> None:
    seconds = {"x": 300.0, "a": 2.0, "b": 26.0, "c": 1.0}
    steps = [a_command("x"), a_command("a"), a_command("b", "a"), a_command("c", "a")]
    rig = Rig(
        a_plan(*steps, parallel_limit=2),
        {name: Act(seconds=duration) for name, duration in seconds.items()},
    )
    # `c` waits from 2 s on, is ready without a slot from 60 s on, and waits again from 80 s on
    rig.pressure = ScriptedPressure({1: FULL, 50: HEALTHY, 70: FULL, 120: HEALTHY})
    rig.breaker_policy = BreakerPolicy(max_wait_seconds=100)

    assert rig.run().state is ExecutionState.SUCCESS
    assert starts(rig)["c"] == pytest.approx(124.0, abs=1.1)


def test_no_step_fails_for_a_shortage_that_is_over() -> None:
    rig = a_rig(a_command("a"), a_command("b"), script={0: FULL, 20: HEALTHY}, seconds=60.0)
    rig.breaker_policy = BreakerPolicy(max_wait_seconds=27, probe_seconds=10)

    assert rig.run().state is ExecutionState.SUCCESS
    assert starts(rig)["b"] > 27.0


def stand_still(rig: Rig, *, is_asleep: bool) -> None:
    """Let an hour pass in which the event loop does nothing."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    assert isinstance(rig.pressure, ScriptedPressure)
    loop.jump(3600)
    rig.pressure.asleep += 3600 * is_asleep


def test_an_event_loop_that_is_late_opens_it() -> None:
    rig = a_rig(a_command("a"), a_command("b", "a"), script={}, seconds=10.0)

    assert rig.run((2.5, partial(stand_still, is_asleep=False))).state is ExecutionState.SUCCESS
    assert breaker_changes(rig)[0][1].startswith("event loop late by 3599.")


def test_a_machine_that_was_suspended_is_not_slow() -> None:
    rig = a_rig(a_command("a"), a_command("b", "a"), script={}, seconds=10.0)

    assert rig.run((2.5, partial(stand_still, is_asleep=True))).state is ExecutionState.SUCCESS
    assert breaker_changes(rig) == []
