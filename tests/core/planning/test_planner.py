"""The planner: order, limits, failure, rules, fan-out, handlers, and rebuilding it any time."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.events import AttemptEnded, Event, TaskStateChanged
from core.domain.fold import fold
from core.domain.mission import Handlers, Mission, TriggerRule
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.planning.planner import Planner
from core.planning.transition import Refusal
from tests.support.simulation import EXECUTION, Simulation, a_plan, a_step, all_settled


@st.composite
def missions(draw: st.DrawFn, *, rules: bool = False) -> Mission:
    count = draw(st.integers(1, 12))
    steps = []
    for index in range(count):
        needs = draw(st.sets(st.integers(0, index - 1), max_size=4)) if index else set()
        rule = draw(st.sampled_from(TriggerRule)) if rules else TriggerRule.ALL_SUCCESS
        steps.append(
            a_step(
                f"s{index}",
                *[f"s{need}" for need in sorted(needs)],
                trigger_rule=rule,
                continue_on_error=draw(st.booleans()) if rules else False,
            )
        )
    return a_plan(*steps, parallel_limit=draw(st.integers(1, 4)), fail_fast=draw(st.booleans()))


failing = st.sets(st.integers(0, 11).map(lambda n: f"s{n}"))


@given(missions(rules=True), failing, st.integers(0, 2**16))
def test_every_random_dag_finishes_with_every_step_settled(
    mission: Mission, fails: set[str], seed: int
) -> None:
    simulation = Simulation(mission, fails=fails.__contains__, seed=seed)
    ending = simulation.run()
    assert all_settled(simulation)
    assert simulation.most_at_once <= mission.config.parallel_limit
    assert len(simulation.started) == len(set(simulation.started))
    untolerated = [
        step.id
        for step in mission.steps
        if simulation.state(step.id) is TaskState.FAILED and not step.continue_on_error
    ]
    assert ending.state is (ExecutionState.FAILED if untolerated else ExecutionState.SUCCESS)


@given(missions(rules=True), failing, st.integers(0, 2**16))
def test_folding_the_events_again_gives_the_same_records(
    mission: Mission, fails: set[str], seed: int
) -> None:
    simulation = Simulation(mission, fails=fails.__contains__, seed=seed)
    simulation.run()
    again = fold(simulation.events)
    assert again.tasks == simulation.snapshot.tasks
    assert again.attempts == simulation.snapshot.attempts
    assert again.counts == simulation.snapshot.counts


@given(missions(rules=True), failing, st.integers(0, 2**16))
def test_a_planner_rebuilt_at_any_turn_decides_the_same(
    mission: Mission, fails: set[str], seed: int
) -> None:
    plain = Simulation(mission, fails=fails.__contains__, seed=seed)
    ending = plain.run()

    def rebuild(simulation: Simulation) -> None:
        if simulation.planner.stopped is None:
            simulation.planner = simulation.rebuilt()

    restarted = Simulation(mission, fails=fails.__contains__, seed=seed)
    assert restarted.run(on_turn=rebuild).state is ending.state
    assert {t.task_id: t.state for t in restarted.snapshot.tasks.values()} == {
        t.task_id: t.state for t in plain.snapshot.tasks.values()
    }


@given(missions(), st.integers(0, 2**16), st.integers(0, 30))
def test_a_cancel_at_any_turn_settles_everything(mission: Mission, seed: int, turn: int) -> None:
    simulation = Simulation(mission, seed=seed)
    left = [turn]

    def cancel(sim: Simulation) -> None:
        left[0] -= 1
        if left[0] == 0:
            sim.planner.stop(Reason.USER_CANCELLED, "cancelled by a test")
            sim.advance()

    ending = simulation.run(on_turn=cancel)
    assert all_settled(simulation)
    stopped = [
        t for t in simulation.snapshot.tasks.values() if t.reason_code is Reason.USER_CANCELLED
    ]
    assert (ending.state is ExecutionState.CANCELLED) is bool(stopped)
    for task in stopped:
        assert task.state is (TaskState.CANCELLED if task.attempt else TaskState.SKIPPED)


def test_ready_steps_start_in_file_order() -> None:
    mission = a_plan(*[a_step(name) for name in "dbca"], parallel_limit=1)
    simulation = Simulation(mission)
    simulation.run()
    assert simulation.started == ["d", "b", "c", "a"]


def test_fail_fast_cancels_what_runs_and_skips_the_rest() -> None:
    mission = a_plan(a_step("bad"), a_step("long"), a_step("later", "long"), parallel_limit=2)
    simulation = Simulation(mission, fails={"bad"}.__contains__)
    simulation.advance()
    simulation.end("bad")
    ending = simulation.run()
    assert (simulation.state("long"), simulation.reason("long")) == (
        TaskState.CANCELLED,
        Reason.FAIL_FAST,
    )
    assert (simulation.state("later"), simulation.reason("later")) == (
        TaskState.SKIPPED,
        Reason.FAIL_FAST,
    )
    assert ending.reason is Reason.STEP_FAILED
    assert "`bad`" in (ending.message or "")


def test_without_fail_fast_only_descendants_are_skipped() -> None:
    mission = a_plan(
        a_step("bad"),
        a_step("child", "bad"),
        a_step("grandchild", "child"),
        a_step("other"),
        fail_fast=False,
    )
    simulation = Simulation(mission, fails={"bad"}.__contains__)
    ending = simulation.run()
    assert simulation.reason("child") is Reason.UPSTREAM_FAILED
    assert simulation.reason("grandchild") is Reason.UPSTREAM_FAILED
    assert simulation.state("other") is TaskState.SUCCESS
    assert ending.state is ExecutionState.FAILED


def test_a_tolerated_failure_satisfies_its_dependents() -> None:
    mission = a_plan(a_step("shaky", continue_on_error=True), a_step("next", "shaky"))
    simulation = Simulation(mission, fails={"shaky"}.__contains__)
    assert simulation.run().state is ExecutionState.SUCCESS
    assert simulation.state("next") is TaskState.SUCCESS


def test_a_false_condition_skips_the_step_and_what_needs_it() -> None:
    def refuse(step: object) -> Refusal | None:
        return Refusal(TaskState.SKIPPED, Reason.CONDITION_FALSE, "when: false")

    mission = a_plan(a_step("maybe", when="false"), a_step("after", "maybe"))
    simulation = Simulation(mission, refuses=refuse)
    assert simulation.run().state is ExecutionState.SUCCESS
    assert simulation.reason("maybe") is Reason.CONDITION_FALSE
    assert simulation.reason("after") is Reason.UPSTREAM_SKIPPED


def test_a_fan_out_respects_its_own_limit_and_gathers_outputs() -> None:
    mission = a_plan(
        a_step("each", foreach=[1], max_parallel=2), a_step("join", "each"), parallel_limit=8
    )
    simulation = Simulation(mission, items={"each": 7})
    simulation.run()
    assert simulation.most_at_once == 2
    task = simulation.snapshot.tasks["each"]
    assert task.state is TaskState.SUCCESS
    assert task.outputs is not None
    assert task.outputs["count"] == 7
    assert simulation.started == [f"each[{n}]" for n in range(7)] + ["join"]


def test_a_fan_out_of_nothing_succeeds() -> None:
    simulation = Simulation(a_plan(a_step("each", foreach=[]), a_step("join", "each")))
    assert simulation.run().state is ExecutionState.SUCCESS
    assert simulation.started == ["join"]


def test_a_failed_item_fails_its_step_and_names_itself() -> None:
    mission = a_plan(a_step("each", foreach=[1]), a_step("join", "each"), fail_fast=False)
    simulation = Simulation(mission, items={"each": 3}, fails={"each[1]"}.__contains__)
    ending = simulation.run()
    assert simulation.reason("each") is Reason.ITEM_FAILED
    assert "each[1]" in (simulation.snapshot.tasks["each"].message or "")
    assert simulation.reason("join") is Reason.UPSTREAM_FAILED
    assert ending.state is ExecutionState.FAILED


@pytest.mark.parametrize(
    ("fails", "cancel", "expected"),
    [
        (set(), False, ["on_success", "always"]),
        ({"main"}, False, ["on_failure", "always"]),
        (set(), True, ["on_cancel", "always"]),
    ],
)
def test_handlers_run_one_after_the_other_by_outcome(
    fails: set[str], cancel: bool, expected: list[str]
) -> None:
    names = ("on_success", "on_failure", "on_cancel", "always")
    mission = Mission(
        version="1.0",
        name="handled",
        steps=(a_step("main"), a_step("next", "main")),
        handlers=Handlers(**{name: (a_step(name),) for name in names}),
    )
    simulation = Simulation(mission, fails=fails.__contains__)
    simulation.advance()
    if cancel:
        simulation.planner.stop(Reason.USER_CANCELLED, "cancelled by a test")
    simulation.run()
    assert [name for name in simulation.started if name in names] == expected
    for name in names:
        if name not in expected:
            assert simulation.reason(name) is Reason.HANDLER_NOT_NEEDED


@pytest.mark.parametrize("insists", ["never", "before the handlers", "within the handlers"])
def test_a_repeated_stop_does_not_reach_the_handlers_unless_somebody_insists(insists: str) -> None:
    mission = Mission(
        version="1.0",
        name="handled",
        steps=(a_step("main"),),
        handlers=Handlers(on_cancel=(a_step("tidy"),), always=(a_step("tell"),)),
    )
    simulation = Simulation(mission)
    planner: Planner = simulation.planner
    simulation.advance()
    planner.stop(Reason.USER_CANCELLED, "enough")
    if insists == "before the handlers":
        planner.stop_handlers("at once")
    simulation.end("main")
    simulation.advance()
    planner.stop(Reason.USER_CANCELLED, "again")
    if insists == "within the handlers":
        planner.stop_handlers("at once")
    assert simulation.run().state is ExecutionState.CANCELLED
    assert (simulation.state("tidy"), simulation.state("tell")) == {
        "never": (TaskState.SUCCESS, TaskState.SUCCESS),
        "before the handlers": (TaskState.SKIPPED, TaskState.SKIPPED),
        "within the handlers": (TaskState.CANCELLED, TaskState.SKIPPED),
    }[insists]


def test_a_step_that_a_person_cancels_is_tolerated_like_a_failure() -> None:
    for tolerated in (False, True):
        mission = a_plan(
            a_step("a", continue_on_error=tolerated), a_step("b", "a"), fail_fast=False
        )
        simulation = Simulation(mission)
        simulation.advance()
        for event in a_cancelled_attempt(simulation, "a"):
            simulation.emit(event)
        simulation.planner = simulation.rebuilt()
        ending = simulation.run()
        assert ending.state is (ExecutionState.SUCCESS if tolerated else ExecutionState.FAILED)
        assert simulation.started == (["a", "b"] if tolerated else ["a"])


def a_cancelled_attempt(simulation: Simulation, task_id: str) -> Iterator[Event]:
    """Yield the end of an attempt that a person cancelled by itself."""
    yield AttemptEnded(
        at=simulation.tick(),
        execution_id=EXECUTION,
        task_id=task_id,
        attempt=1,
        to_state=AttemptState.CANCELLED,
        reason_code=Reason.USER_CANCELLED,
    )
    yield TaskStateChanged(
        at=simulation.tick(),
        execution_id=EXECUTION,
        task_id=task_id,
        from_state=TaskState.RUNNING,
        to_state=TaskState.CANCELLED,
        reason_code=Reason.USER_CANCELLED,
    )


def test_a_failed_handler_shows_in_the_ending() -> None:
    mission = Mission(
        version="1.0",
        name="handled",
        steps=(a_step("main"),),
        handlers=Handlers(always=(a_step("tidy"),)),
    )
    simulation = Simulation(mission, fails={"tidy"}.__contains__)
    ending = simulation.run()
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, Reason.HANDLER_FAILED)


def test_the_steps_decide_between_handlers_also_after_one_of_them_failed() -> None:
    mission = Mission(
        version="1.0",
        name="handled",
        steps=(a_step("main"),),
        handlers=Handlers(
            on_success=(a_step("tell"), a_step("tag")),
            on_failure=(a_step("undo"),),
            always=(a_step("tidy"),),
        ),
    )
    simulation = Simulation(mission, fails={"tell"}.__contains__)
    ending = simulation.run()
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, Reason.HANDLER_FAILED)
    assert simulation.state("tag") is simulation.state("tidy") is TaskState.SUCCESS
    assert simulation.reason("undo") is Reason.HANDLER_NOT_NEEDED


def test_a_violation_halts_even_a_tolerated_step() -> None:
    mission = a_plan(a_step("evil", continue_on_error=True), a_step("next", "evil"))
    simulation = Simulation(mission)
    simulation.advance()
    planner: Planner = simulation.planner
    planner.stop(Reason.SECURITY_VIOLATION, "`evil`: left its folder")
    ending = simulation.run()
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, Reason.SECURITY_VIOLATION)


def test_deciding_costs_the_same_for_each_step_however_many_there_are() -> None:
    """A layered graph of 20,000 steps: transitions asked for stay linear in steps and edges."""
    chance = random.Random(1)
    steps = []
    for layer in range(200):
        for place in range(100):
            needs = [f"s{layer - 1}.{n}" for n in chance.sample(range(100), 2)] if layer else []
            steps.append(a_step(f"s{layer}.{place}", *needs))
    mission = a_plan(*steps, parallel_limit=100)
    planner_calls = _count_state_reads(mission)
    assert planner_calls <= 12 * (len(steps) + 2 * len(steps))


def _count_state_reads(mission: Mission) -> int:
    """Play a mission through and return how often the planner looked a task run up."""
    from core.domain.events import AttemptStarted, ExecutionCreated, TaskStateChanged
    from core.domain.fold import Snapshot, apply
    from core.graph.dag import Graph

    class Counting(dict):  # type: ignore[type-arg]  # a counter around any mapping
        reads = 0

        def __getitem__(self, key: str) -> object:
            Counting.reads += 1
            return super().__getitem__(key)

    snapshot = Snapshot()
    created = ExecutionCreated(
        at=1,
        execution_id="x",
        workflow_id="w",
        mission_name="n",
        mission_digest="",
        step_ids=tuple(step.id for step in mission.steps),
    )
    apply(snapshot, created)
    snapshot.tasks = Counting(snapshot.tasks)
    planner = Planner(mission, Graph.of(mission), snapshot, condition=lambda _: None)
    Counting.reads = 0
    at = 1
    while planner.outcome() is None:
        while (change := planner.next_transition(at)) is not None:
            apply(snapshot, change)
            planner.observe(change)
        while (task_id := planner.next_start()) is not None:
            started = AttemptStarted(at=at, execution_id="x", task_id=task_id, attempt=1)
            apply(snapshot, started)
            planner.observe(started)
        for task_id in planner.running:
            done = TaskStateChanged(
                at=at,
                execution_id="x",
                task_id=task_id,
                from_state=TaskState.RUNNING,
                to_state=TaskState.SUCCESS,
                reason_code=Reason.EXIT_ZERO,
            )
            apply(snapshot, done)
            planner.observe(done)
    return Counting.reads
