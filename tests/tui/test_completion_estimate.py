"""When a run ends: an estimate where there is one, else what decides."""

from msgspec.structs import replace

from core.domain.events import StepExpanded
from core.domain.reasons import Reason
from core.domain.states import TaskState
from tests.support.tui import FakeWorld, mission_of, step
from tui.live.board import Board
from tui.live.completion_estimate import RunHistory, estimate_completion


def a_world() -> tuple[FakeWorld, str]:
    """A run of 24 steps: 22 have ended within 44 seconds, two are to come."""
    world = FakeWorld()
    steps = [step(f"s{number}") for number in range(22)]
    mission = mission_of("m", *steps, step("gate", step_type="approval"), step("runaway"))
    run = world.launch(mission)
    for one in steps:
        world.clock.forward(2)
        world.run_step(run, one.id)
    return world, run


def told(world: FakeWorld, run: str, past: RunHistory | None = None) -> str:
    found = world.runs[run]
    board = Board(found.execution(), found.snapshot.tasks.values())
    board.learn(found.mission)
    return estimate_completion(board, past or RunHistory(), world.clock.at)


def test_the_pace_of_a_run_tells_its_end_while_nothing_else_decides() -> None:
    world, run = a_world()
    assert told(world, run) == "eta ~4s"


def test_an_unanswered_approval_decides() -> None:
    world, run = a_world()
    world.begin(run, "gate")
    world.task(run, "gate", TaskState.WAITING, Reason.AWAITING_APPROVAL, "Ship it?")
    assert told(world, run) == "waiting for approval of gate"


def test_a_step_never_seen_before_decides_once_it_takes_longer_than_the_rest() -> None:
    world, run = a_world()
    world.begin(run, "runaway")
    world.clock.forward(1)
    assert told(world, run) == "eta ~4s"
    world.clock.forward(30)
    assert told(world, run) == "no eta: runaway has never ended before"
    assert told(world, run, RunHistory((60.0,), {"runaway": 40.0})) == "eta ~9s"
    assert told(world, run, RunHistory((60.0,), {"runaway": 5.0})) == (
        "no eta: runaway takes longer than before"
    )


def test_a_backoff_decides_when_it_is_longer_than_the_rest() -> None:
    world, run = a_world()
    world.begin(run, "runaway")
    world.end(run, "runaway", exit_code=75, retry_in=12)
    assert told(world, run) == "waiting for the retry of runaway"
    assert told(world, run, RunHistory((3600.0,))).startswith("eta ~59m")


def test_an_item_is_measured_by_those_that_have_ended() -> None:
    world = FakeWorld()
    run = world.launch(mission_of("m", step("fan", foreach="x")))
    world.task(run, "fan", TaskState.READY, Reason.DEPS_MET)
    world.commit(
        StepExpanded(at=world.clock.now(), execution_id=run, task_id="fan", items=tuple(range(30)))
    )
    for number in range(28):
        world.begin(run, f"fan[{number}]")
        world.clock.forward(10)
        world.end(run, f"fan[{number}]")
    world.begin(run, "fan[28]")
    world.clock.forward(9)
    assert told(world, run).startswith("eta ~")
    world.clock.forward(60)
    assert told(world, run) == "no eta: fan[28] takes longer than before"


def test_what_does_not_run_has_no_end_to_tell() -> None:
    world, run = a_world()
    found = world.runs[run]
    asked = replace(found.execution(), cancel_requested_at=world.clock.at)
    assert (
        estimate_completion(
            Board(asked, found.snapshot.tasks.values()), RunHistory(), world.clock.at
        )
        == ""
    )
