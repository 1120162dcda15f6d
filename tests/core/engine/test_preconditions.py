"""Preconditions: checked as the first part of an attempt; one that does not hold skips the step."""

from core.domain.mission import Mission, Precondition
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission
from core.security.attempt_gate import ALLOWED, GateAnswer
from core.security.attempt_request import AttemptRequest
from core.step_type.step_type import StepOutcome
from tests.support.fake_executor import Act, FakeExecutor
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step

THERE = Precondition(script="test -f it")
FINE = Act()


def guarded(*conditions: Precondition) -> Mission:
    return a_plan(a_command("a", preconditions=conditions), a_command("b", "a"))


def rigged(script: Act, step: Act = FINE) -> Rig:
    """Return a rig in which the script of the precondition and the step end as told."""
    rig = Rig(guarded(THERE, Precondition(expression="1 < 2")))
    rig.executor = FakeExecutor(lambda job: script if job.argv[0] == "bash" else step)
    return rig


def test_a_script_that_exits_with_0_lets_the_step_run_in_the_same_attempt() -> None:
    rig = rigged(FINE, Act(out=b"done\n"))
    rig.run()
    assert rig.started() == ["a", "a", "b"]
    assert [job.argv[0] for job in rig.executor.jobs] == ["bash", "act", "act"]
    assert len(rig.snapshot.attempts["a"]) == 1
    assert (rig.snapshot.tasks["a"].outputs or {})["stdout"] == "done\n"


def test_one_that_does_not_hold_skips_the_step_and_what_needs_its_success() -> None:
    rig = rigged(Act(exit_code=1))
    rig.run()
    task = rig.snapshot.tasks["a"]
    assert (task.state, task.reason_code) == (TaskState.SKIPPED, Reason.PRECONDITION_UNMET)
    assert task.message == "`test -f it`: exit code 1"
    assert rig.snapshot.attempts["a"][0].state is AttemptState.CANCELLED
    assert rig.reason("b") is Reason.UPSTREAM_SKIPPED
    assert rig.ending is not None
    assert rig.ending.state is ExecutionState.SUCCESS


def test_an_expression_skips_an_instant_step_and_the_rest_is_not_looked_at() -> None:
    false = Precondition(expression="steps.up.output.exit_code == 7")
    mission = a_plan(a_command("up"), a_step("a", "up", preconditions=(false, THERE)))
    rig = Rig(mission)
    rig.run()
    assert rig.started() == ["up"]
    assert rig.snapshot.tasks["a"].message == "`steps.up.output.exit_code == 7` is false"


def test_what_cannot_be_checked_is_a_failure() -> None:
    rig = Rig(guarded(Precondition(expression="'yes'")))
    rig.run()
    assert rig.reason("a") is Reason.INVALID_PARAMETERS


def test_an_item_that_is_skipped_does_not_fail_its_step() -> None:
    odd = Precondition(expression="item == 1")
    rig = Rig(a_plan(a_command("a", foreach=[1, 2], preconditions=(odd,)), a_command("b", "a")))
    rig.run()
    assert [rig.state(f"a[{n}]") for n in range(2)] == [TaskState.SUCCESS, TaskState.SKIPPED]
    assert rig.snapshot.tasks["a"].message == "2 items, 1 of them skipped by a precondition"
    assert rig.state("b") is TaskState.SUCCESS


def test_a_new_runner_checks_again() -> None:
    rig = rigged(FINE, Act(seconds=60))
    assert rig.run_twice(5, 60).state is ExecutionState.SUCCESS
    assert [one.state for one in rig.snapshot.attempts["a"]] == [
        AttemptState.LOST,
        AttemptState.SUCCESS,
    ]
    assert rig.started()[:4] == ["a"] * 4


class Gate:
    """Refuses scripts."""

    def answer(self, request: AttemptRequest) -> GateAnswer:
        if request.intent.script is None:
            return ALLOWED
        refusal = StepOutcome.failure(Reason.SECURITY_VIOLATION, "no scripts", "safety.test")
        return GateAnswer(refusal=refusal)


def test_safety_and_policies_are_asked_about_the_script() -> None:
    rig = Rig(guarded(THERE))
    rig.gate = Gate()
    assert rig.run().reason is Reason.SECURITY_VIOLATION
    assert rig.started() == []


HEAD = 'version: "1.0"\nname: x\nparams: {mode: {}}\nsteps:\n  - id: a\n    run: "true"\n'


def test_what_is_wrong_is_refused_where_it_stands() -> None:
    for text, code, line in (
        ("    preconditions:\n      - {run: 'test {{ params.mode }}'}\n", Code.SCRIPT_TEMPLATE, 8),
        ("    preconditions:\n      - params.mod == 'x'\n", Code.UNKNOWN_NAME, 8),
        ("    preconditions: [{condition: x}]\n", Code.UNKNOWN_KEY, 7),
        ("    preconditions: params.mode\n", Code.NOT_BOOLEAN, 7),
    ):
        found = load_mission(HEAD + text).diagnostics[0]
        assert (found.code, found.line) == (code, line), found
