"""What people do to a live execution: approve, reject, retry; sub-missions; shared slots."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.events import Noted
from core.domain.mission import Handlers, Mission, RetryPolicy
from core.domain.process_policy import StopPolicy
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.mission_file.load import load_mission
from core.ports.control import RequestKind
from core.ports.executor import Census
from storage.file.slots import FileSlots
from tests.support.fake_executor import Act
from tests.support.rig import FakeMissions, Rig, a_command
from tests.support.simulation import a_plan, a_step

BAD = Act(exit_code=1)


def an_approval(step_id: str, *needs: str, **parameters: Any) -> Any:
    asked = {"prompt": "ship it?", **parameters}
    return a_step(step_id, *needs, step_type="approval", parameters=asked)


def answer(kind: RequestKind, step: str = "ask", **arguments: Any) -> Any:
    return lambda rig: rig.ask(kind, step, **arguments)


def test_an_approved_step_succeeds_and_says_who_and_why() -> None:
    rig = Rig(a_plan(an_approval("ask"), a_command("ship", "ask")))
    ending = rig.run((60.0, answer(RequestKind.APPROVE, comment="looks good")))
    assert ending.state is ExecutionState.SUCCESS
    task = rig.snapshot.tasks["ask"]
    assert task.reason_code is Reason.APPROVED
    outputs = {"approved_by": "operator@rig", "comment": "looks good", "inputs": {}}
    assert task.outputs == outputs
    assert rig.started() == ["ship"]


def test_a_rejected_step_fails_without_a_retry() -> None:
    rig = Rig(a_plan(an_approval("ask"), a_command("ship", "ask")))
    ending = rig.run((60.0, answer(RequestKind.REJECT, comment="not today")))
    assert ending.state is ExecutionState.FAILED
    assert rig.reason("ask") is Reason.REJECTED
    assert "not today" in (rig.snapshot.tasks["ask"].message or "")
    assert rig.started() == []


def test_a_step_that_waits_for_a_person_holds_no_slot() -> None:
    mission = a_plan(an_approval("ask"), a_command("other"), parallel_limit=1)
    rig = Rig(mission)
    seen: list[TaskState] = []
    rig.run(
        (30.0, lambda r: seen.extend([r.state("ask"), r.state("other")])),
        (60.0, answer(RequestKind.APPROVE)),
    )
    assert seen == [TaskState.WAITING, TaskState.SUCCESS]


def test_an_approval_gives_typed_values_and_wrong_ones_are_refused_while_it_waits_on() -> None:
    wanted = {
        "replicas": {"type": "integer", "required": True},
        "where": {"type": "choice", "choices": ["eu", "us"], "default": "eu"},
        "note": {},  # neither required nor with a default: whoever asks sends it as null
    }
    ship = a_command("ship", "ask", env={"N": "{{ steps.ask.output.inputs.replicas + 1 }}"})
    rig = Rig(a_plan(an_approval("ask", inputs=wanted), ship))
    rig.run(
        (1.0, answer(RequestKind.APPROVE)),
        (2.0, answer(RequestKind.APPROVE, inputs={"replicas": "many"})),
        (3.0, answer(RequestKind.APPROVE, inputs={"replicas": 1, "wher": "eu"})),
        (60.0, answer(RequestKind.APPROVE, inputs={"replicas": "3", "note": None})),
    )
    found = (rig.snapshot.tasks["ask"].outputs or {})["inputs"]
    assert found == {"replicas": 3, "where": "eu", "note": None}
    assert rig.executor.jobs[0].env["N"] == "4"
    notes = [event for event in rig.seen if isinstance(event, Noted)]
    refused = [note.facts["why"] for note in notes if note.kind == "request.refused"]
    assert refused == [
        "`replicas` is required (integer)",
        "`replicas`: 'many' is not an integer",
        "`wher` is not a parameter of this approval, did you mean `where`?",
    ]


def test_what_an_approval_asks_for_is_checked_in_the_file() -> None:
    head = 'version: "1.0"\nname: x\nsteps:\n  - id: a\n    step_type: approval\n    parameters:\n'
    for text, line in (
        ("      prompt: go\n      inputs: {n: {type: integer, default: many}}\n", 8),
        ("      prompt: go\n      inputs:\n        n: {type: choice}\n", 9),
        ("      prompt: go\n      inputs: {n: {secret: true}}\n", 8),
        ("      prompt: go\n      inputs: {n-1: {}}\n", 8),
    ):
        (found,) = load_mission(head + text).diagnostics
        assert (found.line, found.file) == (line, "<stdin>"), found


def test_only_those_named_may_answer() -> None:
    rig = Rig(a_plan(an_approval("ask", approvers=["boss"])))

    def as_boss(rig: Rig) -> None:
        from core.ports.control import Request

        assert rig.engine is not None
        rig.engine.request(
            Request(
                request_id=2,
                execution_id=rig.snapshot.current.execution_id,
                kind=RequestKind.APPROVE,
                actor="boss@hq",
                created_at=rig.clock.now(),
                task_id="ask",
            )
        )

    rig.run((1.0, answer(RequestKind.APPROVE)), (50.0, as_boss))
    outputs = rig.snapshot.tasks["ask"].outputs
    assert outputs is not None
    assert outputs["approved_by"] == "boss@hq"
    assert any(getattr(event, "kind", "") == "request.refused" for event in rig.seen)


def test_an_approval_that_nobody_gives_times_out() -> None:
    rig = Rig(a_plan(an_approval("ask", timeout="1m")))
    rig.run()
    assert rig.reason("ask") is Reason.TIMEOUT


@pytest.mark.parametrize("pause", [0.0, 5.0])
def test_an_approval_that_nobody_gave_is_asked_for_again_where_it_is_retried(pause: float) -> None:
    retry = RetryPolicy(max_attempts=3, initial_interval=pause)
    step = replace(an_approval("ask", timeout=60), retry=retry)
    rig = Rig(a_plan(step, a_command("ship", "ask")))
    ending = rig.run((70.0, answer(RequestKind.APPROVE)))
    assert ending.state is ExecutionState.SUCCESS
    states = [one.state for one in rig.snapshot.attempts["ask"]]
    assert states == [AttemptState.FAILED, AttemptState.SUCCESS]

    rig = Rig(a_plan(step, a_command("ship", "ask")))
    assert rig.run().state is ExecutionState.FAILED
    assert rig.reason("ask") is Reason.RETRIES_EXHAUSTED
    assert [one.state for one in rig.snapshot.attempts["ask"]] == [AttemptState.FAILED] * 3


def test_a_cancel_ends_a_waiting_approval() -> None:
    rig = Rig(a_plan(an_approval("ask")))
    ending = rig.run((5.0, lambda r: r.ask(RequestKind.CANCEL)))
    assert ending.state is ExecutionState.CANCELLED
    assert rig.snapshot.attempts["ask"][0].state is AttemptState.CANCELLED


def test_a_failed_step_of_a_live_execution_is_retried_with_its_downstream() -> None:
    mission = a_plan(
        a_command("shaky"), a_command("next", "shaky"), a_command("long"), fail_fast=False
    )
    rig = Rig(mission, {"shaky": [BAD, Act()], "long": Act(seconds=100)})
    ending = rig.run((10.0, lambda r: r.ask(RequestKind.RETRY, "shaky", downstream=True)))
    assert ending.state is ExecutionState.SUCCESS
    assert rig.started() == ["shaky", "long", "shaky", "next"]
    assert [a.attempt for a in rig.snapshot.attempts["shaky"]] == [1, 2]


def test_a_retry_without_downstream_leaves_what_was_skipped() -> None:
    mission = a_plan(
        a_command("shaky"), a_command("next", "shaky"), a_command("long"), fail_fast=False
    )
    rig = Rig(mission, {"shaky": [BAD, Act()], "long": Act(seconds=100)})
    rig.run((10.0, lambda r: r.ask(RequestKind.RETRY, "shaky")))
    assert rig.state("shaky") is TaskState.SUCCESS
    assert rig.state("next") is TaskState.SKIPPED


@pytest.mark.parametrize("step", ["fine", "nothing"])
def test_what_cannot_be_retried_is_refused_with_a_reason(step: str) -> None:
    rig = Rig(a_plan(a_command("fine"), a_command("long")), {"long": Act(seconds=50)})
    rig.run((10.0, lambda r: r.ask(RequestKind.RETRY, step)))
    refused = [e for e in rig.seen if getattr(e, "kind", "") == "request.refused"]
    assert len(refused) == 1
    assert "retried" in str(refused[0].details()["why"])


def test_a_retry_while_the_handlers_run_is_refused() -> None:
    mission = replace(
        a_plan(a_command("bad"), fail_fast=False), handlers=Handlers(always=(a_command("tidy"),))
    )
    rig = Rig(mission, {"bad": BAD, "tidy": Act(seconds=10)})
    ending = rig.run((5.0, lambda r: r.ask(RequestKind.RETRY, "bad")))
    assert ending.state is ExecutionState.FAILED
    assert rig.started() == ["bad", "tidy"]
    assert rig.state("bad") is TaskState.FAILED
    (outcome,) = rig.journals[-1].world.outcomes.values()
    assert (outcome.done, outcome.why) == (False, "the execution is ending")


def test_a_cancel_of_what_a_deadline_is_already_ending_makes_no_success_of_it() -> None:
    acts = {"stubborn": Act(seconds=1000, ignores_term=True)}
    rig = Rig(a_plan(a_command("stubborn"), timeout_seconds=10.0), acts)
    ending = rig.run((11.0, lambda r: r.ask(RequestKind.CANCEL)))
    assert (ending.state, ending.reason) == (ExecutionState.FAILED, Reason.MISSION_TIMEOUT)
    assert rig.reason("stubborn") is Reason.MISSION_TIMEOUT

    steps = (a_command("stubborn"), a_command("later", "stubborn"))
    rig = Rig(a_plan(*steps, timeout_seconds=10.0), acts)
    ending = rig.run((11.0, lambda r: r.ask(RequestKind.CANCEL)))
    assert ending.state in {ExecutionState.FAILED, ExecutionState.CANCELLED}


def test_handlers_run_after_a_cancel_and_after_a_timeout() -> None:
    for timeout in (None, 10.0):
        mission = Mission(
            version="1.0",
            name="handled",
            steps=(a_command("main"),),
            config=a_plan(timeout_seconds=timeout).config,
            handlers=Handlers(
                on_cancel=(a_command("cancelled"),),
                on_failure=(a_command("failed"),),
                always=(a_command("tidy"),),
            ),
        )
        rig = Rig(mission, {"main": Act(seconds=1000)})
        script = [] if timeout else [(5.0, lambda r: r.ask(RequestKind.CANCEL))]
        rig.run(*script)
        assert rig.started() == ["main", "failed" if timeout else "cancelled", "tidy"]


def test_a_handler_that_hangs_meets_a_deadline_of_its_own() -> None:
    mission = Mission(
        version="1.0",
        name="handled",
        steps=(a_command("main"),),
        handlers=Handlers(always=(a_command("hangs"),)),
    )
    rig = Rig(mission, {"hangs": Act(seconds=1e6)})
    ending = rig.run()
    assert rig.reason("hangs") is Reason.TIMEOUT
    assert ending.reason is Reason.HANDLER_FAILED


def test_shared_slots_hold_over_executions_and_come_back(tmp_path: Path) -> None:
    mine, theirs = FileSlots(tmp_path / "slots", 2), FileSlots(tmp_path / "slots", 2)
    first, second = mine.try_take(), theirs.try_take()
    assert {first, second} == {0, 1}
    assert mine.try_take() is None
    assert theirs.try_take() is None
    assert second is not None
    theirs.give_back(second)
    theirs.give_back(second)
    assert mine.try_take() == second


def test_an_engine_waits_for_a_shared_slot_and_goes_on(tmp_path: Path) -> None:
    slots, others = FileSlots(tmp_path / "slots", 1), FileSlots(tmp_path / "slots", 1)
    rig = Rig(a_plan(a_command("a"), a_command("b")))
    rig.slots = slots
    held = others.try_take()
    assert held is not None
    starts: list[list[str]] = []
    rig.run((5.0, lambda r: starts.append(r.started())), (6.0, lambda _: others.give_back(held)))
    assert starts == [[]]
    assert rig.started() == ["a", "b"]
    assert rig.executor.most_at_once == 1
    assert others.try_take() is not None


def test_a_sub_mission_hands_its_parameters_down_and_its_outputs_up() -> None:
    asked: list[tuple[str, str, Mapping[str, Any]]] = []
    child = Rig(a_plan(a_step("hi", step_type="log", parameters={"message": "from the child"})))

    async def run_child(task_id: str, file: str, params: Mapping[str, Any]) -> Any:
        asked.append((task_id, file, params))
        await child._main(())
        return child.result()

    parameters = {"file": "child.yaml", "params": {"who": "{{ 'bob' }}"}}
    mission = a_plan(
        a_step("sub", step_type="mission", parameters=parameters),
        a_step("say", "sub", step_type="log",
               parameters={"message": "{{ steps.sub.output.outputs.hi.message }}"}),
    )  # fmt: skip
    rig = Rig(mission)
    rig.missions = FakeMissions(run_child)
    assert rig.run().state is ExecutionState.SUCCESS
    assert asked == [("sub", "child.yaml", {"who": "bob"})]
    outputs = rig.snapshot.tasks["say"].outputs
    assert outputs is not None
    assert outputs["message"] == "from the child"


def test_a_cancelled_parent_lets_its_child_clean_up_first() -> None:
    cleaned: list[bool] = []

    async def run_child(_task_id: str, _file: str, _params: Mapping[str, Any]) -> Any:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            await asyncio.sleep(3)
            cleaned.append(True)
            raise

    rig = Rig(a_plan(a_step("sub", step_type="mission", parameters={"file": "child.yaml"})))
    rig.missions = FakeMissions(run_child)
    ending = rig.run((5.0, lambda r: r.ask(RequestKind.CANCEL)))
    assert ending.state is ExecutionState.CANCELLED
    assert cleaned == [True]


def test_a_forced_cancel_while_steps_still_run_leaves_the_handlers_out() -> None:
    mission = Mission(
        version="1.0",
        name="handled",
        steps=(a_command("slow"),),
        handlers=Handlers(on_cancel=(a_command("tells"),)),
    )
    rig = Rig(mission, {"slow": Act(seconds=1000, ignores_term=True)})
    ending = rig.run(
        (2.0, lambda r: r.ask(RequestKind.CANCEL)),
        (3.0, lambda r: r.ask(RequestKind.CANCEL, force=True)),
    )
    assert ending.state is ExecutionState.CANCELLED
    assert rig.started() == ["slow"]
    assert rig.state("tells") is TaskState.SKIPPED


@pytest.mark.parametrize("before", [(), ((2.0, lambda r: r.ask(RequestKind.CANCEL)),)])
def test_a_forced_cancel_gives_what_runs_no_grace(before: tuple[Any, ...]) -> None:
    stubborn = a_command("slow", stop=StopPolicy(grace=600.0))
    rig = Rig(a_plan(stubborn), {"slow": Act(seconds=1000, ignores_term=True)})

    ending = rig.run(*before, (3.0, lambda r: r.ask(RequestKind.CANCEL, force=True)))

    assert ending.state is ExecutionState.CANCELLED
    execution = rig.snapshot.current
    assert execution.ended_at is not None
    assert execution.started_at is not None
    assert execution.ended_at - execution.started_at < 4e9


def test_what_is_asked_while_leftovers_are_ended_is_refused() -> None:
    """The end of a run's leftovers takes seconds, in which people ask."""
    rig = Rig(a_plan(a_command("a")), {"a": Act()})

    async def asking(execution_id: str) -> Census:
        rig.ask(RequestKind.CANCEL)
        return Census(processes=1)

    rig.executor.end_leftovers = asking  # type: ignore[method-assign] # somebody asks meanwhile

    assert rig.run().state is ExecutionState.SUCCESS
    (outcome,) = rig.journals[-1].world.outcomes.values()
    assert (outcome.done, outcome.why) == (False, "the execution is ending")
