"""`repeat`: attempts that succeed are repeated until a condition holds; no retry, and durable."""

import pytest

from core.domain.mission import Mission, Repeat, RetryPolicy
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission
from core.ports.control import RequestKind
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step

NOT_YET = Act(out=b"pending\n")
READY = Act(out=b"ready\n")
BAD = Act(exit_code=1)
UNTIL = Repeat(every=30, until="output.stdout|trim == 'ready'", limit=4)


def polling(repeat: Repeat = UNTIL, **fields: object) -> Mission:
    return a_plan(a_command("a", repeat=repeat, **fields), a_command("b", "a"))


def test_it_is_repeated_until_the_condition_holds() -> None:
    rig = Rig(polling(), {"a": [NOT_YET, NOT_YET, READY]})
    assert rig.run().state is ExecutionState.SUCCESS
    attempts = rig.snapshot.attempts["a"]
    assert [one.state for one in attempts] == [AttemptState.SUCCESS] * 3
    assert attempts[1].started_at - (attempts[0].ended_at or 0) >= 29.9e9
    task = rig.snapshot.tasks["a"]
    assert task.message == "`output.stdout|trim == 'ready'` is true in attempt 3"
    assert (task.outputs or {})["stdout"] == "ready\n"
    assert rig.started() == ["a", "a", "a", "b"]


def test_it_fails_after_as_many_as_may_be() -> None:
    rig = Rig(polling(), {"a": NOT_YET})
    assert rig.run().state is ExecutionState.FAILED
    assert rig.reason("a") is Reason.REPEATS_EXHAUSTED
    assert len(rig.snapshot.attempts["a"]) == 4


def test_without_a_condition_it_is_done_after_so_many() -> None:
    rig = Rig(a_plan(a_step("a", repeat=Repeat(every=0, limit=3))))
    assert rig.run().state is ExecutionState.SUCCESS
    assert len(rig.snapshot.attempts["a"]) == 3


def test_a_repetition_is_no_retry_and_each_has_the_retries_of_its_own() -> None:
    mission = polling(retry=RetryPolicy(max_attempts=2))
    rig = Rig(mission, {"a": [NOT_YET, BAD, NOT_YET, BAD, READY]})
    assert rig.run().state is ExecutionState.SUCCESS
    rig = Rig(mission, {"a": [NOT_YET, BAD, BAD]})
    assert rig.run().state is ExecutionState.FAILED
    assert rig.reason("a") is Reason.RETRIES_EXHAUSTED


@pytest.mark.parametrize("until", [15, 31])
def test_a_new_runner_goes_on_with_the_pause_and_the_count(until: float) -> None:
    slow = Act(out=b"pending\n", seconds=2)
    rig = Rig(polling(), {"a": [slow, slow, slow, slow, slow]})
    assert rig.run_twice(until, 5).reason is Reason.STEP_FAILED
    done = [one for one in rig.snapshot.attempts["a"] if one.state is AttemptState.SUCCESS]
    assert len(done) == 4


def test_a_cancel_in_the_pause_ends_it() -> None:
    rig = Rig(polling(), {"a": NOT_YET})
    ending = rig.run((10, lambda one: one.ask(RequestKind.CANCEL)))
    assert ending.state is ExecutionState.CANCELLED
    assert (rig.state("a"), len(rig.snapshot.attempts["a"])) == (TaskState.CANCELLED, 1)


def test_a_condition_that_has_no_value_fails_the_step() -> None:
    rig = Rig(polling(Repeat(until="output.stdout", limit=4)), {"a": NOT_YET})
    rig.run()
    assert rig.reason("a") is Reason.INVALID_PARAMETERS


def test_what_is_wrong_is_refused_where_it_stands() -> None:
    head = 'version: "1.0"\nname: x\nsteps:\n  - id: a\n    run: "true"\n    '
    for text, code in (
        ("repeat: {every: 5s}", Code.MISSING_KEY),
        ("repeat: {until: 'steps.no.output.x == 1'}", Code.UNKNOWN_STEP),
        ("repeat: {max: 0}", Code.OUT_OF_RANGE),
        ("when: output.exit_code == 0", Code.UNKNOWN_NAME),
    ):
        found = load_mission(f"{head}{text}\n").diagnostics[0]
        assert (found.code, found.line) == (code, 6), found
