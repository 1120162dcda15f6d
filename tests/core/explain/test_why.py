import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.mission import (
    Handlers,
    Mission,
    MissionConfig,
    MissionStep,
    RetryPolicy,
    TriggerRule,
)
from core.domain.reasons import Reason
from core.domain.records import Attempt, Execution, TaskError, TaskRun
from core.domain.state_word import state_word
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.explain.execution_facts import ExecutionFacts
from core.explain.reason_text import REASON_TEXTS
from core.explain.why import explain, explain_execution

SECOND = 1_000_000_000
NOW = 1_000 * SECOND


def an_execution(
    state: ExecutionState = ExecutionState.RUNNING, reason: Reason = Reason.STARTED, **more: Any
) -> Execution:
    return Execution(
        execution_id="e",
        workflow_id="w",
        mission_name="m",
        mission_digest="d",
        state=state,
        reason_code=reason,
        created_at=0,
        updated_at=0,
        actor="ada@host",
        **more,
    )


def a_task(
    task_id: str,
    state: TaskState = TaskState.PENDING,
    reason: Reason = Reason.DEPS_PENDING,
    **more: Any,
) -> TaskRun:
    return TaskRun(
        execution_id="e",
        task_id=task_id,
        position=0,
        state=state,
        reason_code=reason,
        updated_at=more.pop("updated_at", NOW - 5 * SECOND),
        **more,
    )


def an_attempt(
    task_id: str, number: int, state: AttemptState, reason: Reason, **more: Any
) -> Attempt:
    return Attempt(
        execution_id="e",
        task_id=task_id,
        attempt=number,
        state=state,
        reason_code=reason,
        started_at=NOW - 12 * SECOND,
        **more,
    )


def a_step(step_id: str, *depends_on: str, **more: Any) -> MissionStep:
    return MissionStep(id=step_id, name=step_id, step_type="noop", depends_on=depends_on, **more)


def a_scene(
    tasks: list[TaskRun],
    steps: Sequence[MissionStep] = (),
    *,
    config: MissionConfig | None = None,
    execution: Execution | None = None,
    attempts: dict[str, tuple[Attempt, ...]] | None = None,
    **more: Any,
) -> ExecutionFacts:
    mission = Mission(
        version="1.0",
        name="m",
        steps=tuple(steps) or tuple(a_step(task.task_id) for task in tasks),
        config=config or MissionConfig(),
        handlers=more.pop("handlers", Handlers()),
    )
    return ExecutionFacts(
        execution=execution or an_execution(),
        tasks={task.task_id: task for task in tasks},
        now=NOW,
        mission=mission,
        attempts=attempts or {},
        **more,
    )


def test_every_reason_has_words() -> None:
    assert set(REASON_TEXTS) == set(Reason)


@pytest.mark.parametrize("state", list(TaskState))
def test_no_state_of_a_step_is_without_an_explanation(state: TaskState) -> None:
    steps = [a_step("up"), a_step("s", "up")]
    for reason in Reason:
        for task in (
            a_task("s", state, reason),
            a_task("s", state, reason, message="because", attempt=2),
        ):
            word, _, cause = explain("s", a_scene([task, a_task("up")], steps))[0].partition(": ")
            assert word == state_word(state, reason)
            assert cause.strip()
        bare = ExecutionFacts(
            execution=an_execution(), tasks={"s": a_task("s", state, reason)}, now=NOW
        )
        assert explain("s", bare)[0].partition(": ")[2]


@pytest.mark.parametrize("state", list(ExecutionState))
def test_no_state_of_an_execution_is_without_an_explanation(state: ExecutionState) -> None:
    for reason in Reason:
        told = explain_execution(a_scene([a_task("s")], execution=an_execution(state, reason)))
        assert told[0].partition(": ")[2].strip()


def test_a_skipped_step_names_the_failure_behind_it_with_its_time_limit() -> None:
    facts = a_scene(
        [
            a_task("build", TaskState.FAILED, Reason.TIMEOUT),
            a_task("ship", TaskState.SKIPPED, Reason.UPSTREAM_FAILED),
        ],
        [a_step("build", timeout_seconds=300), a_step("ship", "build")],
    )
    assert explain("ship", facts)[0] == "skipped: `build` failed (TIMEOUT, 5m00s)"


def test_a_queued_step_names_the_limit_and_who_takes_its_slots() -> None:
    running = [a_task(name, TaskState.RUNNING, Reason.SLOT_ACQUIRED) for name in "abcd"]
    facts = a_scene(
        [*running, a_task("e", TaskState.READY, Reason.DEPS_MET)],
        config=MissionConfig(parallel_limit=4),
    )
    assert explain("e", facts) == [
        "queued: waits for a slot: parallel_limit 4 is reached, running a b c d"
    ]


def test_a_step_in_backoff_says_which_try_comes_when_and_after_what() -> None:
    task = a_task("fetch", TaskState.WAITING, Reason.BACKOFF, attempt=1, resume_at=NOW + 8 * SECOND)
    failed = an_attempt("fetch", 1, AttemptState.FAILED, Reason.EXIT_NONZERO, exit_code=75)
    facts = a_scene(
        [task],
        [a_step("fetch", retry=RetryPolicy(max_attempts=5))],
        attempts={"fetch": (failed,)},
    )
    assert explain("fetch", facts) == ["retrying: retry 2/5 in 8s after exit 75"]


def test_a_pending_step_is_followed_down_to_what_really_runs() -> None:
    tasks = [
        a_task("a", TaskState.RUNNING, Reason.SLOT_ACQUIRED, attempt=1, started_at=NOW - SECOND),
        a_task("b"),
        a_task("c"),
    ]
    told = explain("c", a_scene(tasks, [a_step("a"), a_step("b", "a"), a_step("c", "b")]))
    assert told == [
        "pending: waits for `b` (pending)",
        "`b` pending: waits for `a` (running)",
        "`a` running: attempt 1/1 for 1s",
    ]


def test_the_chain_of_a_long_mission_keeps_both_ends_and_counts_the_middle() -> None:
    names = [f"s{n}" for n in range(20_000)]
    tasks = [a_task("s0", TaskState.FAILED, Reason.EXIT_NONZERO, message="exit 3")]
    tasks += [a_task(n, TaskState.SKIPPED, Reason.UPSTREAM_FAILED) for n in names[1:]]
    steps = [a_step("s0")] + [a_step(name, before) for before, name in itertools.pairwise(names)]
    told = explain("s19999", a_scene(tasks, steps))
    assert len(told) == 1 + 8 + 1
    assert told[-2] == "… 19,991 more steps in between …"
    assert told[-1].startswith("`s0` failed: ")
    assert "exit 3" in told[-1]


def test_fail_fast_names_the_first_failure_that_was_not_tolerated() -> None:
    tasks = [
        a_task("lint", TaskState.FAILED, Reason.EXIT_NONZERO, ended_at=1),
        a_task("build", TaskState.FAILED, Reason.EXIT_NONZERO, ended_at=2, attempt=1),
        a_task("ship", TaskState.SKIPPED, Reason.FAIL_FAST),
    ]
    steps = [a_step("lint", continue_on_error=True), a_step("build"), a_step("ship")]
    told = explain("ship", a_scene(tasks, steps))
    assert told[0] == "skipped: fail_fast: `build` failed (EXIT_NONZERO)"
    assert told[1].startswith("`build` failed: ")


def test_what_holds_a_whole_execution_up_is_said_behind_the_step() -> None:
    execution = an_execution(
        ExecutionState.PAUSED,
        Reason.USER_PAUSED,
        cancel_requested_at=1,
        cancel_requested_by="bob@host",
    )
    told = explain("s", a_scene([a_task("s")], execution=execution, is_owned=False))
    assert told[1:] == [
        "no runner drives this execution; `mission resume` continues it",
        "cancel was requested by bob@host",
        "the execution is paused: no step is started",
    ]


def test_an_approval_that_asks_for_values_says_for_which_and_how_they_are_given() -> None:
    wanted = {"size": {"type": "integer", "required": True}, "region": {"default": "eu"}}
    step = replace(a_step("ask"), parameters={"prompt": "How many?", "inputs": wanted})
    task = a_task("ask", TaskState.WAITING, Reason.AWAITING_APPROVAL, message="How many?")
    told = explain("ask", a_scene([task], [step]))[0]
    assert told.endswith(
        ": How many?; `mission approve --input NAME=VALUE` gives it `size`, `region` (default eu)"
    )


def test_a_fan_out_that_succeeded_speaks_of_its_items() -> None:
    task = a_task("fan", TaskState.SUCCESS, Reason.ALL_STEPS_DONE, message="4 items")
    told = explain("fan", a_scene([task], [a_step("fan", foreach=[1, 2])]))[0]
    assert told == "done: all of its items are done: 4 items"


def test_the_reason_of_a_cancel_is_told_once() -> None:
    message = "cancelled by bob@host: wrong branch"
    tasks = [a_task("s", TaskState.SKIPPED, Reason.USER_CANCELLED, message=message)]
    execution = an_execution(
        ExecutionState.CANCELLED,
        Reason.USER_CANCELLED,
        message=message,
        cancel_requested_at=1,
        cancel_requested_by="bob@host",
    )
    facts = a_scene(tasks, execution=execution)
    assert explain("s", facts)[0] == f"skipped: {message}"
    assert explain_execution(facts)[0] == f"cancelled: {message}"


def test_a_condition_and_a_trigger_rule_are_quoted_as_authored() -> None:
    steps = [
        a_step("up"),
        a_step("when", "up", when="{{ params.go }}"),
        a_step("rule", "up", trigger_rule=TriggerRule.ONE_FAILED),
    ]
    tasks = [
        a_task("up", TaskState.SUCCESS, Reason.EXIT_ZERO),
        a_task("when", TaskState.SKIPPED, Reason.CONDITION_FALSE),
        a_task("rule", TaskState.SKIPPED, Reason.TRIGGER_RULE),
    ]
    facts = a_scene(tasks, steps)
    assert explain("when", facts) == ["skipped: when `{{ params.go }}` is false"]
    assert explain("rule", facts) == [
        "skipped: trigger_rule one_failed can no longer be met: `up` done (EXIT_ZERO)"
    ]


def test_exhausted_retries_tell_how_the_last_try_ended() -> None:
    error = TaskError(message="replication slot busy\nmore", kind="ProcessFailed")
    last = an_attempt("s", 3, AttemptState.FAILED, Reason.TIMEOUT, error=error)
    facts = a_scene(
        [a_task("s", TaskState.FAILED, Reason.RETRIES_EXHAUSTED, attempt=3)],
        [a_step("s", retry=RetryPolicy(max_attempts=3))],
        attempts={"s": (last,)},
    )
    assert explain("s", facts) == [
        "failed: retries exhausted (3/3), the last attempt: TIMEOUT (replication slot busy)"
    ]


def test_a_failed_execution_lists_its_failures_roots_first() -> None:
    tasks = [
        a_task("soft", TaskState.FAILED, Reason.EXIT_NONZERO, ended_at=1),
        a_task("hard", TaskState.FAILED, Reason.STEP_ERROR, ended_at=2, message="boom"),
    ]
    facts = a_scene(
        tasks,
        [a_step("soft", continue_on_error=True), a_step("hard")],
        execution=an_execution(ExecutionState.FAILED, Reason.STEP_FAILED),
    )
    told = explain_execution(facts)
    assert told[0] == "failed: a step failed"
    assert told[1] == "`hard` failed: the step itself raised an error: boom"
    assert told[2].startswith("`soft` failed: ")


def test_a_fan_out_counts_its_items_and_a_failed_one_is_the_cause() -> None:
    parent = a_task("f", TaskState.RUNNING, Reason.EXPANDED)
    items = [
        a_task(
            "f[0]",
            TaskState.FAILED,
            Reason.EXIT_NONZERO,
            parent_task_id="f",
            item="x",
            message="no",
        ),
        a_task("f[1]", TaskState.RUNNING, Reason.SLOT_ACQUIRED, parent_task_id="f"),
    ]
    facts = a_scene([parent, *items], [a_step("f")])
    assert explain("f", facts)[0] == "running: 2 items: 1 running, 1 failed"
    ended = replace(parent, state=TaskState.FAILED, reason_code=Reason.ITEM_FAILED)
    told = explain("f", a_scene([ended, *items], [a_step("f")]))
    assert told[0] == "failed: 1 of its 2 items failed"
    assert told[1].startswith("`f[0]` x failed: ")


def test_a_handler_says_what_it_waits_for() -> None:
    handler = a_step("tidy")
    facts = a_scene(
        [a_task("s"), a_task("tidy")], [a_step("s")], handlers=Handlers(always=(handler,))
    )
    assert "handler" in explain("tidy", facts)[0]


def test_a_step_of_an_execution_that_is_queued_says_who_is_before_it() -> None:
    message = "deploy#1 of the group `deploys` is before it"
    execution = an_execution(ExecutionState.PAUSED, Reason.QUEUED, message=message)
    facts = ExecutionFacts(execution=execution, tasks={"a": a_task("a")}, now=NOW, mission=None)

    told = explain("a", facts)

    assert f"the execution waits for its turn: {message}" in told
    assert not any("paused" in line for line in told)
