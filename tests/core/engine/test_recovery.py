"""Losing a runner at any turn: nothing is forgotten, nothing that succeeded runs again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.events import CancelRequested
from core.domain.fold import apply
from core.domain.mission import Handlers, Mission
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.planning.recovery import lost, may_have_acted, needs_consent, resumed
from tests.core.planning.test_planner import missions
from tests.support.simulation import EXECUTION, Simulation, a_plan, a_step, all_settled


class Ticks:
    """The simulation's clock as a port."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def now(self) -> int:
        return self._simulation.tick()


def crash(simulation: Simulation) -> None:
    """Lose the runner and let a new one take over."""
    for event in lost(simulation.snapshot, Ticks(simulation), who="pid 1"):
        apply(simulation.snapshot, event)
    current = simulation.snapshot.current
    assert (current.state, current.reason_code) == (ExecutionState.PAUSED, Reason.RUNNER_LOST)
    for event in resumed(simulation.snapshot, Ticks(simulation), actor="tester"):
        apply(simulation.snapshot, event)
    assert simulation.snapshot.current.state is ExecutionState.RUNNING
    simulation.planner = simulation.rebuilt()


@given(missions(), st.integers(0, 2**16), st.sets(st.integers(1, 30), max_size=4))
def test_a_mission_that_loses_its_runner_again_and_again_still_ends(
    mission: Mission, seed: int, turns: set[int]
) -> None:
    simulation = Simulation(mission, seed=seed)
    turn = [0]
    done_before: list[set[str]] = []

    def maybe_crash(sim: Simulation) -> None:
        turn[0] += 1
        if turn[0] in turns:
            done_before.append({t for t in sim.snapshot.tasks if sim.state(t) is TaskState.SUCCESS})
            already = len(sim.started)
            crash(sim)
            sim.advance()
            assert not done_before[-1] & set(sim.started[already:])

    assert simulation.run(on_turn=maybe_crash).state is ExecutionState.SUCCESS
    assert all_settled(simulation)


def test_running_attempts_are_lost_and_their_steps_wait() -> None:
    simulation = Simulation(a_plan(a_step("a"), a_step("b", "a")))
    simulation.advance()
    for event in lost(simulation.snapshot, Ticks(simulation), who="pid 7 on here"):
        apply(simulation.snapshot, event)
    (attempt,) = simulation.snapshot.attempts["a"]
    assert (attempt.state, attempt.reason_code) == (AttemptState.LOST, Reason.RUNNER_LOST)
    assert simulation.state("a") is TaskState.WAITING
    assert simulation.state("b") is TaskState.PENDING
    assert "pid 7" in (simulation.snapshot.current.message or "")


def test_a_lost_attempt_of_a_step_that_is_not_idempotent_needs_consent() -> None:
    mission = a_plan(a_step("pay", idempotent=False), a_step("read"), parallel_limit=2)
    simulation = Simulation(mission)
    simulation.advance()
    assert needs_consent(mission, simulation.snapshot) == []
    for event in lost(simulation.snapshot, Ticks(simulation), who="pid 1"):
        apply(simulation.snapshot, event)
    assert needs_consent(mission, simulation.snapshot) == ["pay"]


def test_lost_attempts_may_be_failed_but_for_those_that_had_no_effect_of_their_own() -> None:
    mission = a_plan(
        a_step("acts"),
        a_step("asks", step_type="approval"),
        a_step("below", step_type="mission"),
        a_step("next", "acts"),
        fail_fast=False,
    )
    simulation = Simulation(mission)
    simulation.advance()
    assert may_have_acted(mission, simulation.snapshot) == []
    for event in lost(simulation.snapshot, Ticks(simulation), who="pid 1"):
        apply(simulation.snapshot, event)
    failed = may_have_acted(mission, simulation.snapshot)
    assert failed == ["acts"]
    for event in resumed(simulation.snapshot, Ticks(simulation), actor="me", failed=failed):
        apply(simulation.snapshot, event)
    simulation.planner = simulation.rebuilt()
    assert simulation.state("acts") is TaskState.FAILED
    assert simulation.reason("acts") is Reason.RUNNER_LOST
    assert simulation.state("asks") is simulation.state("below") is TaskState.READY
    simulation.run()
    assert simulation.state("next") is TaskState.SKIPPED
    assert simulation.started.count("acts") == 1


def test_a_paused_execution_that_loses_its_runner_stays_paused() -> None:
    simulation = Simulation(a_plan(a_step("a")))
    events = list(lost(simulation.snapshot, Ticks(simulation), who="pid 1"))
    assert events[-1].execution_id == simulation.snapshot.current.execution_id
    for event in events:
        apply(simulation.snapshot, event)
    again = list(lost(simulation.snapshot, Ticks(simulation), who="pid 2"))
    assert [event.details() for event in again] == [{"runner": "pid 2"}]


@pytest.mark.parametrize(
    ("reason", "handler"),
    [(Reason.USER_CANCELLED, "on_cancel"), (Reason.MISSION_TIMEOUT, "on_failure")],
)
def test_an_ending_outlives_the_runner_that_was_running_its_handlers(
    reason: Reason, handler: str
) -> None:
    names = ("on_success", "on_failure", "on_cancel")
    mission = Mission(
        version="1.0",
        name="handled",
        steps=(a_step("main"), a_step("next", "main")),
        handlers=Handlers(**{name: (a_step(name), a_step(f"{name}_2")) for name in names}),
    )
    simulation = Simulation(mission)
    simulation.advance()
    if reason is Reason.USER_CANCELLED:
        simulation.emit(CancelRequested(at=simulation.tick(), execution_id=EXECUTION, actor="me"))
    simulation.planner.stop(reason, "enough")
    simulation.advance()
    simulation.end("main")
    simulation.advance()
    assert simulation.planner.running == {handler}
    crash(simulation)
    ending = simulation.run()
    assert ending.reason is reason
    assert [name for name in simulation.started if name != "main"] == [
        handler,
        handler,
        f"{handler}_2",
    ]


def test_a_fan_out_that_a_stop_has_settled_is_not_expanded_later() -> None:
    mission = Mission(
        version="1.0",
        name="stopped",
        steps=(a_step("fan", foreach=["x"]),),
        handlers=Handlers(always=(a_step("sweep"),)),
    )
    simulation = Simulation(mission, items={"fan": 1})
    ready = simulation.planner.next_transition(simulation.tick())
    assert ready is not None
    simulation.emit(ready)
    simulation.emit(CancelRequested(at=simulation.tick(), execution_id=EXECUTION, actor="me"))
    crash(simulation)
    assert simulation.run().reason is Reason.USER_CANCELLED
    assert simulation.state("fan") is TaskState.SKIPPED
    assert simulation.started == ["sweep"]


def test_the_reason_of_a_cancel_outlives_the_runner_that_took_it() -> None:
    simulation = Simulation(
        Mission(version="1.0", name="stopped", steps=(a_step("a"), a_step("b", "a")))
    )
    simulation.advance()
    simulation.emit(CancelRequested(at=simulation.tick(), execution_id=EXECUTION, actor="me"))
    simulation.planner.stop(Reason.USER_CANCELLED, "cancelled by me: wrong branch")
    simulation.advance()
    assert simulation.state("b") is TaskState.SKIPPED
    crash(simulation)
    assert simulation.run().message == "cancelled by me: wrong branch"
