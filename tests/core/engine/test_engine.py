"""The engine in virtual time: attempts, retries, timeouts, cancel, pause, templates, failure."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.domain.events import AttemptArmed, AttemptEnded, AttemptStarted, Noted, TaskStateChanged
from core.domain.fold import fold
from core.domain.mission import (
    Handlers,
    Mission,
    MissionConfig,
    Param,
    ParamType,
    RetryOn,
    RetryPolicy,
)
from core.domain.reasons import Reason
from core.domain.records import Attempt
from core.domain.states import AttemptState, ExecutionState, OverallStatus, StepStatus, TaskState
from core.engine.turn.running_attempts import RunningAttempts
from core.errors import UnavailableError
from core.ports.control import RequestKind
from tests.core.planning.test_planner import missions
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step

MESSAGE = "{{ steps.first.output.parsed.n + params.count }} {{ vars.region }}"
OK = Act()
BAD = Act(exit_code=3, err=b"it broke\nbadly\n")


def attempts_of(rig: Rig, task_id: str) -> tuple[Attempt, ...]:
    return rig.snapshot.attempts.get(task_id, ())


def test_a_mission_of_commands_succeeds() -> None:
    rig = Rig(a_plan(a_command("a"), a_command("b", "a")), {"a": Act(out=b"hi\n")})
    assert rig.run().state is ExecutionState.SUCCESS
    assert rig.started() == ["a", "b"]
    outputs = rig.snapshot.tasks["a"].outputs
    assert outputs is not None
    assert outputs["stdout"] == "hi\n"


def test_nothing_is_started_before_its_start_is_durable() -> None:
    """The journal of the rig counts what is committed whenever a job starts."""
    rig = Rig(a_plan(*[a_command(f"s{n}") for n in range(20)], parallel_limit=4))
    committed: list[bool] = []
    run = rig.executor.run

    async def spying(job: Any, sink: Any) -> Any:
        step = job.key.split("/")[1]
        committed.append(
            any(
                isinstance(e, AttemptStarted | AttemptArmed) and e.task_id == step
                for e in rig.journal.events
            )
        )
        return await run(job, sink)

    rig.executor.run = spying  # type: ignore[method-assign] # a spy in front of the fake
    rig.run()
    assert committed == [True] * 20


@settings(max_examples=50)
@given(missions(rules=True), st.sets(st.integers(0, 11).map(lambda n: f"s{n}")))
def test_every_random_mission_ends_and_its_events_fold_to_its_records(
    mission: Mission, fails: set[str]
) -> None:
    steps = [a_step(s.id, *s.depends_on, step_type="command", parameters={"command": "act"},
                    trigger_rule=s.trigger_rule, continue_on_error=s.continue_on_error)
             for s in mission.steps]  # fmt: skip
    rig = Rig(
        Mission(version="1.0", name="random", steps=tuple(steps), config=mission.config),
        dict.fromkeys(fails, BAD),
    )
    rig.run()
    assert rig.executor.most_at_once <= mission.config.parallel_limit
    again = fold(rig.seen)
    assert again.tasks == rig.snapshot.tasks
    assert again.attempts == rig.snapshot.attempts
    result = rig.result()
    total = result.steps_completed + result.steps_failed + result.steps_skipped
    assert total == len(mission.steps)


def test_a_failed_command_keeps_exit_code_message_and_last_lines() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": BAD})
    ending = rig.run()
    task = rig.snapshot.tasks["a"]
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, Reason.STEP_FAILED)
    assert task.error is not None
    assert task.error.exit_code == 3
    assert "badly" in task.error.stack_trace
    assert attempts_of(rig, "a")[0].log_entry_count == 2


def test_retries_are_numbered_attempts_with_growing_pauses() -> None:
    policy = RetryPolicy(max_attempts=3, initial_interval=10, backoff_coefficient=3)
    rig = Rig(a_plan(a_command("a", retry=policy)), {"a": [BAD, BAD, OK]})
    assert rig.run().state is ExecutionState.SUCCESS
    tries = attempts_of(rig, "a")
    assert [t.attempt for t in tries] == [1, 2, 3]
    assert [t.state for t in tries] == [
        AttemptState.FAILED,
        AttemptState.FAILED,
        AttemptState.SUCCESS,
    ]
    pauses = [
        round((after.started_at - (before.ended_at or 0)) / 1e9)
        for before, after in pairwise(tries)
    ]
    assert pauses == [10, 30]
    waits = [e for e in rig.seen if isinstance(e, TaskStateChanged) and e.resume_at is not None]
    assert [w.reason_code for w in waits] == [Reason.BACKOFF, Reason.BACKOFF]
    assert "attempt 2 of 3 in 10 s after exit code 3 (EXIT_NONZERO)" in (waits[0].message or "")


def test_exhausted_retries_say_so() -> None:
    rig = Rig(a_plan(a_command("a", retry=RetryPolicy(max_attempts=2))), {"a": BAD})
    rig.run()
    assert rig.reason("a") is Reason.RETRIES_EXHAUSTED
    assert "2 of 2 attempts failed" in (rig.snapshot.tasks["a"].message or "")


def test_a_failure_outside_retry_on_is_final_at_once() -> None:
    policy = RetryPolicy(max_attempts=5, retry_on=RetryOn(exit_codes=(75,)))
    rig = Rig(a_plan(a_command("a", retry=policy)), {"a": BAD})
    rig.run()
    assert len(attempts_of(rig, "a")) == 1
    assert rig.reason("a") is Reason.EXIT_NONZERO


def test_the_missions_retry_policy_is_the_default_of_its_steps() -> None:
    mission = a_plan(a_command("a"), retry=RetryPolicy(max_attempts=2))
    rig = Rig(mission, {"a": [BAD, OK]})
    assert rig.run().state is ExecutionState.SUCCESS


def test_a_step_timeout_keeps_partial_output_and_says_timeout() -> None:
    act = Act(out=b"so far\n", seconds=1000)
    rig = Rig(a_plan(a_command("a", timeout_seconds=5.0)), {"a": act})
    rig.run()
    assert rig.reason("a") is Reason.TIMEOUT
    assert "5 s" in (rig.snapshot.tasks["a"].message or "")
    assert attempts_of(rig, "a")[0].log_bytes >= len(b"so far\n")
    assert rig.executor.running == {}


def test_the_missions_timeout_stops_everything() -> None:
    mission = a_plan(a_command("a"), a_command("b", "a"), timeout_seconds=10.0)
    rig = Rig(mission, {"a": Act(seconds=1000)})
    ending = rig.run()
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, Reason.MISSION_TIMEOUT)
    assert rig.state("b") is TaskState.SKIPPED
    assert rig.reason("b") is Reason.MISSION_TIMEOUT


@pytest.mark.parametrize("seconds", [1e-9, 0.001])
@pytest.mark.parametrize("kind", ["command", "wait", "approval"])
def test_a_deadline_that_comes_with_the_start_ends_the_mission(kind: str, seconds: float) -> None:
    parameters = {
        "command": {"command": "act", "args": ["a"]},
        "wait": {"seconds": 1000},
        "approval": {"prompt": "go?"},
    }[kind]
    step = a_step("a", step_type=kind, parameters=parameters)
    rig = Rig(a_plan(step, timeout_seconds=seconds), {"a": Act(seconds=1000)})
    assert rig.run().reason is Reason.MISSION_TIMEOUT
    starts = [event for event in rig.seen if isinstance(event, AttemptStarted)]
    ends = [event for event in rig.seen if isinstance(event, AttemptEnded)]
    assert len(ends) == len(starts)


def test_a_stop_that_waits_when_an_attempt_starts_ends_it_once() -> None:
    """The stop is in the inbox before the attempt's task has run: its first step is its end."""
    rig = Rig(a_plan(a_command("a")), {"a": Act(seconds=1000)})
    start = RunningAttempts.start

    def start_and_stop(attempts: RunningAttempts, *arguments: Any) -> None:
        start(attempts, *arguments)
        rig.ask(RequestKind.CANCEL)
        assert rig.engine is not None
        rig.engine._intake.take_in()
        assert attempts.cancel("a", Reason.USER_CANCELLED, "by a test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunningAttempts, "start", start_and_stop)
        assert rig.run().state is ExecutionState.CANCELLED
    assert rig.executor.jobs == []
    (attempt,) = attempts_of(rig, "a")
    assert attempt.state is AttemptState.CANCELLED


def test_a_cancel_request_ends_what_runs_and_skips_the_rest() -> None:
    rig = Rig(a_plan(a_command("a"), a_command("b", "a")), {"a": Act(seconds=1000)})
    ending = rig.run((2.0, lambda r: r.ask(RequestKind.CANCEL, message="wrong branch")))
    assert (ending.state, ending.reason) == (ExecutionState.CANCELLED, Reason.USER_CANCELLED)
    assert rig.state("a") is TaskState.CANCELLED
    assert rig.state("b") is TaskState.SKIPPED
    execution = rig.snapshot.current
    assert execution.message == "cancelled by operator@rig: wrong branch"
    assert execution.cancel_requested_by == "operator@rig"
    assert rig.result().step_results["a"].status is StepStatus.FAILED
    assert rig.result().step_results["b"].status is StepStatus.SKIPPED


def test_a_second_cancel_changes_nothing() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": Act(seconds=1000, ignores_term=True)})
    ending = rig.run(
        (2.0, lambda r: r.ask(RequestKind.CANCEL)), (3.0, lambda r: r.ask(RequestKind.CANCEL))
    )
    assert ending.state is ExecutionState.CANCELLED
    assert len([e for e in rig.seen if isinstance(e, AttemptEnded)]) == 1


def test_cancelling_one_step_leaves_the_others_running() -> None:
    mission = a_plan(a_command("a"), a_command("b"), a_command("c", "a"), fail_fast=False)
    rig = Rig(mission, {"a": Act(seconds=1000), "b": Act(seconds=50)})
    ending = rig.run((2.0, lambda r: r.ask(RequestKind.CANCEL_STEP, "a", message="slow host")))
    assert rig.state("a") is TaskState.CANCELLED
    assert rig.snapshot.tasks["a"].message == "cancelled by operator@rig: slow host"
    assert rig.state("b") is TaskState.SUCCESS
    assert rig.reason("c") is Reason.UPSTREAM_FAILED
    assert ending.state is ExecutionState.FAILED


def test_a_step_that_is_being_cancelled_is_killed_alone() -> None:
    acts = {"a": Act(seconds=1000, ignores_term=True), "b": Act(seconds=1000, ignores_term=True)}
    rig = Rig(a_plan(a_command("a"), a_command("b"), fail_fast=False), acts)
    states: list[TaskState] = []

    def look(rig: Rig) -> None:
        states.extend((rig.state("a"), rig.state("b")))

    def cancel(rig: Rig, step: str, **how: Any) -> None:
        rig.ask(RequestKind.CANCEL_STEP, step, **how)

    rig.run(
        (2.0, lambda rig: cancel(rig, "a")),
        (2.0, lambda rig: cancel(rig, "b")),
        (3.0, lambda rig: cancel(rig, "a", force=True)),
        (3.5, look),
    )
    assert states == [TaskState.CANCELLED, TaskState.RUNNING]
    assert rig.state("b") is TaskState.CANCELLED
    notes = [event.kind for event in rig.seen if isinstance(event, Noted)]
    assert "request.refused" not in notes


def test_a_paused_execution_starts_nothing_until_resumed() -> None:
    rig = Rig(a_plan(a_command("a"), a_command("b", "a")), {"a": Act(seconds=5)})
    ending = rig.run(
        (1.0, lambda r: r.ask(RequestKind.PAUSE)), (100.0, lambda r: r.ask(RequestKind.RESUME))
    )
    assert ending.state is ExecutionState.SUCCESS
    (attempt,) = attempts_of(rig, "b")
    (before,) = attempts_of(rig, "a")
    assert (attempt.started_at - before.started_at) / 1e9 > 99


def test_an_execution_that_is_paused_ends_with_the_last_attempt_that_ran() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": Act(seconds=5)})
    ending = rig.run((1.0, lambda r: r.ask(RequestKind.PAUSE)))
    assert ending.state is ExecutionState.SUCCESS
    assert rig.snapshot.current.state is ExecutionState.SUCCESS


def test_handlers_of_a_paused_execution_wait_until_it_is_resumed() -> None:
    tidy = Handlers(always=(a_command("tidy"),))
    rig = Rig(replace(a_plan(a_command("a")), handlers=tidy), {"a": Act(seconds=5)})
    ending = rig.run(
        (1.0, lambda r: r.ask(RequestKind.PAUSE)), (100.0, lambda r: r.ask(RequestKind.RESUME))
    )
    assert ending.state is ExecutionState.SUCCESS
    (handler,) = attempts_of(rig, "tidy")
    assert (handler.started_at - rig.snapshot.current.created_at) / 1e9 > 99


def test_outputs_and_params_reach_later_steps_with_their_types() -> None:
    mission = Mission(
        version="1.0",
        name="templates",
        params=(Param(name="count", type=ParamType.INTEGER, default=3),),
        variables={"region": "eu"},
        steps=(
            a_command("first", parameters={"command": "act", "output": "json"}),
            a_step("say", "first", step_type="log",
                   parameters={"message": MESSAGE}),
        ),
    )  # fmt: skip
    rig = Rig(mission, {"first": Act(out=b'{"n": 4}')})
    assert rig.run().state is ExecutionState.SUCCESS
    outputs = rig.snapshot.tasks["say"].outputs
    assert outputs is not None
    assert outputs["message"] == "7 eu"


def test_a_template_that_fails_is_a_failed_attempt_with_the_reason() -> None:
    mission = a_plan(
        a_command("first"),
        a_step("say", "first", step_type="log",
               parameters={"message": "{{ steps.first.output.nothing.there }}"}),
    )  # fmt: skip
    rig = Rig(mission)
    rig.run()
    assert rig.reason("say") is Reason.INVALID_PARAMETERS
    assert len(attempts_of(rig, "say")) == 1


@pytest.mark.parametrize(("when", "ran"), [("{{ params.go }}", True), ("not params.go", False)])
def test_when_decides_whether_a_step_runs(when: str, ran: bool) -> None:
    mission = Mission(
        version="1.0",
        name="conditions",
        params=(Param(name="go", type=ParamType.BOOLEAN, default=True),),
        steps=(a_command("a", when=when),),
    )
    rig = Rig(mission)
    assert rig.run().state is ExecutionState.SUCCESS
    assert (rig.state("a") is TaskState.SUCCESS) is ran
    if not ran:
        assert rig.reason("a") is Reason.CONDITION_FALSE


@pytest.mark.parametrize(
    ("when", "hint"),
    [
        ("{{ params.go }}", "`params.go == 'true'`"),
        ("{{ steps.say.output.stdout }}", "`steps.say.output.stdout|trim == 'true'`"),
        ("params.go|length", "`params.go|length != 0`"),
        ("[params.go]", "|length > 0`"),
        ("params.go if false else none", "is not none`"),
    ],
)
def test_a_condition_that_is_no_boolean_fails_the_step(when: str, hint: str) -> None:
    mission = Mission(
        version="1.0",
        name="conditions",
        params=(Param(name="go", default="false"),),
        steps=(a_command("say"), a_command("a", "say", when=when)),
    )
    rig = Rig(mission, {"say": Act(out=b"false\n")})
    assert rig.run().state is ExecutionState.FAILED
    task = rig.snapshot.tasks["a"]
    assert (task.state, task.reason_code) == (TaskState.FAILED, Reason.INVALID_PARAMETERS)
    assert hint in (task.message or "")


def test_a_fan_out_runs_each_item_and_gathers_their_outputs() -> None:
    mission = a_plan(
        a_step("each", step_type="log", foreach=["x", "y"], parameters={"message": "{{ item }}"}),
        a_step("join", "each", step_type="log",
               parameters={"message": "{{ steps.each.output['items'] | length }}"}),
    )  # fmt: skip
    rig = Rig(mission)
    assert rig.run().state is ExecutionState.SUCCESS
    outputs = rig.snapshot.tasks["each"].outputs
    assert outputs is not None
    assert [item["message"] for item in outputs["items"]] == ["x", "y"]


def test_partial_and_success_follow_the_rules() -> None:
    tolerated = Rig(a_plan(a_command("a", continue_on_error=True), a_command("b", "a")), {"a": BAD})
    assert tolerated.run().state is ExecutionState.SUCCESS
    assert tolerated.result().overall_status is OverallStatus.PARTIAL
    going_on = Rig(a_plan(a_command("a"), a_command("b"), fail_fast=False), {"a": BAD})
    assert going_on.run().state is ExecutionState.FAILED
    assert going_on.result().overall_status is OverallStatus.PARTIAL
    failed = Rig(a_plan(a_command("a"), a_command("b", "a")), {"a": BAD})
    failed.run()
    assert failed.result().overall_status is OverallStatus.FAILED


def test_steps_that_are_not_selected_are_skipped_and_satisfy_their_dependents() -> None:
    mission = a_plan(a_command("a"), a_command("b", "a"))
    rig = Rig(mission, unselected=frozenset({"a"}))
    assert rig.run().state is ExecutionState.SUCCESS
    assert rig.reason("a") is Reason.NOT_SELECTED
    assert rig.started() == ["b"]


def test_when_the_journal_fails_everything_stops_and_nothing_more_starts() -> None:
    steps = [a_command("long"), a_command("short"), a_command("later", "short")]
    rig = Rig(a_plan(*steps), {"long": Act(seconds=1000), "short": Act(seconds=5)})

    def break_journal(broken: Rig) -> None:
        broken.journal.fail_next(UnavailableError("disk full"))

    with pytest.raises(UnavailableError, match="disk full"):
        rig.run((1.0, break_journal))
    assert rig.executor.running == {}
    assert "later" not in rig.started()


def test_a_bug_in_a_step_type_is_a_failed_attempt_with_its_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from core.step_type.registry import step_type

    kind = step_type("noop")

    def explode(call: Any) -> Any:
        raise ZeroDivisionError("inside the step")

    monkeypatch.setattr(kind, "run", explode, raising=False)
    rig = Rig(a_plan(a_step("a")))
    rig.run()
    error = rig.snapshot.tasks["a"].error
    assert error is not None
    assert error.kind == "ZeroDivisionError"
    assert "explode" in error.stack_trace


def test_ten_thousand_seconds_of_backoff_take_no_time() -> None:
    policy = RetryPolicy(max_attempts=4, initial_interval=5000, max_interval=5000)
    rig = Rig(
        Mission(version="1.0", name="slow", steps=(a_command("a", retry=policy),),
                config=MissionConfig()),
        {"a": [BAD, BAD, BAD, OK]},
    )  # fmt: skip
    assert rig.run().state is ExecutionState.SUCCESS
