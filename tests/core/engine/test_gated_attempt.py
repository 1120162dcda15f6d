"""The gate before each attempt: what it sees, and how a refusal halts the execution."""

import pytest
from msgspec.structs import replace

from core.domain.events import AttemptEnded, ExecutionStateChanged, Noted
from core.domain.mission import Handlers, MissionStep, Param, RetryPolicy
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.graph.dag import Graph
from core.planning.planner import Planner
from core.security.attempt_gate import ALLOWED, GateAnswer, Gates
from core.security.attempt_request import AttemptRequest
from core.step_type.step_type import StepOutcome
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step


class RefusingGate:
    """Refuses the steps of these ids, and keeps what it was asked about."""

    def __init__(self, *refused: str, reason: Reason = Reason.SECURITY_VIOLATION) -> None:
        self.refused = refused
        self.reason = reason
        self.asked: list[AttemptRequest] = []

    def answer(self, request: AttemptRequest) -> GateAnswer:
        self.asked.append(request)
        if request.step_id not in self.refused:
            return ALLOWED
        return GateAnswer(refusal=StepOutcome.failure(self.reason, "it must not", "test.rule"))


def gated_rig(*steps: MissionStep, refused: str, handlers: Handlers | None = None) -> Rig:
    rig = Rig(replace(a_plan(*steps), handlers=handlers or Handlers()))
    rig.gate = RefusingGate(refused)
    return rig


def test_the_gate_sees_resolved_values() -> None:
    step = a_command(
        "a",
        parameters={"command": "rm", "args": ["{{ params.target }}", 7], "stdin": {"a": 1}},
        env={"DEPTH": "{{ params.target }}/x"},
    )
    mission = replace(a_plan(step), params=(Param(name="target"),))
    rig = Rig(mission, params={"target": "./build"})
    gate = rig.gate = RefusingGate()
    rig.run()
    asked = gate.asked[0]
    assert asked.intent.argv == ("rm", "./build", "7")
    assert asked.intent.stdin == '{"a": 1}'
    assert asked.env == {"DEPTH": "./build/x"}
    assert (asked.step_id, asked.step_type, asked.attempt) == ("a", "command", 1)
    assert asked.environ()["MISSION_PARAM_TARGET"] == "./build"


@pytest.mark.parametrize("reason", [Reason.SECURITY_VIOLATION, Reason.POLICY_VIOLATION])
def test_a_refusal_halts_at_once_and_nothing_gets_past_it(reason: Reason) -> None:
    handler = a_command("clean")
    mission = a_plan(
        a_command("long"),
        a_command("late", "long"),
        a_command("soon"),
        a_command("bad", "soon", continue_on_error=True, retry=RetryPolicy(max_attempts=3)),
        a_command("next", "bad"),
        fail_fast=False,
    )
    handlers = Handlers(always=(handler,), on_failure=(a_command("tell"),))
    rig = Rig(replace(mission, handlers=handlers), {"long": Act(seconds=100)})
    rig.gate = RefusingGate("bad", reason=reason)
    ending = rig.run()
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, reason)
    assert rig.started() == ["long", "soon"]
    assert len(rig.snapshot.attempts["bad"]) == 1
    assert rig.state("long") is TaskState.CANCELLED
    assert {rig.state(one) for one in ("next", "late", "clean", "tell")} == {TaskState.SKIPPED}
    assert rig.reason("clean") is reason


def test_the_violation_is_committed_before_anything_is_stopped() -> None:
    steps = a_command("long"), a_command("soon"), a_command("bad", "soon")
    rig = Rig(a_plan(*steps), {"long": Act(seconds=100)})
    rig.gate = RefusingGate("bad")
    rig.run()
    told = [event for event in rig.seen if isinstance(event, Noted | AttemptEnded)]
    violation = next(e for e in told if isinstance(e, Noted) and "violation" in e.kind)
    assert violation.kind == "security.violation"
    assert violation.task_id == "bad"
    assert violation.facts == {"attempt": 1, "rule": "test.rule", "message": "it must not"}
    stopped = next(e for e in told if e.task == "long")
    assert told.index(violation) < told.index(stopped)


def test_an_earlier_failure_does_not_hide_a_violation() -> None:
    steps = a_command("broken"), a_command("bad")
    rig = Rig(a_plan(*steps, fail_fast=False, parallel_limit=1), {"broken": Act(exit_code=1)})
    rig.gate = RefusingGate("bad")
    ending = rig.run()
    assert rig.state("broken") is TaskState.FAILED
    assert ending.reason is Reason.SECURITY_VIOLATION


def test_a_handler_that_is_refused_ends_the_handlers() -> None:
    handlers = Handlers(on_success=(a_command("bad"),), always=(a_command("after"),))
    rig = gated_rig(a_command("a"), refused="bad", handlers=handlers)
    ending = rig.run()
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, Reason.SECURITY_VIOLATION)
    assert rig.state("after") is TaskState.SKIPPED
    assert rig.started() == ["a"]


def test_a_runner_that_is_lost_after_a_violation_goes_on_to_the_halt() -> None:
    steps = a_command("long"), a_command("soon"), a_command("bad", "soon"), a_command("x", "long")
    mission = replace(a_plan(*steps), handlers=Handlers(always=(a_command("clean"),)))
    rig = Rig(mission, {"long": Act(seconds=100, ignores_term=True)})
    rig.gate = RefusingGate("bad")
    ending = rig.run_twice(1, 10)
    assert ending.reason is Reason.SECURITY_VIOLATION
    assert {rig.state("clean"), rig.state("x")} == {TaskState.SKIPPED}
    assert rig.started() == ["long", "soon"]
    last = [event for event in rig.seen if isinstance(event, ExecutionStateChanged)][-1]
    assert last.reason_code is Reason.SECURITY_VIOLATION


def test_a_runner_that_is_lost_after_a_refused_handler_runs_no_other() -> None:
    handlers = Handlers(on_success=(a_command("bad"),), always=(a_command("after"),))
    rig = Rig(replace(a_plan(a_command("a")), handlers=handlers))
    rig.gate = RefusingGate("bad")
    rig.run()
    halted = {name: task for name, task in rig.snapshot.tasks.items() if name != "after"}
    rig.snapshot.tasks["after"] = replace(rig.snapshot.tasks["after"], state=TaskState.PENDING)
    assert halted["bad"].state is TaskState.FAILED
    planner = Planner(rig.mission, Graph.of(rig.mission), rig.snapshot, condition=lambda _: None)
    change = planner.next_transition(1)
    assert change is not None
    assert (change.task_id, change.to_state) == ("after", TaskState.SKIPPED)


def test_the_gates_are_asked_in_order_and_learn_what_safety_let_go() -> None:
    class Lenient:
        def answer(self, request: AttemptRequest) -> GateAnswer:
            return GateAnswer(safety=("safety.shutdown",), warnings=({"message": "y"},))

    second = RefusingGate("a")
    rig = Rig(a_plan(a_step("a")))
    rig.gate = Gates((Lenient(), second))
    rig.run()
    assert second.asked[0].safety == ("safety.shutdown",)
    assert any(isinstance(e, Noted) and e.kind == "policy.warning" for e in rig.seen)
