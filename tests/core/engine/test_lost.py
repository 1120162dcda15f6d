"""An engine whose runner is lost in the middle of a wait: every wait is armed again, once."""

from collections.abc import Callable
from typing import Any

import pytest

from core.domain.mission import Mission, MissionStep, RetryPolicy
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.ports.control import RequestKind, RequestOutcome
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step

ASK = {"prompt": "ship it?"}
BAD = Act(exit_code=1)


def asking(**parameters: Any) -> MissionStep:
    return a_step("ask", step_type="approval", parameters={**ASK, **parameters})


def yes(rig: Rig) -> None:
    rig.ask(RequestKind.APPROVE, "ask")


def no(rig: Rig) -> None:
    rig.ask(RequestKind.REJECT, "ask")


def seconds_in(rig: Rig) -> float:
    """Return the virtual seconds from the start of the execution to its end."""
    execution = rig.snapshot.current
    assert execution.started_at is not None
    assert execution.ended_at is not None
    return (execution.ended_at - execution.started_at) / 1e9


def outcomes_of(rig: Rig) -> list[RequestOutcome]:
    """Return what the second runner decided of requests."""
    return list(rig.journals[-1].world.outcomes.values())


@pytest.mark.parametrize(
    ("answer", "reason"), [(yes, Reason.APPROVED), (no, Reason.REJECTED), (None, Reason.TIMEOUT)]
)
def test_an_open_question_survives_its_runner(
    answer: Callable[[Rig], None] | None, reason: Reason
) -> None:
    rig = Rig(a_plan(asking(timeout=100)))
    rig.run_twice(10, 20, *([] if answer is None else [(30.0, answer)]))
    assert rig.reason("ask") is reason
    assert rig.snapshot.attempts["ask"][0].state is AttemptState.LOST
    assert round(seconds_in(rig)) == (100 if answer is None else 60)


@pytest.mark.parametrize(("answer", "reason"), [(yes, Reason.APPROVED), (no, Reason.REJECTED)])
def test_an_answer_given_while_nobody_was_there_takes_effect(
    answer: Callable[[Rig], None], reason: Reason
) -> None:
    rig = Rig(a_plan(asking(timeout=100)))
    rig.run_twice(10, 20, first=answer)
    assert rig.reason("ask") is reason
    assert [one.done for one in outcomes_of(rig)] == [True]


def test_an_answer_that_comes_after_the_deadline_is_refused_and_does_not_count() -> None:
    rig = Rig(a_plan(asking(timeout=15)))
    rig.run_twice(10, 20, first=yes)
    assert rig.reason("ask") is Reason.TIMEOUT
    assert [(one.done, one.why) for one in outcomes_of(rig)] == [
        (False, "the time to answer was over")
    ]


def test_an_answer_to_a_question_that_is_not_asked_again_is_refused() -> None:
    def cancel_then_approve(rig: Rig) -> None:
        yes(rig)
        rig.ask(RequestKind.CANCEL)

    rig = Rig(a_plan(asking(), a_command("other")), {"other": Act(seconds=50)})
    ending = rig.run_twice(10, 1, first=cancel_then_approve)
    assert ending.state is ExecutionState.CANCELLED
    assert rig.state("ask") is TaskState.CANCELLED


def test_a_step_timeout_of_a_question_goes_on_counting() -> None:
    step = a_step("ask", step_type="approval", parameters=ASK, timeout_seconds=50.0)
    rig = Rig(a_plan(step))
    rig.run_twice(10, 20)
    assert rig.reason("ask") is Reason.TIMEOUT
    assert round(seconds_in(rig)) == 50


def test_a_wait_and_a_backoff_end_when_they_were_to_end() -> None:
    policy = RetryPolicy(max_attempts=2, initial_interval=100.0)
    for step in (
        a_step("a", step_type="wait", parameters={"seconds": 100}),
        a_command("a", retry=policy),
    ):
        rig = Rig(a_plan(step), {"a": [BAD, Act()]})
        ending = rig.run_twice(40, 20)
        assert ending.state is ExecutionState.SUCCESS
        assert round(seconds_in(rig)) == 100


def test_a_backoff_never_lasts_longer_than_its_interval_were_the_clock_set_back() -> None:
    policy = RetryPolicy(max_attempts=2, initial_interval=100.0)
    rig = Rig(a_plan(a_command("a", retry=policy)), {"a": [BAD, Act()]})

    def an_hour_back(rig: Rig) -> None:
        rig.clock.set_back(3600.0)

    starts: list[int] = []
    look: Callable[[Rig], None] = lambda rig: starts.append(len(rig.started()))  # noqa: E731
    rig.run_twice(40, 20, (99.0, look), (101.0, look), first=an_hour_back)
    assert starts == [1]  # it had ended before the second look
    assert rig.started() == ["a", "a"]


def test_a_deadline_that_passed_meanwhile_ends_the_execution_before_anything_starts() -> None:
    mission = a_plan(a_command("a"), a_command("b", "a"), timeout_seconds=30.0)
    rig = Rig(mission, {"a": Act(seconds=20)})
    ending = rig.run_twice(10, 40)
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, Reason.MISSION_TIMEOUT)
    assert rig.started() == ["a"]
    assert rig.state("a") is TaskState.CANCELLED
    assert rig.state("b") is TaskState.SKIPPED


def test_an_item_that_asks_is_asked_again() -> None:
    mission = a_plan(
        a_step("ask", step_type="approval", parameters=ASK, foreach=[1, 2]), parallel_limit=1
    )

    def approve_both(rig: Rig) -> None:
        for item in ("ask[0]", "ask[1]"):
            rig.ask(RequestKind.APPROVE, item)

    rig = Rig(mission)
    assert rig.run_twice(10, 5, (5.0, approve_both)).state is ExecutionState.SUCCESS


def test_requests_have_one_outcome_each() -> None:
    """Numbered as they are asked: what they come to, and why what is refused is refused."""
    mission: Mission = a_plan(
        a_command("quick"), a_command("long"), asking(approvers=["boss"]), fail_fast=False
    )
    rig = Rig(mission, {"long": Act(seconds=1000)})
    rig.run(
        (1.0, lambda r: r.ask(RequestKind.PAUSE)),
        (2.0, lambda r: r.ask(RequestKind.PAUSE)),
        (3.0, lambda r: r.ask(RequestKind.RESUME)),
        (4.0, lambda r: r.ask(RequestKind.APPROVE, "quick")),
        (5.0, lambda r: r.ask(RequestKind.APPROVE, "ask")),
        (6.0, lambda r: r.ask(RequestKind.CANCEL_STEP, "quick")),
        (7.0, lambda r: r.ask(RequestKind.CANCEL_STEP, "long")),
        (8.0, lambda r: r.ask(RequestKind.RETRY, "quick")),
        (9.0, lambda r: r.ask(RequestKind.RETRY, "long")),
        (10.0, lambda r: r.ask(RequestKind.CANCEL)),
        (10.0, lambda r: r.ask(RequestKind.CANCEL)),
    )
    found = {one.request_id: one.why for one in rig.journals[-1].world.outcomes.values()}
    assert found == {
        1: None,
        2: "the execution is PAUSED",
        3: None,
        4: "the step does not wait for an approval",
        5: "only boss may answer",
        6: "the step has ended",
        7: None,
        8: "only a failed, skipped or cancelled step can be retried",
        9: None,
        10: None,
        11: None,
    }
