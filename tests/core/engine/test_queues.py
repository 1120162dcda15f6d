"""Executions that wait for their turn in a group, and steps that wait for a mutex."""

from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.events import ExecutionStateChanged, Noted, TaskStateChanged
from core.domain.fold import fold
from core.domain.mission import Concurrency, GroupPolicy, Mission, MissionConfig
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.ports.claims import Claim, ClaimAnswer, ClaimKind
from core.ports.control import RequestKind
from tests.support.fake_executor import Act
from tests.support.memory_claims import MemoryClaims
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan

OTHER = Claim(kind=ClaimKind.GROUP, name="g", execution_id="other", tree="other", label="nightly#7")


class OneExecution:
    """The claims of an execution beside others in memory; notes which ones it cancels."""

    def __init__(self, claims: MemoryClaims, execution_id: str) -> None:
        self.claims = claims
        self.execution_id = execution_id
        self.cancelled: list[tuple[str, str]] = []

    async def ask(self, claim: Claim) -> ClaimAnswer:
        return self.claims.ask(self.execution_id, claim, 1)

    async def give_back(self, claim: Claim) -> None:
        self.claims.give_back(self.execution_id, claim)

    async def cancel(self, execution_id: str, reason: str) -> None:
        self.cancelled.append((execution_id, reason))


def a_rig(mission: Mission, acts: Any = None) -> tuple[Rig, MemoryClaims]:
    rig = Rig(mission, acts)
    claims = MemoryClaims(lambda _: True)
    rig.claims = OneExecution(claims, "mine")
    return rig, claims


def in_group(policy: GroupPolicy = GroupPolicy.QUEUE) -> Mission:
    return replace(a_plan(a_command("a")), concurrency=Concurrency(group="g", policy=policy))


def taken(claims: MemoryClaims) -> None:
    assert claims.ask("other", OTHER, 0).is_granted


def moves(rig: Rig) -> list[tuple[str, str]]:
    return [
        (event.to_state.value, event.reason_code.value)
        for event in rig.seen
        if isinstance(event, ExecutionStateChanged)
    ]


def test_an_execution_waits_for_its_turn_and_says_for_whom() -> None:
    rig, claims = a_rig(in_group())
    taken(claims)
    seen = []

    def look(rig: Rig) -> None:
        current = rig.snapshot.current
        seen.append((current.state, current.reason_code, current.message, rig.executor.jobs[:]))

    rig.run((5.0, look), (6.0, lambda _: claims.give_back("other", OTHER)))

    message = "nightly#7 of the group `g` is before it"
    assert seen == [(ExecutionState.PAUSED, Reason.QUEUED, message, [])]
    assert moves(rig) == [
        ("PAUSED", "QUEUED"),
        ("RUNNING", "ADMITTED"),
        ("SUCCESS", "ALL_STEPS_DONE"),
    ]
    started = rig.snapshot.current.started_at or 0
    assert started - rig.snapshot.current.created_at > 5 * 10**9


def test_a_group_that_is_free_costs_no_transition() -> None:
    rig, claims = a_rig(in_group())

    rig.run()

    assert moves(rig) == [("RUNNING", "STARTED"), ("SUCCESS", "ALL_STEPS_DONE")]
    assert [one.granted_at for one in claims.all] == [1]


def test_a_cancel_ends_the_wait() -> None:
    rig, claims = a_rig(in_group())
    taken(claims)

    rig.run((3.0, lambda rig: rig.ask(RequestKind.CANCEL)))

    assert moves(rig) == [("PAUSED", "QUEUED"), ("CANCELLED", "USER_CANCELLED")]
    assert rig.executor.jobs == []
    assert [one.execution_id for one in claims.all] == ["other"]


def test_a_hold_keeps_the_place_until_it_is_released_and_nothing_else_is_said_to_be_done() -> None:
    rig, claims = a_rig(in_group())
    taken(claims)
    held: list[Any] = []

    rig.run(
        (0.7, lambda rig: rig.ask(RequestKind.RELEASE)),
        (1.0, lambda rig: rig.ask(RequestKind.HOLD)),
        (1.7, lambda rig: rig.ask(RequestKind.HOLD)),
        (2.0, lambda rig: rig.ask(RequestKind.PAUSE)),
        (2.5, lambda rig: rig.ask(RequestKind.RESUME)),
        (3.0, lambda _: claims.give_back("other", OTHER)),
        (9.0, lambda rig: held.append((rig.snapshot.current.state, claims.all[-1].is_held))),
        (10.0, lambda rig: rig.ask(RequestKind.RELEASE)),
    )

    assert held == [(ExecutionState.PAUSED, True)]
    assert moves(rig)[-1][0] == "SUCCESS"
    notes = [event for event in rig.seen if isinstance(event, Noted)]
    assert [note.kind for note in notes if note.kind.startswith("queue")] == [
        "queue.held",
        "queue.released",
    ]
    refused = [
        (note.facts["request"], note.facts["why"])
        for note in notes
        if note.kind == "request.refused"
    ]
    on_hold = "it is on hold in the group `g`"
    assert refused == [
        ("release", "it waits for its turn in the group `g`"),
        ("hold", on_hold),
        ("pause", on_hold),
        ("resume", on_hold),
    ]


def test_requests_that_are_not_about_the_wait_are_answered_during_it() -> None:
    rig, claims = a_rig(in_group())
    taken(claims)
    seen: list[Any] = []

    def look(rig: Rig) -> None:
        task = rig.snapshot.tasks["a"]
        seen.append((rig.snapshot.current.breakpoints, task.state, task.reason_code))

    rig.run(
        (1.0, lambda rig: rig.ask(RequestKind.SET_BREAKPOINT, "a")),
        (2.0, look),
        (3.0, lambda rig: rig.ask(RequestKind.CANCEL_STEP, "a")),
        (4.0, look),
        (5.0, lambda rig: rig.ask(RequestKind.APPROVE, "a")),
        (6.0, lambda _: claims.give_back("other", OTHER)),
    )

    assert [one[0] for one in seen[:1]] == [("a",)]
    assert seen[1][1:] == (TaskState.SKIPPED, Reason.USER_CANCELLED)
    [refused] = [one for one in rig.seen if isinstance(one, Noted) and "why" in one.facts]
    assert refused.facts["why"] == "the step does not wait for an approval"
    assert rig.executor.jobs == []


def test_an_execution_that_runs_cannot_be_held() -> None:
    rig, _ = a_rig(a_plan(a_command("a")), lambda _: Act(seconds=3.0))

    rig.run((1.0, lambda rig: rig.ask(RequestKind.HOLD)))

    [note] = [one for one in rig.seen if isinstance(one, Noted) and one.kind == "request.refused"]
    assert note.facts["why"] == "it does not wait in a concurrency group"


def test_the_policy_refuse_ends_it_without_a_step() -> None:
    rig, claims = a_rig(in_group(GroupPolicy.REFUSE))
    taken(claims)

    rig.run()

    current = rig.snapshot.current
    assert (current.state, current.reason_code) == (ExecutionState.CANCELLED, Reason.GROUP_TAKEN)
    assert "nightly#7" in (current.message or "")
    assert rig.executor.jobs == []
    assert [one.execution_id for one in claims.all] == ["other"]


def test_the_policy_cancel_cancels_those_before_it_and_waits_for_their_end() -> None:
    rig, claims = a_rig(in_group(GroupPolicy.CANCEL))
    taken(claims)

    rig.run((4.0, lambda _: claims.give_back("other", OTHER)))

    [(other, why)] = rig.claims.cancelled
    assert other == "other"
    assert "newer run of the group `g`" in why
    assert moves(rig)[-1][0] == "SUCCESS"


def test_attempts_with_the_same_mutex_run_one_after_another_and_without_a_slot_meanwhile() -> None:
    steps = [a_command(name, mutex="db") for name in ("a", "b", "c")]
    rig, claims = a_rig(a_plan(*steps, a_command("free")), lambda _: Act(seconds=2.0))
    rig.run()

    assert rig.executor.most_at_once == 2  # one with the mutex, and the free one
    waits = [
        event.task_id
        for event in rig.seen
        if isinstance(event, TaskStateChanged)
        and (event.to_state, event.reason_code) == (TaskState.WAITING, Reason.MUTEX)
    ]
    assert sorted(waits) == ["a", "b", "c"]
    assert claims.all == []


def test_a_step_that_waits_for_a_mutex_can_be_cancelled_and_leaves_the_queue() -> None:
    rig, claims = a_rig(a_plan(a_command("a", mutex="db")))
    blocker = Claim(kind=ClaimKind.MUTEX, name="db", execution_id="other", task_id="x")
    assert claims.ask("other", blocker, 0).is_granted

    rig.run((2.0, lambda rig: rig.ask(RequestKind.CANCEL)))

    assert rig.state("a") in (TaskState.CANCELLED, TaskState.SKIPPED)
    assert rig.executor.jobs == []
    assert rig.snapshot.current.state is ExecutionState.CANCELLED


def test_a_mutex_is_given_back_by_a_step_that_ends_before_its_attempt_starts() -> None:
    config = MissionConfig(parallel_limit=1, fail_fast=False)
    steps = (a_command("a", mutex="db"), a_command("slow"))
    rig, claims = a_rig(replace(a_plan(*steps), config=config), lambda _: Act(seconds=8.0))
    blocker = Claim(kind=ClaimKind.MUTEX, name="db", execution_id="other", task_id="x")
    assert claims.ask("other", blocker, 0).is_granted
    seen: list[object] = []

    rig.run(
        (2.0, lambda _: claims.give_back("other", blocker)),
        (4.0, lambda rig: seen.append((rig.state("a"), len(claims.all)))),
        (5.0, lambda rig: rig.ask(RequestKind.CANCEL_STEP, "a")),
        (6.0, lambda _: seen.append(claims.ask("other", blocker, 0).is_granted)),
    )

    assert seen == [(TaskState.READY, 1), True]  # it had the mutex, but no slot
    assert rig.state("a") is TaskState.SKIPPED


@pytest.mark.parametrize("freed", [3.0, 1.5])
def test_a_paused_execution_takes_no_mutex_and_keeps_none_that_it_does_not_use(
    freed: float,
) -> None:
    """Also one that it got before it was paused, while its step waited for a slot."""
    config = MissionConfig(parallel_limit=1)
    steps = (a_command("a", mutex="db"), a_command("slow"))
    rig, claims = a_rig(replace(a_plan(*steps), config=config), lambda _: Act(seconds=8.0))
    blocker = Claim(kind=ClaimKind.MUTEX, name="db", execution_id="other", task_id="x")
    assert claims.ask("other", blocker, 0).is_granted
    seen: list[object] = []

    rig.run(
        (freed, lambda _: claims.give_back("other", blocker)),
        (2.0, lambda rig: rig.ask(RequestKind.PAUSE)),
        (5.0, lambda _: seen.append(claims.ask("other", blocker, 0).is_granted)),
        (6.0, lambda rig: seen.append((rig.state("a"), rig.reason("a")))),
        (7.0, lambda _: claims.give_back("other", blocker)),
        (20.0, lambda rig: rig.ask(RequestKind.RESUME)),
    )

    assert seen == [True, (TaskState.WAITING, Reason.MUTEX)]
    assert rig.state("a") is TaskState.SUCCESS
    assert len(rig.executor.jobs) == 2
    assert claims.all == []


def test_a_resumed_execution_queues_up_again() -> None:
    rig, claims = a_rig(a_plan(a_command("a", mutex="db")))
    blocker = Claim(kind=ClaimKind.MUTEX, name="db", execution_id="other", task_id="x")
    assert claims.ask("other", blocker, 0).is_granted

    rig.run_twice(3.0, 5.0, (2.0, lambda _: claims.give_back("other", blocker)))

    assert rig.state("a") is TaskState.SUCCESS
    assert len(rig.executor.jobs) == 1


def test_an_execution_that_waits_for_its_turn_waits_no_more_when_its_runner_is_lost() -> None:
    rig, claims = a_rig(in_group())
    taken(claims)

    rig.run_twice(3.0, 5.0, (2.0, lambda _: claims.give_back("other", OTHER)))

    assert moves(rig)[:2] == [("PAUSED", "QUEUED"), ("PAUSED", "RUNNER_LOST")]
    lost = next(
        number
        for number, event in enumerate(rig.seen)
        if isinstance(event, ExecutionStateChanged) and event.reason_code is Reason.RUNNER_LOST
    )
    current = fold(rig.seen[: lost + 1]).current
    assert (current.state, current.reason_code) == (ExecutionState.PAUSED, Reason.RUNNER_LOST)
    assert "the runner is gone" in (current.message or "")
    assert current.started_at is None
    assert rig.state("a") is TaskState.SUCCESS
