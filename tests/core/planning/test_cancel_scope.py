"""What a cancel is said to do is what it then does, whatever state the execution is in."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.domain.mission import Handlers, Mission
from core.domain.process_policy import StopPolicy, StopSignal
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.planning.cancel_scope import CancelScope, cancel_scope
from tests.support.simulation import Simulation, a_plan, a_step
from tui.words.cancel_text import cancel_text


@st.composite
def runs(draw: st.DrawFn) -> Simulation:
    """Return an execution somewhere between its start and its end."""
    count = draw(st.integers(1, 8))
    steps = []
    for index in range(count):
        needs = draw(st.sets(st.integers(0, index - 1), max_size=2)) if index else set()
        more = {"foreach": "items"} if draw(st.integers(0, 3)) == 0 else {}
        steps.append(a_step(f"s{index}", *[f"s{need}" for need in sorted(needs)], **more))
    handlers = Handlers(
        on_success=(a_step("well"),),
        on_failure=(a_step("badly"),),
        on_cancel=(a_step("stopped"), a_step("stopped-too")),
        always=(a_step("end"),),
    )
    mission = replace(
        a_plan(*steps, parallel_limit=draw(st.integers(1, 4)), fail_fast=False), handlers=handlers
    )
    fails = draw(st.sets(st.sampled_from([step.id for step in steps])))
    run = Simulation(
        mission,
        fails=fails.__contains__,
        items={step.id: draw(st.integers(0, 4)) for step in steps if step.foreach},
    )
    run.advance()
    for _ in range(draw(st.integers(0, 12))):
        running = sorted(
            task for task in run.planner.running if run.state(task) is TaskState.RUNNING
        )
        if not running:
            break
        chosen = draw(st.sampled_from(running))
        draw(st.sampled_from((run.end, run.end, run.hold, run.back_off)))(chosen)
        run.advance()
    return run


def play_cancel(run: Simulation) -> CancelScope:
    """Cancel, let every attempt end as cancelled, and return what that did."""
    before = {task_id: task.attempt for task_id, task in run.snapshot.tasks.items()}
    known = set(run.snapshot.tasks)
    waited = {t for t in known if run.state(t) is TaskState.WAITING}
    started = len(run.started)
    at = len(run.events)
    run.planner.stop(Reason.USER_CANCELLED, "cancelled by ada")
    if run.planner.runs_handlers:
        run.planner.stop_handlers("cancelled by ada")
    run.advance()
    stopping = run.planner.to_cancel()
    attempts = stopping[1] if stopping is not None else frozenset()
    for task_id in sorted(attempts):
        run.end(task_id)
    run.advance()
    ending = run.planner.outcome()
    while ending is None:
        (handler,) = run.planner.running
        run.end(handler)
        run.advance()
        ending = run.planner.outcome()
    assert len(run.events) >= at
    assert set(run.snapshot.tasks) == known
    cancelled = [
        task_id
        for task_id, tries in run.snapshot.attempts.items()
        if tries[-1].state is AttemptState.CANCELLED and tries[-1].attempt == before[task_id]
    ]
    by_user = {
        task_id: task.state
        for task_id, task in run.snapshot.tasks.items()
        if task.reason_code is Reason.USER_CANCELLED
        and task_id not in cancelled
        # a fan-out step takes its reason from its items
        and not any(other.parent_task_id == task_id for other in run.snapshot.tasks.values())
    }
    order = list(run.snapshot.tasks)
    return CancelScope(
        ended=tuple(t for t in order if t in cancelled and t not in waited),
        withdrawn=tuple(t for t in order if t in cancelled and t in waited),
        cancelled=tuple(t for t in order if by_user.get(t) is TaskState.CANCELLED),
        skipped=tuple(t for t in order if by_user.get(t) is TaskState.SKIPPED),
        handlers=tuple(run.started[started:]),
    )


@given(runs())
def test_a_cancel_does_what_its_scope_says(run: Simulation) -> None:
    said = cancel_scope(run.snapshot.tasks.values(), run.mission)
    if run.planner.outcome() is not None:
        assert said.is_empty
        return
    assert play_cancel(run) == said


def test_a_fan_out_and_a_gate_are_no_running_steps() -> None:
    steps = (
        a_step("fan", foreach="x"),
        a_step("gate", step_type="approval"),
        a_step("later", "fan"),
    )
    mission = replace(
        a_plan(*steps, parallel_limit=2), handlers=Handlers(on_cancel=(a_step("tidy"),))
    )
    run = Simulation(mission, items={"fan": 3})
    run.advance()
    run.end("fan[0]")
    run.advance()
    run.end("fan[1]")
    run.advance()
    run.hold("gate")
    run.advance()
    scope = cancel_scope(run.snapshot.tasks.values(), mission)
    assert scope == CancelScope(
        ended=("fan[2]",), withdrawn=("gate",), skipped=("later",), handlers=("tidy",)
    )
    assert cancel_text(scope, run.snapshot.tasks, mission) == (
        "1 running item is stopped, 1 approval is withdrawn, 1 step that has not started is"
        " skipped. Then the handler `tidy` runs."
    )


def a_scope_text(mission: Mission | None, **parts: tuple[str, ...]) -> str:
    step = a_step("a", step_type="command")
    run = Simulation(a_plan(step, a_step("b")))
    return cancel_text(CancelScope(**parts), run.snapshot.tasks, mission)  # type: ignore[arg-type]  # parts of a scope


def test_the_signal_that_is_told_is_the_one_that_is_sent() -> None:
    interrupted = StopPolicy(signal=StopSignal.INT)
    mission = a_plan(a_step("a", step_type="command", stop=interrupted))
    assert a_scope_text(mission, ended=("a",)) == "1 running step gets SIGINT. No handler runs."
    mission = a_plan(
        a_step("a", step_type="command", stop=interrupted), a_step("b", step_type="script")
    )
    assert a_scope_text(mission, ended=("a", "b")) == (
        "2 running steps are stopped. No handler runs."
    )


def test_the_scope_is_told_with_singular_and_plural() -> None:
    mission = a_plan(a_step("a", step_type="command"), a_step("b", step_type="script"))
    assert a_scope_text(mission, ended=("a",)) == "1 running step gets SIGTERM. No handler runs."
    assert a_scope_text(mission, ended=("a", "b"), cancelled=("a", "b")) == (
        "2 running steps get SIGTERM, 2 steps that wait are cancelled. No handler runs."
    )
    assert a_scope_text(mission, skipped=("a", "b"), handlers=("x", "y")) == (
        "2 steps that have not started are skipped. Then the handlers `x` and `y` run."
    )
    assert a_scope_text(mission) == "nothing is left to cancel."
    unknown = CancelScope(ended=("a",), handlers_known=False)
    run = Simulation(mission)
    assert cancel_text(unknown, run.snapshot.tasks, None) == (
        "1 running step is stopped. Its handlers for a cancel run then, if it has any."
    )


def test_once_the_handlers_run_a_cancel_ends_those() -> None:
    mission = replace(a_plan(a_step("a")), handlers=Handlers(always=(a_step("x"), a_step("y"))))
    run = Simulation(mission)
    run.advance()
    run.end("a")
    run.advance()
    assert run.state("x") is TaskState.RUNNING
    scope = cancel_scope(run.snapshot.tasks.values(), mission)
    assert scope == CancelScope(ended=("x",), skipped=("y",))
    again = cancel_scope(run.snapshot.tasks.values(), mission, is_repeated=True)
    assert again.is_empty
    run.planner.stop_handlers("cancelled by ada")
    run.advance()
    run.end("x")
    run.advance()
    assert run.state("y") is TaskState.SKIPPED
    ending = run.planner.outcome()
    assert ending is not None
    assert ending.state is ExecutionState.SUCCESS
