"""Breakpoints: the execution pauses once before a step, and goes on with it when resumed."""

from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.events import BreakpointChange, BreakpointChanged, ExecutionStateChanged, Noted
from core.domain.fold import fold
from core.domain.mission import Handlers
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.ports.control import RequestKind
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step


def chain(**fields: Any) -> Any:
    """Return a mission of `a`, then `b`, then `c`, and beside them `long`."""
    return a_plan(
        a_command("a"), a_command("b", "a"), a_command("c", "b"), a_command("long"), **fields
    )


ACTS = {"a": Act(seconds=1), "b": Act(seconds=1), "c": Act(seconds=1), "long": Act(seconds=30)}


def resume(rig: Rig) -> None:
    rig.ask(RequestKind.RESUME)


def changes(rig: Rig) -> list[tuple[str, BreakpointChange, str]]:
    return [(e.task_id, e.change, e.actor) for e in rig.seen if isinstance(e, BreakpointChanged)]


def pauses(rig: Rig) -> list[str | None]:
    moves = (event for event in rig.seen if isinstance(event, ExecutionStateChanged))
    return [event.message for event in moves if event.reason_code is Reason.BREAKPOINT]


def refusals(rig: Rig) -> list[str]:
    notes = (event for event in rig.seen if isinstance(event, Noted))
    return [event.facts["why"] for event in notes if event.kind == "request.refused"]


def test_it_pauses_before_the_step_while_others_run_on_and_goes_on_once_resumed() -> None:
    rig = Rig(chain(), ACTS, breakpoints=("b",))
    seen: list[Any] = []

    def look(rig: Rig) -> None:
        current = rig.snapshot.current
        seen.append((current.state, current.reason_code, current.message, current.breakpoints))
        seen.append((rig.state("b"), rig.state("long"), rig.started()))

    rig.run((10.0, look), (20.0, resume))

    message = "paused at the breakpoint before b"
    assert seen == [
        (ExecutionState.PAUSED, Reason.BREAKPOINT, message, None),
        (TaskState.READY, TaskState.RUNNING, ["a", "long"]),
    ]
    assert rig.ending is not None
    assert rig.ending.state is ExecutionState.SUCCESS
    assert rig.started() == ["a", "long", "b", "c"]
    assert changes(rig) == [("b", BreakpointChange.REACHED, "engine")]
    assert fold(rig.seen).current == rig.snapshot.current


def test_each_of_several_is_one_stop() -> None:
    rig = Rig(chain(), ACTS, breakpoints=("a", "c"))
    rig.run((5.0, resume), (10.0, resume))
    assert pauses(rig) == [f"paused at the breakpoint before {step}" for step in ("a", "c")]
    assert rig.started() == ["a", "long", "b", "c"]


def test_a_step_that_fans_out_is_one_stop_for_all_of_its_items() -> None:
    step = a_command("each", foreach=[1, 2, 3])
    rig = Rig(a_plan(step), {f"each[{n}]": Act(seconds=1) for n in range(3)}, breakpoints=("each",))
    counts: list[int] = []
    rig.run((5.0, lambda rig: counts.append(len(rig.snapshot.tasks))), (6.0, resume))
    assert counts == [1]  # not even expanded
    assert len(pauses(rig)) == 1
    assert len(rig.executor.jobs) == 3


@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_a_new_runner_stops_where_the_lost_one_had_not_and_only_there(seconds: float) -> None:
    """Lost before the breakpoint, the new runner stops at it; lost while paused, it goes past."""
    rig = Rig(chain(), ACTS, breakpoints=("b",))
    script = [(20.0, resume)] if seconds < 1 else []
    assert rig.run_twice(seconds, 60, *script).state is ExecutionState.SUCCESS
    assert len(pauses(rig)) == 1
    assert rig.started().count("b") == 1


def test_a_cancel_ends_an_execution_that_is_paused_at_one() -> None:
    rig = Rig(chain(), ACTS, breakpoints=("b",))
    assert rig.run((5.0, lambda rig: rig.ask(RequestKind.CANCEL))).state is ExecutionState.CANCELLED
    assert rig.state("b") is not TaskState.READY
    assert "b" not in rig.started()


def test_a_step_that_does_not_start_stops_nothing() -> None:
    mission = a_plan(a_command("a", when="1 > 2"), a_command("b"))
    rig = Rig(mission, breakpoints=("a",))
    assert rig.run().state is ExecutionState.SUCCESS
    assert pauses(rig) == []


def test_a_running_execution_takes_breakpoints_and_gives_them_back() -> None:
    rig = Rig(chain(), ACTS)

    def ask(kind: RequestKind, step: str) -> Any:
        return lambda rig: rig.ask(kind, step)

    rig.run(
        (0.5, ask(RequestKind.SET_BREAKPOINT, "b")),
        (0.5, ask(RequestKind.SET_BREAKPOINT, "c")),
        (0.6, ask(RequestKind.CLEAR_BREAKPOINT, "c")),
        (5.0, resume),
    )
    who = "operator@rig"
    assert changes(rig) == [
        ("b", BreakpointChange.SET, who),
        ("c", BreakpointChange.SET, who),
        ("c", BreakpointChange.CLEARED, who),
        ("b", BreakpointChange.REACHED, "engine"),
    ]
    assert pauses(rig) == ["paused at the breakpoint before b"]
    assert rig.started() == ["a", "long", "b", "c"]


def test_it_is_refused_where_it_could_not_stop_anything() -> None:
    step = a_command("each", "c", foreach=[1])
    mission = replace(
        a_plan(*chain().steps, step), handlers=Handlers(on_success=(a_command("tidy"),))
    )
    rig = Rig(mission, {**ACTS, "each[0]": Act(seconds=9)})

    def ask(*steps: str) -> Any:
        return lambda rig: [rig.ask(RequestKind.SET_BREAKPOINT, step) for step in steps]

    rig.run(
        (1.5, ask("a", "b", "nobody", "tidy", "c", "c")),
        (1.6, lambda rig: rig.ask(RequestKind.CLEAR_BREAKPOINT, "long")),
        (3.0, resume),
        (5.0, ask("each[0]")),
    )
    assert refusals(rig) == [
        "the step has ended",
        "the step has started",
        "there is no such step",
        "handlers have no breakpoints",
        "the step has a breakpoint already",
        "the step has no breakpoint",
        "it is an item: a breakpoint stands before its whole step",
    ]


def test_it_stops_a_step_that_was_armed_ahead_of_a_free_slot() -> None:
    """Many short steps, so that the next ones are armed; the last of them gets a breakpoint."""
    steps = [a_command(f"s{n}", idempotent=True) for n in range(60)]
    acts = {step.id: Act(seconds=0.01) for step in steps}
    rig = Rig(a_plan(*steps, parallel_limit=2), acts)
    armed: list[str] = []

    def set_one(rig: Rig) -> None:
        armed.extend(t.task_id for t in rig.snapshot.tasks.values() if t.is_armed)
        rig.ask(RequestKind.SET_BREAKPOINT, armed[-1])

    rig.run((0.1, set_one), (5.0, resume))
    assert armed
    assert pauses(rig) == [f"paused at the breakpoint before {armed[-1]}"]
    assert sorted(rig.started()) == sorted(step.id for step in steps)


def test_an_instant_step_stops_as_well() -> None:
    mission = a_plan(a_step("note", step_type="log", parameters={"message": "x"}), a_command("b"))
    rig = Rig(mission, breakpoints=("note", "b"))
    rig.run((1.0, resume), (2.0, resume))
    assert len(pauses(rig)) == 2
