"""What is asked for ends in an outcome on the screen: done, or refused with the reason."""

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from core.domain.approval_question import may_answer, open_question
from core.domain.reasons import Reason
from core.domain.records import Attempt
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.ports.control import RequestKind
from tests.support.tui import (
    SECOND,
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    screen_text,
    step,
    wait_for_text,
    wait_until,
)


def gated(*, timeout: Any = None, **inputs: Any) -> tuple[FakeWorld, FakeBackend, str]:
    """A run whose step `gate` asks for an approval."""
    world = FakeWorld()
    mission = mission_of("m", step("gate", step_type="approval"), step("b", "gate"))
    run = world.launch(mission)
    told = {"prompt": "Ship it?", "timeout": timeout, **inputs}
    world.begin(run, "gate", **told)
    world.task(run, "gate", TaskState.WAITING, Reason.AWAITING_APPROVAL, "Ship it?")
    return world, FakeBackend(world, mission), run


async def reject(pilot: Pilot[Any]) -> None:
    await pilot.press("a")
    await wait_for_text(pilot, "Approve gate?")
    await pilot.press("right", "right", "enter")


async def test_a_request_ends_done_or_refused_with_the_reason_of_the_engine() -> None:
    _world, backend, run = gated()
    backend.decides = False
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "needs approval")
        await reject(pilot)
        await wait_for_text(pilot, "gate: reject requested")
        await pilot.press("escape")  # also said on another screen
        backend.decide(1, "only ada may answer")
        await wait_for_text(pilot, "✗ gate: reject refused: only ada may answer", "Executions")
        await pilot.click(offset=(90, 3))  # a click takes it away as a key does
        await wait_until(pilot, lambda: "refused" not in screen_text(pilot.app))
        await pilot.press("enter")
        await wait_for_text(pilot, "needs approval")
        await reject(pilot)
        await wait_until(pilot, lambda: len(backend.asked) == 2)
        assert "refused" not in screen_text(pilot.app), "that was another request"
        backend.decide(2)
        await wait_for_text(pilot, "gate: rejected")


async def test_an_approval_asks_for_its_typed_inputs_and_checks_them() -> None:
    _, backend, run = gated(
        inputs={
            "replicas": {"type": "integer", "required": True, "description": "how many"},
            "note": {"default": "none"},
        }
    )
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "needs approval")
        await pilot.press("a")
        await wait_for_text(pilot, "Approve gate?", "replicas *  (integer)  how many", "note")
        await pilot.press("right", "enter")
        await wait_for_text(pilot, "is required")
        assert not backend.asked
        await pilot.press("x")
        await wait_for_text(pilot, "Approve gate?")
        await pilot.press("backspace", "3", "tab", "tab", "tab", "right", "enter")
        await wait_until(pilot, lambda: bool(backend.asked))
        assert backend.asked[0][3]["inputs"] == {"replicas": 3, "note": "none"}


async def test_a_request_that_nobody_is_there_to_take_says_so() -> None:
    world, backend, run = gated()
    backend.decides, backend.is_owned = False, False
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "needs approval")
        world.orphan(run)
        await wait_for_text(pilot, "this execution is gone: press p to resume", "p resume")
        assert "p pause" not in screen_text(pilot.app)
        await pilot.press("colon", *"resume")
        await wait_for_text(pilot, "resume  (p)")
        await pilot.press("escape")
        await reject(pilot)
        await wait_until(pilot, lambda: bool(backend.asked))
        backend.decide(1)
        await wait_for_text(pilot, "gate: rejected")


async def test_the_question_says_who_may_answer_and_until_when() -> None:
    world, backend, run = gated(timeout="10m", approvers=["ada", "grace@host"])
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "needs approval")
        await pilot.press("a")
        await wait_for_text(
            pilot, "Who may answer: ada, grace@host. You are ada: you are one of them.", "Until "
        )
        world.clock.forward(700)
        await wait_for_text(pilot, "The time to answer is over.")
        world.task(run, "gate", TaskState.FAILED, Reason.TIMEOUT)
        await wait_for_text(pilot, "gate no longer waits: it is failed.")


async def test_who_may_not_answer_is_told_so_and_cannot() -> None:
    _world, backend, run = gated(approvers=["grace"])
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "needs approval")
        await pilot.press("a")
        await wait_for_text(pilot, "gate waits for an approval", "You are ada: you may not.")
        buttons = {button.name: button.disabled for button in pilot.app.screen.query(Button)}
        assert buttons == {None: False, "approve": True, "reject": True}
        await pilot.press("right", "enter")
        await pilot.pause(0.1)
        assert backend.asked == []


async def test_a_paused_run_is_resumed_by_the_same_key_and_says_so() -> None:
    world, backend, run = gated()
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "p pause")
        world.execution(run, ExecutionState.PAUSED, Reason.USER_PAUSED)
        await wait_for_text(pilot, "p resume")
        await pilot.press("p")
        await wait_for_text(pilot, "resumed")
        assert backend.asked[0][1] is RequestKind.RESUME


@pytest.mark.parametrize(
    ("actor", "approvers", "may"),
    [
        ("ada@host", (), True),
        ("ada@host", ("ada",), True),
        ("ada@host", ("ada@host",), True),
        ("ada@host", ("ada@other", "grace"), False),
    ],
)
def test_who_may_answer(actor: str, approvers: tuple[str, ...], may: bool) -> None:
    assert may_answer(actor, approvers) is may


def test_the_time_to_answer_counts_from_the_first_attempt_that_a_runner_lost() -> None:
    world, _backend, run = gated(timeout=600)
    snapshot = world.runs[run].snapshot
    start = world.clock.at

    def attempt(number: int, state: AttemptState) -> Attempt:
        return Attempt(
            execution_id=run,
            task_id="gate",
            attempt=number,
            state=state,
            reason_code=Reason.SLOT_ACQUIRED,
            started_at=start + number * SECOND,
        )

    states = (AttemptState.FAILED, AttemptState.LOST, AttemptState.LOST, AttemptState.RUNNING)
    attempts = [attempt(number, state) for number, state in enumerate(states)]
    found = open_question(snapshot.tasks["gate"], attempts, snapshot.current, None, None)
    assert found.until == start + 601 * SECOND
    never = open_question(snapshot.tasks["gate"], [], snapshot.current, None, None)
    assert never.until is None
