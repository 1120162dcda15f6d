"""Preconditions of a mission: checked once before its first step; if one fails no step is run."""

from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.events import Noted, TaskStateChanged
from core.domain.fold import fold
from core.domain.mission import Handlers, Mission, Precondition
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission
from core.planning.ending import Ending
from core.planning.recovery import lost, resumed
from core.ports.control import RequestKind
from core.security.attempt_gate import ALLOWED, GateAnswer
from core.security.attempt_request import AttemptRequest
from core.step_type.step_type import StepOutcome
from tests.support.fake_executor import Act, FakeExecutor
from tests.support.memory_journal import MemoryJournal
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan
from tests.support.virtual_loop import run_virtually

THERE = Precondition(script="test -f it")
TIDY = Handlers(always=(a_command("tidy"),), on_failure=(a_command("tell"),))


def guarded(*conditions: Precondition) -> Mission:
    mission = a_plan(a_command("a"), a_command("b", "a"))
    return replace(mission, preconditions=conditions, handlers=TIDY)


def rigged(script: Act, *conditions: Precondition) -> Rig:
    """Return a rig in which the scripts of preconditions end as told, and steps succeed."""
    rig = Rig(guarded(*(conditions or (THERE,))))
    rig.executor = FakeExecutor(lambda job: script if job.argv[0] == "bash" else Act(seconds=10))
    return rig


def noted(rig: Rig) -> list[Any]:
    return [
        event.facts
        for event in rig.seen
        if isinstance(event, Noted) and event.kind == "preconditions.checked"
    ]


def test_they_are_checked_before_the_first_step_and_let_the_mission_run() -> None:
    rig = rigged(Act(out=b"here it is\n", seconds=5), THERE, Precondition(expression="1 < 2"))
    assert rig.run().state is ExecutionState.SUCCESS
    assert rig.started() == ["preconditions", "a", "b", "tidy"]
    assert noted(rig) == [{"holds": True, "last_lines": ["here it is"]}]
    first = rig.snapshot.attempts["a"][0].started_at
    assert (first - rig.snapshot.current.created_at) / 1e9 >= 5


def test_one_that_does_not_hold_ends_the_mission_as_a_success_that_ran_nothing() -> None:
    rig = rigged(Act(exit_code=1, err=b"no file\n"))
    ending = rig.run()
    assert (ending.state, ending.reason) == (ExecutionState.SUCCESS, Reason.PRECONDITION_UNMET)
    assert ending.message == "`test -f it`: exit code 1: no file"
    assert rig.started() == ["preconditions"]
    for step in ("a", "b", "tidy", "tell"):
        assert (rig.state(step), rig.reason(step)) == (
            TaskState.SKIPPED,
            Reason.PRECONDITION_UNMET,
        )
    assert noted(rig)[0]["last_lines"] == ["no file"]
    assert rig.result().overall_status.value == "Success"


def test_one_that_cannot_be_checked_fails_the_mission_and_its_handlers_are_run() -> None:
    rig = rigged(Act(), Precondition(expression="'yes'"))
    ending = rig.run()
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, Reason.PRECONDITION_ERROR)
    assert rig.started() == ["tidy", "tell"] or rig.started() == ["tell", "tidy"]


class Gate:
    """Refuses scripts."""

    def answer(self, request: AttemptRequest) -> GateAnswer:
        if request.intent.script is None:
            return ALLOWED
        refusal = StepOutcome.failure(Reason.SECURITY_VIOLATION, "no scripts", "safety.test")
        return GateAnswer(refusal=refusal)


def test_safety_and_policies_are_asked_about_their_scripts() -> None:
    rig = rigged(Act())
    rig.gate = Gate()
    assert rig.run().reason is Reason.SECURITY_VIOLATION
    assert rig.started() == []
    assert any(isinstance(e, Noted) and e.kind == "security.violation" for e in rig.seen)


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_a_cancel_ends_their_check(seconds: float) -> None:
    rig = rigged(Act(seconds=1000))
    ending = rig.run((seconds, lambda r: r.ask(RequestKind.CANCEL)))
    assert (ending.state, ending.reason) == (ExecutionState.CANCELLED, Reason.USER_CANCELLED)
    assert rig.state("a") is TaskState.SKIPPED
    assert noted(rig) == []


def test_a_pause_holds_back_the_steps_that_they_let_run() -> None:
    rig = rigged(Act(seconds=5))
    ending = rig.run(
        (1.0, lambda r: r.ask(RequestKind.PAUSE)), (100.0, lambda r: r.ask(RequestKind.RESUME))
    )
    assert ending.state is ExecutionState.SUCCESS
    assert len(noted(rig)) == 1
    first = rig.snapshot.attempts["a"][0].started_at
    assert (first - rig.snapshot.current.created_at) / 1e9 >= 99


def test_the_deadline_of_the_mission_counts_for_them() -> None:
    rig = rigged(Act(seconds=1000))
    rig.mission = replace(rig.mission, config=replace(rig.mission.config, timeout_seconds=30))
    assert rig.run().reason is Reason.MISSION_TIMEOUT


@pytest.mark.parametrize(("until", "checks"), [(2.0, 2), (8.0, 1)])
def test_a_new_runner_checks_again_only_what_let_nothing_run(until: float, checks: int) -> None:
    rig = rigged(Act(seconds=5))
    assert rig.run_twice(until, 60).state is ExecutionState.SUCCESS
    assert rig.started().count("preconditions") == checks


def test_an_end_that_was_recorded_in_part_is_completed_whatever_holds_by_then() -> None:
    rig = rigged(Act(exit_code=1))
    rig.run()
    first = next(n for n, event in enumerate(rig.seen) if isinstance(event, TaskStateChanged))
    rig.seen = rig.seen[: first + 1]
    rig.executor = FakeExecutor(lambda _job: Act())

    async def resume() -> Ending:
        rig.snapshot = fold(rig.seen)
        rig._take(lost(rig.snapshot, rig.clock, who="a test"))
        rig._take(resumed(rig.snapshot, rig.clock, actor="tester@rig"))
        return await rig.build(MemoryJournal(world=rig._adopted())).run()

    assert run_virtually(resume).reason is Reason.PRECONDITION_UNMET
    assert rig.started() == []
    assert rig.reason("b") is Reason.PRECONDITION_UNMET


def test_what_is_wrong_is_refused_where_it_stands() -> None:
    head = 'version: "1.0"\nname: x\nparams: {mode: {}}\nsteps: [{id: a, run: "true"}]\n'
    for text, code, line in (
        ("preconditions:\n  - {run: 'test {{ params.mode }}'}\n", Code.SCRIPT_TEMPLATE, 6),
        ("preconditions:\n  - params.mod == 'x'\n", Code.UNKNOWN_NAME, 6),
        ("preconditions:\n  - steps.a.state == 'SUCCESS'\n", Code.NOT_UPSTREAM, 6),
        ("preconditions: [{condition: x}]\n", Code.UNKNOWN_KEY, 5),
        ("preconditions: params.mode\n", Code.NOT_BOOLEAN, 5),
        ("precondition: params.mode\n", Code.UNKNOWN_KEY, 5),
    ):
        found = load_mission(head + text).diagnostics[0]
        assert (found.code, found.line) == (code, line), found
    loaded = load_mission(head + "preconditions: {run: test -f x, shell: sh}\n")
    assert loaded.mission is not None
    assert loaded.mission.preconditions == (Precondition(script="test -f x", shell="sh"),)
